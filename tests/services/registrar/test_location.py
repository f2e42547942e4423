import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.services.ports import BindingTarget
from sipwright.services.registrar import Binding, LocationTable
from sipwright.services.registrar.bindings import ELSEWHERE

NOW = 1_000.5


def binding(name="a", expires_at=2_000, **other):
    return Binding(
        expires_at, 1, "call", "udp/l/r", other.get("path", ""), other.get("contact", f"<sip:{name}@h>")
    )


def row(account_id, name, expires_at, updated_at=0.0, path=None):
    return (account_id, updated_at, expires_at, f"1\ncall\nudp/l/r\n{path or ''}\n<sip:{name}@h>")


def test_targets_say_how_to_reach_each_phone():
    table = LocationTable()
    phone = '<sip:b@10.0.0.5;transport=UDP>;q=0.5;+sip.instance="<urn:uuid:1>"'
    table.put(1, [binding("a", path="<sip:p1;lr>, <sip:p2;lr>"), binding(contact=phone)])

    assert table.targets(1, NOW) == [
        BindingTarget("sip:a@h", "udp/l/r", ["<sip:p1;lr>", "<sip:p2;lr>"], 1.0, None),
        BindingTarget("sip:b@10.0.0.5;transport=UDP", "udp/l/r", [], 0.5, "<urn:uuid:1>"),
    ]
    assert table.targets(2, NOW) == []


@pytest.mark.parametrize(
    ("source", "path", "expected"),
    [
        ("north!udp/10.0.0.1:5060/10.0.0.9:5060", "<sip:10.0.0.9;lr>", "udp/10.0.0.1:5060/10.0.0.9:5060"),
        ("north!udp/10.0.0.1:5060/[fd00::9]:5080", "<sip:[fd00::9]:5080;lr>, <sip:p2;lr>",
         "udp/10.0.0.1:5060/[fd00::9]:5080"),
        # A proxy behind a NAT, or on a connection, is reached by the node that it talks to.
        ("north!udp/10.0.0.1:5060/10.0.0.9:40112", "<sip:10.0.0.9;lr>", None),
        ("north!udp/10.0.0.1:5060/198.51.100.7:5060", "<sip:192.168.1.2;lr>", None),
        ("north!tcp/10.0.0.1:5060/10.0.0.9:5060", "<sip:10.0.0.9;lr>", None),
        ("north!udp/10.0.0.1:5060/10.0.0.9:5060", "<nonsense>", None),
        ("north!udp/10.0.0.1:5060/10.0.0.9:5060", "", None),
        ("udp/10.0.0.1:5060/10.0.0.9:5060", "<sip:10.0.0.9;lr>", None),
    ],
)  # fmt: skip
def test_every_node_reaches_the_proxy_that_has_registered_a_phone(source, path, expected):
    """RFC 3327 §5.3: the Path leads to the phone, whichever node the proxy has chosen for the REGISTER."""
    table = LocationTable()
    table.put(1, [binding(path=path)._replace(source=source)])

    assert [target.source for target in table.targets(1, NOW)] == [expected or source]


def test_it_is_known_how_many_bindings_there_are():
    table = LocationTable()
    table.load([row(1, "a", 900.0), row(2, "a", 900.0), row(2, "b", 900.0)], 0.0, 0.0)
    counts = [table.bindings_count]
    for bindings in ([binding("a"), binding("b"), binding("c")], [binding("a")], []):
        table.put(1, bindings)
        counts.append(table.bindings_count)

    assert counts == [3, 5, 3, 2]


def test_of_equally_preferred_phones_the_latest_comes_first():
    table = LocationTable()
    table.put(1, [binding("old"), binding("new")])

    assert [target.uri for target in table.targets(1, NOW)] == ["sip:new@h", "sip:old@h"]


@pytest.mark.parametrize(
    "contact", ["<sip:a@h>", "<sip:a@h>;q=0.3", "<sip:a@h;ob>;+sip.instance=x", '"A" <sip:a@h>']
)
@pytest.mark.parametrize("source", ["udp/l/r", "north!udp/l/r"])
@pytest.mark.parametrize("path", ["", "<sip:p;lr>"])
@pytest.mark.parametrize("expires_at", [999, 1_000, 1_000 - ELSEWHERE, 999 - ELSEWHERE])
def test_an_only_phone_is_reached_as_one_of_several_is(contact, source, path, expires_at):
    one = binding(expires_at=expires_at, path=path, contact=contact)._replace(source=source)
    long_gone = binding(expires_at=1)
    table = LocationTable()
    table.put(1, [one])
    table.put(2, [one, long_gone])

    assert table.targets(1, NOW) == table.targets(2, NOW)


def test_nobody_is_sent_to_an_expired_binding():
    table = LocationTable()
    table.put(1, [binding("a", 999), binding("b", 1_000)])

    assert [target.uri for target in table.targets(1, NOW)] == ["sip:b@h"]


def test_a_phone_is_at_its_flow_until_it_expires():
    table = LocationTable()
    near, far = binding("near")._replace(source="udp/l/near"), binding("far")._replace(source="udp/l/far")
    table.put(1, [near, far._replace(expires_at=999), binding("other")._replace(call_id="udp/l/else")])

    assert [source for source in ("near", "far", "r", "else") if table.is_at(1, f"udp/l/{source}", NOW)] == [
        "near",
        "r",
    ]
    assert not table.is_at(2, "udp/l/near", NOW)


def test_a_flow_at_which_all_is_valid_is_found_at_once():
    table = LocationTable()
    table.put(1, [binding("a"), binding("b")._replace(source="udp/l/b")])

    assert table.is_at(1, "udp/l/b", NOW)
    assert not table.is_at(1, "udp/l/a", NOW)


def test_an_account_without_bindings_takes_no_room():
    table = LocationTable()
    table.put(1, [binding()])
    table.put(1, [])
    table.put(2, [])

    assert len(table) == 0
    assert table.bindings(1) == []


def test_a_phone_is_found_by_where_it_registered():
    table = LocationTable()
    assert table.account_at("udp/l/r", NOW) is None

    table.put(1, [binding("a", expires_at=1_100)])
    table.put(2, [binding("b")._replace(source="udp/l/s")])
    assert (table.account_at("udp/l/r", NOW), table.account_at("udp/l/s", NOW)) == (1, 2)
    assert table.account_at("udp/l/r", 1_101.0) is None

    table.put(1, [])
    assert table.account_at("udp/l/r", NOW) is None


def test_sources_that_nobody_is_behind_any_more_are_forgotten():
    table = LocationTable()
    table.account_at("udp/l/r", NOW)
    for port in range(2_000):
        table.put(1, [binding("a")._replace(source=f"udp/l/{port}")])

    assert (table.account_at("udp/l/1999", NOW), table.account_at("udp/l/1", NOW)) == (1, None)
    assert len(table._sources) == 1


def test_the_table_has_a_limit():
    table = LocationTable(capacity=1)
    assert not table.is_full
    table.put(1, [binding()])

    assert table.is_full
    assert 1 in table
    assert 2 not in table


def test_expired_bindings_are_found_account_by_account():
    table = LocationTable()
    for account_id in range(100):
        table.put(account_id, [binding("a", 999), binding("b", 2_000)])
    table.put(200, [binding("only", 999)])
    rounds = [table.expire(NOW) for _ in range(40)]
    gone = [one for part in rounds for one in part]

    assert sorted(gone) == sorted(
        [(n, binding("a", 999)) for n in range(100)] + [(200, binding("only", 999))]
    )
    assert max(map(len, rounds)) <= 4
    assert 200 not in table
    assert table.bindings(7) == [binding("b", 2_000)]


def test_expire_copes_with_accounts_that_left_meanwhile():
    table = LocationTable()
    for account_id in range(40):
        table.put(account_id, [binding("a", 999)])
    table.expire(NOW)
    for account_id in range(40):
        table.put(account_id, [])

    assert [table.expire(NOW) for _ in range(60)] == [[]] * 60


def test_loaded_rows_are_the_same_bindings_again():
    """Rows hold times of day, the table holds monotonic ones."""
    table = LocationTable()
    now_unix = 1_763_640_000.5
    rows = [
        row(1, "second", now_unix + 60, updated_at=2.0),
        row(2, "other", now_unix + 60, path="<sip:p;lr>"),
        row(1, "first", now_unix + 60, updated_at=1.0),
    ]
    table.load(rows, NOW, now_unix)

    assert table.bindings(1) == [binding("first", 1_060), binding("second", 1_060)]
    assert table.bindings(2) == [binding("other", 1_060, path="<sip:p;lr>")]


def test_what_expired_while_we_were_away_is_loaded_to_be_expired():
    table = LocationTable()
    table.load([row(1, "a", 5_000.0)], NOW, 9_000.0)

    assert table.targets(1, NOW) == []
    assert [account_id for account_id, _ in table.expire(NOW)] == [1]


def test_a_line_break_cannot_get_in():
    table = LocationTable()

    with pytest.raises(ValueError, match="line break"):
        table.put(1, [binding(contact="<sip:a@h>\nevil")])
    assert len(table) == 0


TEXTS = st.text(st.characters(blacklist_characters="\n"))


@given(
    st.lists(
        st.builds(Binding, st.integers(), st.integers(), TEXTS, TEXTS, TEXTS, TEXTS), min_size=1, max_size=10
    )
)
def test_what_is_put_can_be_read(bindings):
    table = LocationTable()
    table.put(1, bindings)

    assert table.bindings(1) == bindings


@pytest.mark.parametrize(("first", "last", "found"), [(1, 2, [1, 2]), (2, 3, [2]), (0, 2**31, [1, 2, 9])])
def test_accounts_with_bindings_are_found_by_their_range(first, last, found):
    table = LocationTable()
    for account_id in (1, 2, 9):
        table.put(account_id, [binding()])

    assert table.accounts_between(first, last) == found


def test_a_phone_at_another_node_is_rung_while_it_is_looked_up_whether_it_has_come_again():
    """It may have been refreshed there, of which this node does not hear."""
    table = LocationTable()
    elsewhere = binding("a", 999)._replace(source="north!udp/l/r")
    table.put(1, [elsewhere])
    found = [one for _ in range(31) for one in table.expire(NOW)]

    assert found[:1] == [(1, elsewhere)]
    assert [target.uri for target in table.targets(1, NOW)] == ["sip:a@h"]
    assert table.targets(1, NOW + ELSEWHERE) == []
    table.expire(NOW + ELSEWHERE)
    assert 1 not in table


def test_a_phone_is_at_its_flow_whichever_worker_has_registered_it():
    table = LocationTable()
    table.put(1, [binding("a")._replace(source="north+2!udp/l/r")])

    assert table.is_at(1, "udp/l/r", NOW)
    assert table.account_at("udp/l/r", NOW) == 1
    assert not table.is_at(1, "udp/l/other", NOW)

import pytest

from sipwright.services.registrar import LocationTable
from sipwright.services.rows import BINDING_LINES
from sipwright.sip.nonces import NonceKeeper
from sipwright.store.schema.rows import BindingRow

CONTACT = "Contact: <sip:alice@10.0.0.5:5062>"


def test_other_methods_are_left_to_other_steps(world):
    incoming = world.receive(world.text(CONTACT))
    incoming.request.method = "INVITE"

    assert world.registrar(incoming) is False


def test_a_phone_registers(world):
    incoming = world.register("Contact: <sip:alice@10.0.0.5:5062>;expires=3600", "User-Agent: Phone/1.0")
    response = incoming.response

    assert response.status == 200
    assert response.headers.get_all("Contact") == ["<sip:alice@10.0.0.5:5062>;expires=120"]
    assert response.headers.get("Date") == "Thu, 20 Nov 2025 12:00:00 GMT"
    assert "Path" not in response.headers
    assert "Record-Route" not in response.headers


def test_a_phone_behind_nat_is_reached_where_it_registered_from(world):
    world.register(CONTACT)
    (target,) = world.locations.targets(1, world.now)

    assert target.uri == "sip:alice@10.0.0.5:5062"
    assert target.source == "udp/192.0.2.1:5060/203.0.113.9:40001"


def test_a_stored_binding_survives_a_restart(world):
    world.register(CONTACT, "Path: <sip:p;lr>")
    reborn = LocationTable()
    (row,) = (BindingRow(*row) for row in world.writer.rows["binding"].values())
    text = "\n".join(str(getattr(row, name) or "") for name in BINDING_LINES)
    stored = [(row.account_id, row.updated_at, row.expires_at, text)]
    reborn.load(stored, 77.0 + world.now, world.unix_time())

    assert reborn.targets(1, 77.0 + world.now) == world.locations.targets(1, world.now)


def test_several_contacts_are_answered_once_with_all(world):
    world.writer.is_eager = False
    incoming = world.register("Contact: <sip:a@10.0.0.5>, <sip:b@10.0.0.5>", "m: <sip:c@10.0.0.5>;expires=60")
    world.writer.commit()

    assert incoming.response.headers.get_all("Contact") == [
        "<sip:a@10.0.0.5>;expires=120",
        "<sip:b@10.0.0.5>;expires=120",
        "<sip:c@10.0.0.5>;expires=60",
    ]
    assert world.stored() == ["<sip:a@10.0.0.5>", "<sip:b@10.0.0.5>", "<sip:c@10.0.0.5>"]


def test_the_answer_lists_all_bindings_with_what_is_left_of_them(world):
    world.register("Contact: <sip:a@10.0.0.5>")
    world.now += 50
    response = world.register("Contact: <sip:b@10.0.0.5>").response

    assert response.headers.get_all("Contact") == [
        "<sip:a@10.0.0.5>;expires=70",
        "<sip:b@10.0.0.5>;expires=120",
    ]


def test_a_query_changes_nothing(world):
    """§10.2.3."""
    world.register(CONTACT)
    rows = dict(world.writer.rows["binding"])
    response = world.register().response

    assert response.status == 200
    assert response.headers.get_all("Contact") == ["<sip:alice@10.0.0.5:5062>;expires=120"]
    assert world.writer.rows["binding"] == rows


def test_removal(world):
    world.register("Contact: <sip:a@10.0.0.5>, <sip:b@10.0.0.5>")
    response = world.register("Contact: <sip:a@10.0.0.5>;expires=0").response

    assert response.headers.get_all("Contact") == ["<sip:b@10.0.0.5>;expires=120"]
    assert world.contacts() == world.stored() == ["<sip:b@10.0.0.5>"]


def test_removal_of_everything(world):
    world.register("Contact: <sip:a@10.0.0.5>, <sip:b@10.0.0.5>")
    world.writer.is_eager = False
    incoming = world.register("Contact: *", "Expires: 0")

    assert incoming.responses == []
    world.writer.commit()
    assert incoming.response.headers.get_all("Contact") == []
    assert world.contacts() == world.stored() == []


def test_removal_of_what_is_not_there(world):
    response = world.register("Contact: <sip:a@10.0.0.5>;expires=0").response

    assert (response.status, response.headers.get_all("Contact")) == (200, [])


def test_a_refresh_that_writes_the_contact_anew_leaves_one_row(world):
    world.register("Contact: <sip:a@10.0.0.5>;q=0.1")
    world.register("Contact: <sip:a@10.0.0.5>;q=0.2")

    assert world.contacts() == world.stored() == ["<sip:a@10.0.0.5>;q=0.2"]


def test_a_request_that_comes_again_without_its_transaction_gets_what_is_there(world):
    """After a kill the transaction is gone, and the nonce is as good as new: the answer is the same all the same."""
    text = world.text(f"Authorization: {world.authorization()}", CONTACT, cseq=5)
    first = world.receive(text)
    before = dict(world.writer.rows["binding"])
    world.now += 20
    second = world.receive(text)
    world.nonces = NonceKeeper(b"secret")
    world.authenticator._nonces = world.nonces
    third = world.receive(text)

    assert [one.response.status for one in (first, second, third)] == [200, 200, 200]
    assert [one.response.headers.get("Contact").rpartition("=")[2] for one in (first, second, third)] == [
        "120",
        "100",
        "100",
    ]
    assert world.writer.rows["binding"] == before


def test_a_path_is_told_again(world):
    headers = ["Supported: path", "Path: <sip:edge.example;lr>", CONTACT]
    world.register(*headers, cseq=5)
    again = world.register(*headers, cseq=5).response

    assert (again.status, again.headers.get("Path")) == (200, "<sip:edge.example;lr>")


@pytest.mark.parametrize(
    "headers", [[f"{CONTACT};expires=60"], [CONTACT, "Expires: 0"], [CONTACT, "Contact: <sip:b@10.0.0.9>"]]
)
def test_an_equal_cseq_that_asks_for_something_else_fails(world, headers):
    world.register(CONTACT, cseq=5)
    before = dict(world.writer.rows["binding"])

    assert world.register(*headers, cseq=5).response.status == 500
    assert world.register(CONTACT, cseq=4).response.status == 500
    assert world.writer.rows["binding"] == before


def test_an_equal_cseq_from_elsewhere_fails(world, at):
    world.register(CONTACT, cseq=5)

    assert world.register(CONTACT, cseq=5, flow=at("203.0.113.9", 40_002)).response.status == 500


@pytest.mark.parametrize(
    "headers", [["Contact: <sip:other@10.0.0.5>", CONTACT], ["Contact: *", "Expires: 0"]]
)
def test_an_overtaken_request_fails_and_changes_nothing(world, headers):
    """§10.3 steps 6 and 7."""
    world.register(CONTACT, cseq=5)
    before = dict(world.writer.rows["binding"])
    response = world.register(*headers, cseq=5).response

    assert (response.status, response.reason) == (500, "CSeq Is Not Higher Than The Last One")
    assert world.writer.rows["binding"] == before
    assert world.register(*headers, cseq=6).response.status == 200


def test_an_expired_binding_holds_nobody_up(world):
    world.register(CONTACT, cseq=5)
    world.now += 121

    assert world.register(CONTACT, cseq=1).response.status == 200


def test_an_eleventh_binding_pushes_out_the_oldest(world):
    for n in range(11):
        world.register(f"Contact: <sip:{n}@10.0.0.5>")

    assert world.contacts() == [f"<sip:{n}@10.0.0.5>" for n in range(1, 11)]
    assert world.stored() == sorted(world.contacts())


def test_path_is_kept_and_given_back(world):
    """RFC 3327 §5.3."""
    response = world.register(CONTACT, "Supported: path", "Path: <sip:p1;lr>,<sip:p2;lr>").response
    (target,) = world.locations.targets(1, world.now)

    assert response.headers.get_list("Path") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert response.headers.get("Supported") == "path"
    assert target.path == ["<sip:p1;lr>", "<sip:p2;lr>"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ('"The, edge" <sip:token@[2001:db8::1]:65535;lr;ob>;x=y', 200),
        ("<sips:edge.example:5061;transport=tls;lr>", 200),
        ("garbage", 400),
        ("sip:edge.example;lr", 400),
        ("<tel:+1>", 400),
        ("<sip:edge.example;lr>, <sip:a b;lr>", 400),
        ("<sip:edge.example:99999;lr>", 400),
        ("<sip:@edge.example;lr>", 400),
    ],
)
def test_a_path_that_makes_no_route_is_refused(world, path, expected):
    """RFC 3327 §4: its grammar is that of Route; a phone behind anything else could never be called."""
    response = world.register(CONTACT, f"Path: {path}").response

    assert response.status == expected
    assert len(world.contacts()) == (expected == 200)


@pytest.mark.parametrize(
    ("require", "status", "unsupported"),
    [("path", 200, None), ("Path, gruu, 100rel", 420, "gruu, 100rel")],
)
def test_required_extensions(world, require, status, unsupported):
    """§10.3 step 2."""
    response = world.register(CONTACT, f"Require: {require}").response

    assert response.status == status
    assert response.headers.get("Unsupported") == unsupported


def test_only_the_owner_may_register_an_address(world):
    """§10.3 step 4; an address that does not exist looks like somebody else's."""
    for aor in ("bob@example.org", "mallory@example.org"):
        credentials = f"Authorization: {world.authorization('alice')}"
        incoming = world.receive(world.text(credentials, CONTACT, aor=aor))

        assert (incoming.response.status, incoming.response.reason) == (403, "Address Is Not Yours")
        assert incoming.has_transaction
    assert world.writer.rows["binding"] == {}


@pytest.mark.parametrize(
    ("aor", "uri"),
    [("alice@elsewhere.example", "sip:example.org"), ("alice@example.org", "sip:elsewhere.example")],
)
def test_a_domain_that_is_not_served(world, aor, uri):
    incoming = world.receive(world.text(CONTACT, aor=aor, uri=uri))

    assert (incoming.response.status, incoming.response.reason) == (404, "Domain Not Served Here")
    assert not incoming.has_transaction


def test_the_address_of_the_switch_stands_for_its_domain(world):
    credentials = world.authorization(uri="sip:192.0.2.1:5060")
    text = world.text(
        f"Authorization: {credentials}", CONTACT, aor="alice@192.0.2.1:5060", uri="sip:192.0.2.1:5060"
    )

    assert world.receive(text).response.status == 200
    assert world.contacts() == ["<sip:alice@10.0.0.5:5062>"]


def test_escapes_and_parameters_do_not_make_another_address(world):
    """§10.3 step 5."""
    text = world.text(f"Authorization: {world.authorization()}", CONTACT)
    text = text.replace("To: <sip:alice@example.org>", "To: <sip:%61lice@EXAMPLE.org;user=phone>")

    assert world.receive(text).response.status == 200


def test_an_address_without_a_user_is_nobodys(world):
    text = world.text(f"Authorization: {world.authorization()}").replace("To: <sip:alice@", "To: <sip:")

    assert world.receive(text).response.status == 403


@pytest.mark.parametrize(
    "headers", [{"call_id": "x" * 513}, {"path": f"Path: <sip:{'p' * 2048};lr>"}], ids=["call-id", "path"]
)
def test_what_would_fill_the_memory_is_refused(world, headers):
    extra = [headers.pop("path")] if "path" in headers else []
    response = world.register(CONTACT, *extra, **headers).response

    assert (response.status, response.reason) == (400, "Path Or Call-ID Is Too Long")


def test_a_full_table_takes_known_accounts_only(world):
    world.begin(LocationTable(1))
    statuses = [
        world.register(*headers, aor=f"{user}@example.org").response.status
        for user, *headers in [("alice", CONTACT), ("bob", CONTACT), ("bob",), ("alice", CONTACT)]
    ]

    assert statuses == [200, 503, 200, 200]

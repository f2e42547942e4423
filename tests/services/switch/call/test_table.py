"""One call is one call: the parts that one call has, and the id that they have in common."""

import json
from urllib.parse import quote

import pytest
from tests.services.switch.conftest import SDP, Provider, document_of
from tests.services.switch.test_hostile import Plans

from sipwright.services.leg_options import LegOptions
from sipwright.sip import Request


@pytest.fixture
def carol(bench):
    phone = bench.phone("carol", "40.0.0.1")
    bench.account("carol", phone)
    return phone


@pytest.fixture
def inner(bench, alice, bob):
    """A call of desk's dialplan to bob's, which rings the phone."""
    bench.account("desk", in_plan=1)
    bench.accounts.accounts["bob"].in_plan = 2
    Plans(bench, {1: ("bob@local", ()), 2: ("bob@local", ())})
    alice.invite("sip:desk@example.org")
    return list(bench.switch.calls.values())


def answer(phone):
    phone.answer(phone.last("INVITE"), 200, body=SDP.format(phone.host))


def ids(bench):
    return {call.common_id for call in bench.switch.calls.values()}


def test_a_call_between_two_accounts_has_one_id(bench, alice, bob, inner):
    first, second = inner

    assert (first.linked_id, second.linked_id) == (None, first.id)
    assert (first.is_part, second.is_part) == (False, True)
    assert bench.switch.ports.table.parts(first.id) == inner
    assert (bench.switch.table.count(), bench.switch.ports.table.active(1)) == (1, 1)
    assert bench.switch.table.states() == {"setting up": 1}


def test_its_records_have_it_and_nothing_is_left(bench, alice, bob, inner):
    first = inner[0].id
    answer(bob)
    alice.ack(alice.last(200))
    alice.send(alice.in_dialog("BYE", alice.last(200)))
    bob.answer(bob.last("BYE"), 200)

    rows = bench.database.rows["cdr"]
    assert {row.linked_id or row.call_id for row in rows.values()} == {first}
    assert len(rows) == 4
    assert bench.is_empty()
    assert (bench.switch.ports.table.parts(first), bench.switch.ports.table.active(1)) == ([], 0)


def test_it_is_kept_in_another_process(bench, alice, bob, inner):
    first = inner[0].id
    bench.restart()
    Plans(bench, {})

    assert ids(bench) == {first}
    assert [call.is_part for call in bench.switch.calls.values()] == [False, True]
    assert bench.switch.ports.table.active(1) == 1


def test_a_document_of_before_has_none(bench, alice, bob, inner):
    for row in bench.database.rows["call"].values():
        assert "linked_id" in json.loads(document_of(row)) or row[0] == inner[0].id
    for key, row in list(bench.database.rows["call"].items()):
        old = json.loads(document_of(row))
        old.pop("linked_id", None)
        old.pop("is_part", None)
        bench.database.rows["call"][key] = (key, json.dumps(old).encode())
    bench.restart()

    assert ids(bench) == {call.id for call in inner}


def test_another_owner_counts_its_part(bench, alice, bob):
    bench.account("desk", in_plan=1)
    bench.accounts.accounts["bob"].in_plan = 2
    bench.accounts.accounts["bob"].user_id = 2
    Plans(bench, {1: ("bob@local", ()), 2: ("bob@local", ())})
    alice.invite("sip:desk@example.org")

    assert [call.is_part for call in bench.switch.calls.values()] == [False, False]
    assert len(ids(bench)) == 1
    assert [bench.switch.ports.table.active(user) for user in (1, 2)] == [1, 1]


def test_no_header_of_a_script_names_another_call(bench, alice, bob, inner):
    """Only what the switch itself has written on the loop counts, and a stranger's word not at all."""
    other = inner[0].id
    bench.account("sly", in_plan=3)
    bench.switch.new_calls.scripts.plans[3] = (
        "bob@local",
        [("History-Info", f"<sip:x@y>;index=1;call={other}"), ("X-Sipwright-Call", other)],
    )
    before = set(bench.switch.calls)
    alice.invite("sip:sly@example.org", call_id="second", tag="second", branch="z9hG4bKsecond")
    mine = [call for call in bench.switch.calls.values() if call.id not in before]

    assert {call.common_id for call in mine} == {mine[0].id}
    dave = bench.phone("dave", "50.0.0.1")
    dave.invite("sip:desk@example.org", call_id=f"{other}@x", tag=f"{other}.1")
    assert [call.linked_id for call in bench.switch.calls.values() if call.loops == 0] == [None] * 3


def test_what_a_provider_brings_back_is_the_same_call(bench, alice, bob):
    bench.accounts.providers["trunk"] = Provider("trunk", "30.0.0.9")
    trunk = bench.phone("trunk", "30.0.0.9")
    bench.account("desk", in_plan=1)
    Plans(bench, {1: ("99@trunk", ())})
    alice.invite("sip:desk@example.org")
    out = trunk.last("INVITE")
    trunk.answer(out, 100)
    trunk.invite("sip:bob@example.org", call_id="back", tag="back", headers=[
        ("X-Sipwright-Call", out.headers.get("X-Sipwright-Call"))
    ])  # fmt: skip

    assert len(bench.switch.calls) == 2
    assert len(ids(bench)) == 1


def refer(phone, message, to):
    phone.send(phone.in_dialog("REFER", message, headers=[("Refer-To", f"<{to}>")], cseq=70))
    phone.answer(phone.last("NOTIFY"), 200)


@pytest.fixture
def placing(bench, talking):
    """A call of alice to bob whose transfers the switch places."""
    (call,) = bench.switch.calls.values()
    with call.event():
        call.peer.destination.options = LegOptions(transfer="place")
        call.changed()
    bench.run(0.01)
    return talking


def test_the_target_of_a_transfer_belongs_to_it(bench, alice, bob, carol, placing):
    """Also what lies behind it: carol has a dialplan."""
    bench.accounts.accounts["carol"].in_plan = 2
    Plans(bench, {2: ("carol@local", ())})
    first = next(iter(bench.switch.calls))
    refer(bob, placing[1], "sip:carol@example.org")

    assert (len(bench.switch.calls), ids(bench)) == (3, {first})
    answer(carol)
    answer(alice)
    bob.answer(bob.last("NOTIFY"), 200)
    bob.answer(bob.last("BYE"), 200)
    bench.restart()
    assert ids(bench) == {first}
    assert [call.state for call in bench.switch.calls.values()] == ["talking", "talking"]


def test_whoever_was_consulted_belongs_to_the_call_that_goes_on(bench, alice, bob, carol, placing):
    """The consultation was a call of its own; what is behind the leg that comes into the other call goes with it."""
    bench.accounts.accounts["carol"].in_plan = 2
    Plans(bench, {2: ("carol@local", ())})
    first = next(iter(bench.switch.calls))
    bob.domain = "example.org"
    bob.invite("sip:carol@example.org", call_id="consult", tag="consult")
    answer(carol)
    consulted = bob.last(200)
    bob.ack(consulted)
    assert len(ids(bench)) == 2

    named = f"consult;to-tag={consulted.to_tag};from-tag=consult"
    refer(bob, placing[1], f"sip:carol@example.org?Replaces={quote(named, safe='')}")
    answer(carol)
    answer(alice)
    bob.answer(bob.last("NOTIFY"), 200)
    byes = {m.call_id: m for m in bob.heard if isinstance(m, Request) and m.method == "BYE"}
    for bye in byes.values():
        bob.answer(bye, 200)

    live = [call for call in bench.switch.calls.values() if call.state == "talking"]
    assert ({call.common_id for call in live}, len(live)) == ({first}, 2)
    assert bench.switch.ports.table.active(1) == bench.switch.table.count() == 1

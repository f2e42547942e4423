"""Calls that are parked at a slot: picked up there, rung back, and there again after a kill."""

import pytest
from tests.services.switch.conftest import SDP, Bench

from sipwright.sdp import media
from sipwright.services.switch.transfer.target_call import Target

SLOT = 60.0


@pytest.fixture
def bench():
    bench = Bench()
    bench.slot = bench.account("701")
    return bench


@pytest.fixture
def phones(bench):
    made = {name: bench.phone(name, f"{number}0.0.0.1") for number, name in enumerate(("bob", "carol"), 3)}
    for name, phone in made.items():
        bench.account(name, phone)
        phone.domain = "example.org"
    made["caller"] = bench.phone("caller", "90.0.0.1")
    return made


def newest(bench):
    return list(bench.switch.calls.values())[-1]


def park(bench, call, *, seconds=SLOT):
    return bench.switch.park(call.id, bench.slot, seconds, bench.accounts.accounts["bob"].id)


@pytest.fixture
def parked(bench, phones):
    """A caller who has called bob, and is parked by what decides about that call."""
    caller = phones["caller"]
    caller.invite()
    phones["bob"].answer(phones["bob"].last("INVITE"), 180)
    assert park(bench, newest(bench))
    bench.run(0.1)
    caller.ack(caller.last(200))
    phones["bob"].answer(phones["bob"].last("CANCEL"), 200)
    phones["bob"].answer(phones["bob"].last("INVITE"), 487)
    return newest(bench)


def direction(message):
    return [one.direction for one in media(message.body)]


def connection(message):
    return [one.connection for one in media(message.body)]


def pick_up(bench, phones, *, name="carol", **options):
    """Let somebody dial what picks up; the call that the script of that one has is given what is parked."""
    picker = phones[name]
    bob = phones["bob"]
    picker.invite("sip:bob@example.org", call_id="pick", tag="picker", **options)
    bob.answer(bob.last("INVITE"), 180, tag="other")
    done = bench.switch.pick_up(newest(bench).id, bench.slot.id)
    bench.run(0.1)
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)
    return done


def rung_back(phones):
    """Bob, to whom it rings back, answers, and the caller takes what bob offers."""
    bob, caller = phones["bob"], phones["caller"]
    invite = bob.last("INVITE")
    bob.answer(invite, 180, tag="back")
    bob.answer(invite, 200, tag="back", body=SDP.format("30.0.0.1"))
    offer = caller.last("INVITE")
    caller.answer(offer, 200, tag="caller", body=SDP.format("90.0.0.1"))
    return invite, offer


def test_whoever_is_parked_has_an_answer_and_hears_nothing(bench, phones, parked):
    ok = phones["caller"].last(200)

    assert direction(ok) == ["inactive"]
    assert (bench.switch.snapshot().calls, bench.switch.parking.at(bench.slot.id).owner) == (
        {"talking": 1},
        parked,
    )
    assert phones["bob"].methods() == ["INVITE", "CANCEL", "ACK"]


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_parked_call_is_picked_up(bench, phones, parked, is_killed):
    if is_killed:
        bench.restart()
    assert pick_up(bench, phones)
    caller, carol = phones["caller"], phones["carol"]
    offer = caller.last("INVITE")
    caller.answer(offer, 200, body=SDP.format("90.0.0.1"))
    carol.ack(carol.last(200))
    bench.run(0.2)

    assert connection(offer) == ["40.0.0.1"]
    assert connection(carol.last(200)) == ["90.0.0.1"]
    assert bench.switch.parking.at(bench.slot.id) is None
    carol.send(carol.in_dialog("BYE", carol.last(200)))
    caller.answer(caller.last("BYE"), 200)
    assert bench.is_empty()


def test_two_calls_are_not_parked_at_one_slot(bench, phones, parked):
    phones["carol"].invite("sip:bob@example.org", call_id="second")

    assert not park(bench, newest(bench))
    assert 200 not in phones["carol"].statuses()


def test_nothing_is_picked_up_where_nobody_waits(bench, phones):
    phones["carol"].invite("sip:bob@example.org", call_id="pick")

    assert not bench.switch.pick_up(newest(bench).id, bench.slot.id)


@pytest.mark.parametrize("is_killed", [False, True])
def test_it_rings_back_to_whom_it_is_said(bench, phones, parked, is_killed):
    phones["bob"].clear()
    if is_killed:
        bench.run(SLOT / 2)
        bench.restart()
        bench.run(SLOT / 2 - 1)
    else:
        bench.run(SLOT - 1)
    assert "INVITE" not in phones["bob"].methods()
    bench.run(2)
    invite, offer = rung_back(phones)
    bench.run(0.2)

    assert invite.from_.uri.user == "caller"
    assert connection(offer) == ["30.0.0.1"]
    assert connection(phones["bob"].last("ACK")) == ["90.0.0.1"]
    assert bench.switch.parking.at(bench.slot.id) is None
    bob, caller = phones["bob"], phones["caller"]
    caller.send(caller.in_dialog("BYE", caller.last(200)))
    bob.answer(bob.last("BYE"), 200)
    assert bench.is_empty()


@pytest.mark.parametrize("status", [486, 480])
def test_it_waits_on_and_rings_back_again(bench, phones, parked, status):
    bob = phones["bob"]
    bob.clear()
    bench.run(SLOT + 1)
    bob.answer(bob.last("INVITE"), status)
    assert bench.switch.parking.at(bench.slot.id) is not None
    bob.clear()
    bench.run(SLOT + 1)
    rung_back(phones)

    assert bench.switch.parking.at(bench.slot.id) is None


def test_it_is_picked_up_while_it_rings_back(bench, phones, parked):
    bob = phones["bob"]
    bob.clear()
    bench.run(SLOT + 1)
    bob.answer(bob.last("INVITE"), 180, tag="back")
    carol, caller = phones["carol"], phones["caller"]
    carol.invite("sip:carol@example.org", call_id="pick", tag="picker")

    assert bench.switch.pick_up(newest(bench).id, bench.slot.id)
    bench.run(0.2)
    assert bob.methods()[-1] == "CANCEL"
    caller.answer(caller.last("INVITE"), 200, body=SDP.format("90.0.0.1"))
    assert connection(carol.last(200)) == ["90.0.0.1"]


def test_whoever_is_parked_may_hang_up(bench, phones, parked):
    caller = phones["caller"]
    caller.send(caller.in_dialog("BYE", caller.last(200)))
    bench.run(0.2)

    assert bench.is_empty()
    assert [leg for leg, _, _ in bench.cdrs()] == [0, 1, 2]


def test_what_a_parked_phone_changes_is_answered_with_silence(bench, phones, parked):
    caller = phones["caller"]
    again = caller.in_dialog("INVITE", caller.last(200), body=SDP.format("90.0.0.2"))
    caller.send(again)
    bench.run(0.2)

    assert (caller.last(200).cseq, direction(caller.last(200))) == (again.cseq, ["inactive"])
    assert media(caller.last(200).body)[0].kind == "audio"


class Scripts:
    """The dialplan of transfers: parks whoever is sent to the slot."""

    def __init__(self, bench):
        self.bench = bench

    def transfer_plan(self, identity, account_id):
        return 7

    def start(self, call, dialplan_id):
        run = Run()
        self.bench.network.call_later(0.0, lambda: park(self.bench, call))
        return run


class Run:
    execution_id = "run"

    def __getattr__(self, name):
        return lambda *arguments: None


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_phone_parks_with_a_transfer_to_the_slot(bench, phones, is_killed):
    bob, caller = phones["bob"], phones["caller"]
    caller.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 200, body=SDP.format("30.0.0.1"))
    caller.ack(caller.last(200))
    bench.use_scripts(Scripts(bench))
    bob.send(bob.in_dialog("REFER", invite, headers=[("Refer-To", "<sip:701@example.org>")]))
    for _ in range(3):
        if "NOTIFY" in bob.methods():
            bob.answer(bob.last("NOTIFY"), 200)
    offer = caller.last("INVITE")
    caller.answer(offer, 200, body=SDP.format("90.0.0.1"))
    for _ in range(3):
        bob.answer(bob.last("NOTIFY"), 200)
    bob.answer(bob.last("BYE"), 200)
    assert (bob.last("NOTIFY").body, direction(offer)) == (b"SIP/2.0 200 OK\r\n", ["inactive"])
    assert not any(isinstance(call.originator, Target) for call in bench.switch.calls.values())
    if is_killed:
        bench.restart()
    bob.clear()
    bench.use_scripts(None)
    bench.run(SLOT + 1)
    _, offer = rung_back(phones)

    assert connection(offer) == ["30.0.0.1"]
    assert bench.switch.parking.at(bench.slot.id) is None
    assert bench.switch.snapshot().calls["talking"] == 1


@pytest.mark.parametrize(("referred_by", "name"), [
    ("<sip:carol@example.org>", "carol"), ("<sip:stranger@example.org>", "bob"), ("<sip:carol@elsewhere.net>", "bob"),
    ("what", "bob"),
])  # fmt: skip
def test_it_rings_back_to_whoever_has_sent_the_caller_there(bench, phones, referred_by, name):
    caller = phones["caller"]
    caller.invite(headers=[("Referred-By", referred_by)])
    phones["bob"].answer(phones["bob"].last("INVITE"), 180)
    assert bench.switch.park(newest(bench).id, bench.slot, SLOT, None)
    bench.run(0.1)
    caller.ack(caller.last(200))
    phones["bob"].answer(phones["bob"].last("CANCEL"), 200)
    phones["bob"].answer(phones["bob"].last("INVITE"), 487)
    for phone in phones.values():
        phone.clear()
    bench.run(SLOT + 1)

    assert {one: "INVITE" in phones[one].methods() for one in ("bob", "carol")} == {
        "bob": name == "bob", "carol": name == "carol",
    }  # fmt: skip


def test_a_call_that_could_ring_back_to_nobody_is_not_parked(bench, phones):
    phones["caller"].invite()
    call = newest(bench)
    call.identity.account_id = None

    with pytest.raises(ValueError, match="back="):
        bench.switch.park(call.id, bench.slot, SLOT, None)


def test_a_phone_that_carries_out_a_transfer_itself_still_talks_to_whoever_wants_that(bench, phones):
    """As baresip does it: its INVITE to the slot does not say who has sent it there."""
    ann, bob, carol = bench.phone("ann", "50.0.0.1"), phones["bob"], phones["carol"]
    ann.domain = "example.org"
    account = bench.account("ann", ann)
    ann.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    ann.ack(ann.last(200))
    ann.invite("sip:carol@example.org", call_id="to-slot")
    carol.answer(carol.last("INVITE"), 180)
    assert newest(bench).identity.account_id == account.id
    assert bench.switch.park(newest(bench).id, bench.slot, SLOT, None)
    bench.run(0.1)
    parked = bench.switch.parking.at(bench.slot.id)

    assert parked.destination.parked == (SLOT, bench.accounts.accounts["bob"].id)

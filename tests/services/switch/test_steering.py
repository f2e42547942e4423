"""What people do about calls from outside; a kill at any commit loses nothing, and nothing is done twice."""

import pytest
from tests.services.switch.conftest import SDP

from sipwright.services.switch import NotNow
from sipwright.sip import Request, Uri

CAROL = Uri.parse("sip:carol@example.org")


@pytest.fixture
def carol(bench):
    phone = bench.phone("carol", "40.0.0.1")
    bench.account("carol", phone)
    return phone


@pytest.fixture
def desk(bench):
    phone = bench.phone("desk", "60.0.0.1")
    bench.account("desk", phone)
    return phone


@pytest.fixture
def told():
    """What became of each wish."""
    return []


def call_of(bench):
    return next(iter(bench.switch.calls.values()))


def hang_up(bench, told, call=None):
    bench.switch.steering.hang_up(call or call_of(bench), lambda: told.append("done"))
    bench.run(0.05)


def transfer(bench, told, target=CAROL):
    other = bench.switch.steering.transfer(call_of(bench), target, lambda: told.append("done"))
    bench.run(0.05)
    return other


def redirect(bench, told, target=CAROL):
    bench.switch.steering.redirect(call_of(bench), target, lambda: told.append("done"), told.append)
    bench.run(0.05)


def pick_up(bench, told, name="carol"):
    account = bench.accounts.accounts[name]
    bench.switch.steering.pick_up(call_of(bench), account, lambda: told.append("done"))
    bench.run(0.05)


def place(bench, told, name="desk", target=CAROL, call_id="placed-1"):
    account = bench.accounts.accounts[name]
    call = bench.switch.steering.place(call_id, account, target, lambda: told.append("done"))
    bench.run(0.05)
    return call


def kill(bench, step):
    """Kill the process when what a step has done is committed, before anybody has heard of it."""
    bench.database.is_eager = False
    step()
    bench.database.commit_and_tell_nobody()
    bench.database.is_eager = True
    bench.restart()


@pytest.fixture(params=[False, True], ids=["alive", "killed"])
def doing(request, bench):
    """Do something; in the second form the process is killed at its commit, and another one goes on."""
    return (lambda step: kill(bench, step)) if request.param else (lambda step: step())


def ringing(alice, bob):
    alice.invite()
    bob.answer(bob.last("INVITE"), 180)


def reinvites(phone):
    return [one for one in phone.heard if isinstance(one, Request) and one.method == "INVITE" and one.to_tag]


# Hanging up.


def test_a_call_that_talks_ends_at_both_ends(bench, alice, bob, talking, told, doing):
    doing(lambda: hang_up(bench, told))
    for phone in (alice, bob):
        phone.answer(phone.last("BYE"), 200)

    assert [phone.methods().count("BYE") for phone in (alice, bob)] == [1, 1]
    assert bench.cdrs() == [(0, 200, "control"), (1, 200, "control")]
    assert bench.is_empty()


def test_a_call_that_rings_is_refused_and_nobody_rings_on(bench, alice, bob, told, doing):
    ringing(alice, bob)
    doing(lambda: hang_up(bench, told))
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)
    alice.send(alice.request("ACK", "sip:bob@example.org", to=alice.last(603).headers.get("To"), cseq=1,
                             branch=alice.last(603).top_via.branch))  # fmt: skip

    assert set(alice.statuses()) == {180, 603}
    assert bob.methods().count("CANCEL") == 1
    assert bench.cdrs() == [(0, 603, "control"), (1, 487, "switch")]
    assert bench.is_empty()


def test_it_is_told_when_it_is_committed(bench, alice, bob, talking, told):
    bench.database.is_eager = False
    hang_up(bench, told)
    assert (told, bob.methods().count("BYE")) == ([], 0)
    bench.database.commit()

    assert told == ["done"]


def test_a_call_that_ends_cannot_be_ended(bench, alice, bob, talking, told):
    hang_up(bench, told)
    with pytest.raises(NotNow, match="over"):
        hang_up(bench, told)


def test_a_transfer_that_is_under_way_ends_with_the_call(bench, alice, bob, carol, talking, told):
    transfer(bench, told)
    carol.answer(carol.last("INVITE"), 180)
    hang_up(bench, told)
    carol.answer(carol.last("INVITE"), 487)
    for phone in (alice, bob):
        phone.answer(phone.last("BYE"), 200)

    assert carol.methods() == ["INVITE", "CANCEL", "ACK"]
    assert bench.is_empty()


def test_so_does_a_call_to_the_target_of_a_transfer_and_the_two_talk_on(
    bench, alice, bob, carol, talking, told
):
    other = transfer(bench, told)
    carol.answer(carol.last("INVITE"), 180)
    hang_up(bench, told, other)
    carol.answer(carol.last("INVITE"), 487)

    assert [call.state.value for call in bench.switch.calls.values()] == ["talking"]
    assert "BYE" not in alice.methods() + bob.methods()


# Transfer.


def test_the_other_party_is_connected_and_the_owners_end_leaves(
    bench, alice, bob, carol, talking, told, doing
):
    """Bob is the owner's account, alice is somebody outside."""
    doing(lambda: transfer(bench, told))
    doing(lambda: carol.answer(carol.last("INVITE"), 180))
    doing(lambda: carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1")))
    doing(lambda: alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1")))
    bob.answer(bob.last("BYE"), 200)

    assert bob.last("BYE").headers.get("reason") == 'SIP;cause=200;text="Transferred"'
    assert [phone.methods().count("BYE") for phone in (alice, bob, carol)] == [0, 1, 0]
    assert len({one.cseq.number for one in reinvites(alice)}) == 1
    assert carol.methods().count("INVITE") in (1, 2)  # a copy, when the process was killed
    assert len({one.call_id for one in carol.heard if isinstance(one, Request)}) == 1
    assert b"c=IN IP4 20.0.0.1" in carol.last("ACK").body
    assert [call.state.value for call in bench.switch.calls.values()] == ["talking"]
    alice.send(alice.in_dialog("BYE", talking[0], cseq=99))
    carol.answer(carol.last("BYE"), 200)
    assert bench.is_empty()


def test_when_the_target_does_not_want_to_everything_stays(bench, alice, bob, carol, talking, told, doing):
    doing(lambda: transfer(bench, told))
    doing(lambda: carol.answer(carol.last("INVITE"), 486))

    assert "BYE" not in alice.methods() + bob.methods()
    assert reinvites(alice) == []
    assert [call.state.value for call in bench.switch.calls.values()] == ["talking"]
    hang_up(bench, told)


def test_nobody_can_be_reached_there_is_said_at_once(bench, alice, bob, talking, told):
    with pytest.raises(NotNow, match="404"):
        transfer(bench, told, Uri.parse("sip:nobody@example.org"))

    bench.run(0.05)
    assert [call.state.value for call in bench.switch.calls.values()] == ["talking"]
    assert call_of(bench).processes == ()


def test_a_call_that_rings_or_is_transferred_already_cannot_be(bench, alice, bob, carol, told):
    ringing(alice, bob)
    with pytest.raises(NotNow, match="redirected"):
        transfer(bench, told)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))
    transfer(bench, told)
    with pytest.raises(NotNow, match="already"):
        transfer(bench, told)


def test_a_call_on_hold_is_transferred_and_held_no_more(bench, alice, bob, carol, talking, told):
    held = SDP.format("30.0.0.1") + "a=sendonly\r\n"
    bob.send(bob.in_dialog("INVITE", talking[1], body=held, cseq=90))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1") + "a=recvonly\r\n")
    bob.ack(bob.last(200))
    assert call_of(bench).held == (1,)
    transfer(bench, told)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    bob.answer(bob.last("BYE"), 200)

    assert call_of(bench).held == ()
    assert b"c=IN IP4 40.0.0.1" in reinvites(alice)[-1].body


def test_that_one_end_holds_the_other_outlives_the_process(bench, alice, bob, talking):
    bob.send(bob.in_dialog("INVITE", talking[1], body=SDP.format("30.0.0.1") + "a=inactive\r\n", cseq=90))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1") + "a=inactive\r\n")
    bob.ack(bob.last(200))
    bench.restart()
    assert call_of(bench).held == (1,)
    bob.send(bob.in_dialog("INVITE", talking[1], body=SDP.format("30.0.0.1"), cseq=91))
    alice.answer(alice.last("INVITE"), 200, body=SDP.format("20.0.0.1"))

    assert call_of(bench).held == ()


# Redirecting.


def test_whoever_rings_is_cancelled_and_another_rings(bench, alice, bob, carol, told, doing):
    ringing(alice, bob)
    doing(lambda: redirect(bench, told))
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    alice.ack(alice.last(200))

    assert bob.last("CANCEL").headers.get("reason") == 'SIP;cause=302;text="Call redirected"'
    assert bob.methods().count("CANCEL") == 1
    assert len({one.call_id for one in carol.heard}) == 1
    assert b"c=IN IP4 40.0.0.1" in alice.last(200).body
    assert [call.state.value for call in bench.switch.calls.values()] == ["talking"]


@pytest.mark.parametrize(("target", "why"), [("nobody", "no account"), ("away", "registered")])
def test_where_nobody_can_be_reached_it_rings_on(bench, alice, bob, told, target, why):
    bench.account("away")
    ringing(alice, bob)
    with pytest.raises(NotNow, match=why):
        redirect(bench, told, Uri.parse(f"sip:{target}@example.org"))

    assert bob.methods() == ["INVITE"]


def test_a_call_that_talks_cannot_be_redirected(bench, alice, bob, carol, talking, told):
    with pytest.raises(NotNow, match="transferred"):
        redirect(bench, told)


# Picking up.


def test_another_phone_rings_too_and_the_first_to_answer_has_the_call(bench, alice, bob, carol, told, doing):
    ringing(alice, bob)
    doing(lambda: pick_up(bench, told))
    invite = carol.last("INVITE")
    assert "CANCEL" not in bob.methods()
    carol.answer(invite, 200, body=SDP.format("40.0.0.1"))
    bob.answer(bob.last("CANCEL"), 200)
    bob.answer(bob.last("INVITE"), 487)
    alice.ack(alice.last(200))

    assert "answer-after=0" in invite.headers.get("call-info")
    assert bob.last("CANCEL").headers.get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert [call.state.value for call in bench.switch.calls.values()] == ["talking"]
    assert len({one.call_id for one in carol.heard}) == 1


def test_a_phone_that_does_not_take_it_loses_nobody_the_call(bench, alice, bob, carol, told):
    ringing(alice, bob)
    pick_up(bench, told)
    carol.answer(carol.last("INVITE"), 486)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))

    assert alice.last(200).status == 200


def test_it_needs_a_call_that_rings_and_a_phone_that_does_not(bench, alice, bob, carol, told):
    bench.account("away")
    ringing(alice, bob)
    for name, why in (("away", "registered"), ("bob", "already")):
        with pytest.raises(NotNow, match=why):
            pick_up(bench, told, name)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    with pytest.raises(NotNow, match="does not ring"):
        pick_up(bench, told)


# Placing a call.


def test_the_phone_rings_first_and_then_the_other_end(bench, desk, carol, told, doing):
    doing(lambda: place(bench, told))
    first = desk.last("INVITE")
    doing(lambda: desk.answer(first, 200, body=SDP.format("60.0.0.1")))
    invite = carol.last("INVITE")
    doing(lambda: carol.answer(invite, 200, body=SDP.format("40.0.0.1")))
    doing(lambda: desk.answer(desk.last("INVITE"), 200, body=SDP.format("60.0.0.1")))

    assert (first.from_.uri.user, invite.from_.uri.user, invite.body) == ("carol", "desk", b"")
    assert "answer-after=0" in first.headers.get("call-info")
    assert "call-info" not in invite.headers.index()
    assert [len({one.call_id for one in phone.heard}) for phone in (desk, carol)] == [1, 1]
    assert b"c=IN IP4 60.0.0.1" in carol.last("ACK").body
    assert [call.state.value for call in bench.switch.calls.values()] == ["talking"]
    hang_up(bench, told)
    for phone in (desk, carol):
        phone.answer(phone.last("BYE"), 200)
    assert bench.is_empty()


def test_when_the_other_end_is_busy_the_phone_is_told(bench, desk, carol, told, doing):
    place(bench, told)
    desk.answer(desk.last("INVITE"), 200, body=SDP.format("60.0.0.1"))
    doing(lambda: carol.answer(carol.last("INVITE"), 486))
    desk.answer(desk.last("BYE"), 200)

    assert desk.last("BYE").headers.get("reason") == "SIP;cause=486"
    assert bench.is_empty()


def test_who_has_no_phone_can_place_none(bench, carol, told):
    bench.account("away")
    with pytest.raises(NotNow, match="registered"):
        place(bench, told, "away")

    assert bench.switch.calls == {}


def test_a_phone_that_places_a_call_cannot_be_relieved_of_it(bench, desk, carol, told):
    place(bench, told)
    for wish in (redirect, pick_up):
        with pytest.raises(NotNow, match="places"):
            wish(bench, told)

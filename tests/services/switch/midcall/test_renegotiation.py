"""Ends that get each other's media again, after a transfer or a takeover that came to nothing (RFC 5589 §7)."""

import pytest
from tests.services.switch.conftest import SDP
from tests.services.switch.transfer.test_takeover import desk, take_over
from tests.services.switch.transfer.test_transfer import (
    accept_reports,
    carol,
    consult,
    place,
    refer,
    replacing,
    told,
)

from sipwright.services.switch.midcall.renegotiation import Renegotiation
from sipwright.sip import Request

__all__ = ["carol", "desk", "place"]


def invites(phone):
    """The INVITEs that a phone heard in a call that it had, each but once."""
    asked = [m for m in phone.heard if isinstance(m, Request) and m.method == "INVITE" and m.to_tag]
    return list({m.top_via.branch: m for m in asked}.values())


@pytest.fixture
def failed(bench, alice, bob, carol, place):
    """An attended transfer of bob's that alice does not want, when carol has made her offer."""
    ok, _ = consult(bench, bob, carol)
    refer(bob, place[1], replacing(ok))
    accept_reports(bob)
    carol.answer(carol.last("INVITE"), 200, body=SDP.format(carol.host))
    alice.answer(alice.last("INVITE"), 488)
    accept_reports(bob)
    return ok


def is_over(bench):
    return not any(call.find(Renegotiation) for call in bench.switch.calls.values())


@pytest.mark.parametrize("moment", [None, "asked", "offered"])
def test_a_target_whose_transfer_failed_goes_on_talking_to_the_transferor(bench, bob, carol, failed, moment):
    """It was told of nobody's media, and heard nothing until a phone changed the call."""
    (asked,) = invites(bob)
    if moment == "asked":
        bench.restart()
        bench.run(1)
    bob.answer(asked, 200, body=SDP.format(bob.host))
    _, offered = invites(carol)
    if moment == "offered":
        bench.restart()
        bench.run(1)
    carol.answer(offered, 200, body=SDP.format(carol.host))

    assert told(bob)[-1] == ("SIP/2.0 488 Not Acceptable Here", "terminated")
    assert (asked.body, f"IP4 {bob.host}" in offered.body.decode()) == (b"", True)
    assert f"IP4 {carol.host}" in bob.last("ACK").body.decode()
    assert (carol.last("ACK").cseq.number, carol.last("ACK").body) == (offered.cseq.number, b"")
    assert is_over(bench)
    assert bench.switch.snapshot().calls == {"talking": 2}


def test_an_end_that_changes_something_itself_is_asked_again(bench, bob, carol, failed):
    bob.answer(invites(bob)[0], 491)
    bench.run(4.1)
    bob.answer(invites(bob)[1], 200, body=SDP.format(bob.host))
    carol.answer(invites(carol)[1], 491)
    bench.run(4.1)
    carol.answer(invites(carol)[2], 200, body=SDP.format(carol.host))

    assert f"IP4 {carol.host}" in bob.last("ACK").body.decode()
    assert is_over(bench)


def test_an_end_that_is_always_busy_is_left_alone(bench, bob, failed):
    for _ in range(11):
        bob.answer(invites(bob)[-1], 491)
        bench.run(4.1)

    assert len(invites(bob)) == 11
    assert is_over(bench)
    assert bench.switch.snapshot().calls == {"talking": 2}


@pytest.mark.parametrize("restarts", [False, True])
def test_an_end_is_acknowledged_in_time_though_the_other_one_is_busy(bench, bob, carol, failed, restarts):
    """RFC 3261 §13.3.1.4: whoever hears no ACK for 64*T1 hangs up. It is asked for another offer then."""
    (asked,) = invites(bob)
    bob.answer(asked, 200, body=SDP.format(bob.host))
    answered_at = bench.network.now
    for number in range(10):
        if len(invites(bob)) == 1:
            carol.answer(invites(carol)[-1], 491)
            if restarts and number == 3:
                bench.restart()
            bench.run(4.1)
    refused = bob.last("ACK")
    assert (refused.cseq.number, b"m=audio 0 RTP/AVP 0\r\n" in refused.body) == (asked.cseq.number, True)
    assert bench.network.now - answered_at < 32

    bob.answer(invites(bob)[-1], 200, body=SDP.format(bob.host))
    carol.answer(invites(carol)[-1], 200, body=SDP.format(carol.host))
    assert f"IP4 {carol.host}" in bob.last("ACK").body.decode()
    assert is_over(bench)
    assert bench.switch.snapshot().calls == {"talking": 2}


def test_an_end_is_acknowledged_in_time_though_the_other_one_asks_its_user(bench, bob, carol, failed):
    bob.answer(invites(bob)[0], 200, body=SDP.format(bob.host))
    carol.answer(invites(carol)[1], 100)
    bench.run(24)
    carol.answer(carol.last("CANCEL"), 200)
    carol.answer(invites(carol)[1], 487)

    assert b"m=audio 0 RTP/AVP 0\r\n" in bob.last("ACK").body
    assert is_over(bench)


@pytest.mark.parametrize("restarts", [False, True])
def test_nothing_else_changes_an_end_whose_offer_waits_for_its_answer(bench, bob, carol, failed, restarts):
    """RFC 3261 §14.1: the ACK would be that of what comes in between."""
    (asked,) = invites(bob)
    bob.answer(asked, 200, body=SDP.format(bob.host))
    if restarts:
        bench.restart()
    (consulted,) = [each for each in carol.heard if isinstance(each, Request) and not each.to_tag]
    carol.send(carol.in_dialog("UPDATE", consulted, cseq=75, body=SDP.format(carol.host)))
    assert (carol.statuses("UPDATE"), len(invites(bob))) == ([491], 1)
    carol.answer(invites(carol)[-1], 200, body=SDP.format(carol.host))

    assert (bob.last("ACK").cseq.number, is_over(bench)) == (asked.cseq.number, True)
    assert f"IP4 {carol.host}" in bob.last("ACK").body.decode()


def test_it_begins_when_an_update_that_crosses_has_its_answer(bench, alice, bob, carol, place):
    """RFC 3311 §5.1: one offer at a time."""
    ok, _ = consult(bench, bob, carol)
    bob.send(bob.in_dialog("UPDATE", ok, cseq=60, body=SDP.format(bob.host)))
    refer(bob, place[1], replacing(ok))
    accept_reports(bob)
    bench.run(1.0)
    assert invites(carol) == []
    carol.answer(carol.last("UPDATE"), 200, body=SDP.format(carol.host))
    bench.run(1.0)

    assert (bob.statuses("UPDATE")[-1], len(invites(carol))) == (200, 1)


@pytest.mark.parametrize(("status", "calls"), [(488, 2), (481, 1)])
def test_an_end_that_does_not_want_to_keeps_the_call_unless_it_is_gone(bench, bob, failed, status, calls):
    bob.answer(invites(bob)[0], status)

    assert is_over(bench)
    assert bench.switch.snapshot().calls["talking"] == calls


@pytest.mark.parametrize(("status", "calls"), [(488, 2), (408, 1)])
def test_an_offer_that_the_other_one_refuses_is_answered(bench, bob, carol, failed, status, calls):
    """The ACK to a 2xx with an offer has the answer, whatever that is (RFC 3261 §13.2.2.4)."""
    bob.answer(invites(bob)[0], 200, body=SDP.format(bob.host))
    carol.answer(invites(carol)[1], status)

    assert b"m=audio 0 RTP/AVP 0\r\n" in bob.last("ACK").body
    assert bench.switch.snapshot().calls["talking"] == calls


def test_an_end_without_an_offer_is_acknowledged(bench, bob, carol, failed):
    asked = invites(bob)[0]
    bob.answer(asked, 200)

    assert (bob.last("ACK").cseq.number, len(invites(carol))) == (asked.cseq.number, 1)
    assert is_over(bench)


def test_who_says_nothing_is_waited_for_no_longer_than_a_transaction(bench, bob, failed):
    bob.answer(invites(bob)[0], 100)
    bench.run(33)

    assert bob.methods()[-1] == "CANCEL"


def test_it_waits_until_nothing_else_changes_the_leg(bench, bob, carol, failed):
    asked = invites(bob)[0]
    call = next(call for call in bench.switch.calls.values() if call.find(Renegotiation))
    leg = call.find(Renegotiation).leg
    busy, leg.reinvite = leg.reinvite, call.find(Renegotiation)
    bob.answer(asked, 200, body=SDP.format(bob.host))
    had = len(invites(carol))
    leg.reinvite = busy
    bench.run(1)

    assert (had, len(invites(carol))) == (1, 2)


@pytest.mark.parametrize("has_offered", [False, True])
def test_who_hangs_up_meanwhile_ends_it(bench, bob, carol, failed, has_offered):
    asked = invites(bob)[0]
    if has_offered:
        bob.answer(asked, 200, body=SDP.format(bob.host))
    bob.send(bob.in_dialog("BYE", failed, cseq=72))

    assert bob.statuses("BYE") == [200]
    assert carol.methods()[-1] in ("BYE", "CANCEL")
    assert is_over(bench)
    assert bench.switch.snapshot().calls["talking"] == 1


def test_an_end_that_took_an_offer_too_late_gets_the_old_one_again(bench, alice, bob, desk, talking):
    """Its 200 has crossed the CANCEL of a takeover that was given up (RFC 3891 §3)."""
    take_over(desk, talking[1])
    offer = alice.last("INVITE")
    alice.answer(offer, 100)
    cancel = desk.request("CANCEL", "sip:alice@example.org", call_id="pickup", tag="desk", cseq=1,
                          branch="z9hG4bK-bob-INVITE-1-pickup")  # fmt: skip
    desk.send(cancel)
    alice.answer(alice.last("CANCEL"), 200)
    alice.answer(offer, 200, body=SDP.format(alice.host))
    (asked,) = invites(bob)
    bob.answer(asked, 200, body=SDP.format(bob.host))
    again = invites(alice)[-1]
    alice.answer(again, 200, body=SDP.format(alice.host))

    assert desk.statuses()[-1] == 487
    assert f"IP4 {bob.host}" in again.body.decode()
    assert f"IP4 {alice.host}" in bob.last("ACK").body.decode()
    assert is_over(bench)

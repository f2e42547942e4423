"""What the machine's effects come to: legs, INVITEs, timers, and going on with them in another process."""

from __future__ import annotations

import pytest
from tests.services.switch.conftest import SDP, Provider
from tests.services.switch.transfer.test_transfer import accept_reports, refer

from sipwright.services.dialstring import MAX_WRITTEN, parse_dial_string
from sipwright.services.leg_options import LegOptions
from sipwright.services.switch import Hunt
from sipwright.sip.transaction.base import TRANSPORT_ERROR
from sipwright.stack.backlog import Backlog


@pytest.fixture
def dial(bench, alice, monkeypatch):
    """Let a call of alice dial what a script would."""

    def dial(text, ring=30.0, headers=()):
        monkeypatch.setattr(bench.switch.finder, "phones", lambda account: [])
        bench.account("nobody")

        def reject(call, outcome, headers=()):
            monkeypatch.undo()
            call.hunt = Hunt(call, parse_dial_string(text, most=MAX_WRITTEN), ring, given)
            call.hunt.start()

        given = headers
        monkeypatch.setattr("sipwright.services.switch.call.call.Call.reject", reject)
        alice.invite("sip:nobody@example.org")

    return dial


def cancelled(phone):
    """The phone confirms the CANCEL that it has got."""
    phone.answer(phone.last("CANCEL"), 200)
    phone.answer(phone.last("INVITE"), 487)


def test_a_leg_whose_connection_fails_says_why(bench, alice, dial, monkeypatch):
    """It is what TLS has found wrong; the caller is told no more than that there is no way."""
    bench.phone("a", "40.0.0.1")
    dial("a@40.0.0.1")
    (call,) = bench.switch.calls.values()
    leg = call.legs[0]
    monkeypatch.setattr(type(leg.flow), "trouble", "its certificate is not trusted: certificate has expired")
    leg.transaction.handle(TRANSPORT_ERROR, None, bench.network.now)
    bench.stack.layer.perform(leg.transaction, bench.network.now)
    bench.run(1)

    assert alice.statuses()[-1] == 500
    row = max(bench.database.rows["cdr"].items())[1]
    assert row[14:16] == (503, "its certificate is not trusted: certificate has expired")


def test_what_was_dialled_goes_on_in_another_process(bench, alice, dial):
    first, second, third, last = (bench.phone(name, f"40.0.0.{n}") for n, name in enumerate("abcd", 1))
    dial("a@40.0.0.1 & b@40.0.0.2[delay=5] & c@40.0.0.3[delay=20] | d@40.0.0.4", headers=[("X-A", "1")])
    first.answer(first.last("INVITE"), 180)
    bench.restart()

    assert (first.methods(), second.methods()) == (["INVITE"], [])
    bench.run(5)
    assert (second.methods(), second.last("INVITE").headers.get("x-a")) == (["INVITE"], "1")
    second.answer(second.last("INVITE"), 486)
    first.answer(first.last("INVITE"), 480)
    assert third.methods() == ["INVITE"]
    third.answer(third.last("INVITE"), 404)
    assert (last.methods(), last.last("INVITE").headers.get("x-a")) == (["INVITE"], "1")
    last.answer(last.last("INVITE"), 404)
    assert alice.statuses()[-1] == 486
    assert bench.is_empty()
    assert [cdr[1] for cdr in bench.cdrs()] == [486, 480, 486, 404, 404]


def test_the_caller_hears_whom_it_heard_before_the_restart(bench, alice, dial):
    first, second = bench.phone("a", "40.0.0.1"), bench.phone("b", "40.0.0.2")
    dial("a@40.0.0.1 & b@40.0.0.2")
    first.answer(first.last("INVITE"), 183, body=SDP.format("40.0.0.1"))
    bench.restart()
    second.answer(second.last("INVITE"), 183, body=SDP.format("40.0.0.2"))
    first.answer(first.last("INVITE"), 183, body=SDP.format("40.0.0.1"))

    early = [message.body for message in alice.heard if b"183" in bytes(message)[:12]]
    assert len(early) >= 2
    assert all(b"40.0.0.1" in body for body in early)


def test_a_thousand_groups_that_lead_nowhere_are_no_depth(bench, alice, dial):
    dial(" | ".join(["nobody@example.org"] * 2000))

    assert alice.statuses() == [480]


def test_legs_beyond_what_a_call_may_try_are_left_out(bench, alice, dial):
    dial(" & ".join(f"x{number}@40.0.0.9" for number in range(39)))
    (call,) = bench.switch.calls.values()
    phone = bench.phone("x", "40.0.0.9")
    bench.run(1)
    ways = tuple(("Contact", f"<sip:{number}@40.0.0.8>") for number in range(5))
    phone.answer(phone.last("INVITE"), 302, headers=ways)

    assert len(call.legs) == 40


def test_a_target_that_answers_when_its_transfer_has_gone_is_hung_up(bench, alice, bob, talking):
    carol, dave = bench.phone("carol", "40.0.0.1"), bench.phone("dave", "40.0.0.2")
    bench.account("carol", carol, dave)
    (origin,) = bench.switch.calls.values()
    origin.peer.destination.options = LegOptions(transfer="place")
    refer(bob, talking[1])
    accept_reports(bob)
    origin.processes = ()
    carol.answer(carol.last("INVITE"), 200, body=SDP.format("40.0.0.1"))
    dave.answer(dave.last("INVITE"), 180)
    cancelled(dave)
    carol.answer(carol.last("BYE"), 200)

    assert carol.methods() == ["INVITE", "ACK", "BYE"]
    assert list(bench.switch.calls.values()) == [origin]


# Servers that are dead.


def test_a_server_that_says_nothing_costs_four_seconds(bench, alice, dial):
    dead, second = bench.phone("dead", "40.0.0.1"), bench.phone("second", "40.0.0.2")
    dial("a@40.0.0.1 | b@40.0.0.2")
    bench.run(3.8)
    assert second.methods() == []
    bench.run(0.2)

    assert second.methods() == ["INVITE"]
    second.answer(second.last("INVITE"), 486)
    bench.run(40)
    assert set(dead.methods()) == {"INVITE"}
    assert len(dead.methods()) == 4  # RFC 3261 §17.1.1.2: at 0, 0.5, 1.5 and 3.5 s
    assert alice.statuses()[-1] == 486
    assert bench.is_empty()
    assert bench.cdrs()[1:] == [(1, 408, "switch"), (2, 486, "callee")]


def test_a_server_that_answers_too_late_is_told_so(bench, alice, dial):
    """RFC 3261 §9.1: the CANCEL comes after its first provisional response; §13.2.2.4: a 2xx has its ACK and BYE."""
    late, later = bench.phone("late", "40.0.0.1"), bench.phone("later", "40.0.0.2")
    dial("a@40.0.0.1 & b@40.0.0.2")
    bench.run(5)
    assert alice.statuses()[-1] == 408
    late.answer(late.last("INVITE"), 180)
    later.answer(later.last("INVITE"), 200, body=SDP.format("40.0.0.2"))

    cancelled(late)
    later.answer(later.last("BYE"), 200)
    assert late.methods()[-2:] == ["CANCEL", "ACK"]
    assert later.methods()[-2:] == ["ACK", "BYE"]
    assert bench.is_empty()


@pytest.mark.parametrize("status", [100, 180])
def test_a_server_that_has_said_anything_is_waited_for(bench, alice, dial, status):
    first, second = bench.phone("first", "40.0.0.1"), bench.phone("second", "40.0.0.2")
    dial("a@40.0.0.1 | b@40.0.0.2")
    first.answer(first.last("INVITE"), status)
    bench.run(20)

    assert second.methods() == []
    bench.run(11)
    assert second.methods()[0] == "INVITE"


def test_a_server_is_given_its_time_again_after_a_restart(bench, alice, dial):
    first, second = bench.phone("first", "40.0.0.1"), bench.phone("second", "40.0.0.2")
    dial("a@40.0.0.1 | b@40.0.0.2", ring=120.0)
    bench.run(3)
    bench.network.now += 60
    bench.restart()

    assert second.methods() == []
    first.answer(first.last("INVITE"), 180)
    bench.run(10)
    assert second.methods() == []


def test_a_server_is_not_silent_while_we_are_behind_with_listening(bench, alice, dial, monkeypatch):
    """After a restart under load what it has said may wait for longer than the server is given."""
    first, second = bench.phone("first", "40.0.0.1"), bench.phone("second", "40.0.0.2")
    dial("a@40.0.0.1 | b@40.0.0.2")
    with monkeypatch.context() as rush:
        rush.setattr(Backlog, "__len__", lambda backlog: 1)
        bench.run(10)
        assert second.methods() == []
    bench.run(1.5)

    assert second.methods()[0] == "INVITE"
    assert first.methods()[0] == "INVITE"


def test_a_phone_is_waited_for_as_long_as_it_takes(bench, alice, bob):
    """It may have to be woken, or to reach its keys; RFC 3261 §17.1.1.2 gives it 32 s."""
    alice.invite()
    bench.run(20)

    assert alice.statuses() == [100]


def test_a_provider_may_be_given_another_time(bench, alice, monkeypatch):
    trunk = bench.phone("trunk", "40.0.0.1")
    provider = bench.accounts.providers["trunk"] = Provider("trunk", "40.0.0.1", answer_within=10.0)
    found = bench.switch.finder._of_provider(provider, "353", "")
    monkeypatch.setattr(bench.switch.finder, "phones", lambda account: found)
    bench.account("out")
    alice.invite("sip:out@example.org")
    bench.run(9)
    assert alice.statuses() == [100]
    bench.run(2)

    assert alice.statuses()[:2] == [100, 408]
    assert trunk.methods().count("INVITE") == 5


def test_a_server_that_is_not_there_costs_nothing(bench, alice, dial):
    """RFC 3261 §18.4: ICMP has brought the INVITE back."""
    dead, second = bench.phone("dead", "40.0.0.1"), bench.phone("second", "40.0.0.2")
    dial("a@40.0.0.1 | b@40.0.0.2")
    bench.stack.transports[0].on_undelivered(bytes(dead.last("INVITE")))
    bench.run(0.01)

    assert second.methods() == ["INVITE"]
    second.answer(second.last("INVITE"), 486)
    assert bench.is_empty()
    assert bench.cdrs()[1:] == [(1, 503, "switch"), (2, 486, "callee")]


@pytest.mark.parametrize("rseq", [None, 7])
def test_what_a_leg_plays_can_be_kept_from_the_caller(bench, alice, dial, rseq):
    """It hears a ringing tone, and in the end what the phone has answered; a PRACK is the business of the switch."""
    shop = bench.phone("shop", "40.0.0.1")
    dial("shop@40.0.0.1[em=false]")
    invite = shop.last("INVITE")
    headers = () if rseq is None else (("Require", "100rel"), ("RSeq", str(rseq)))
    shop.answer(invite, 183, body=SDP.format(shop.host), headers=headers)
    bench.restart()
    shop.answer(invite, 200, body=None if rseq else SDP.format(shop.host))

    assert 183 not in alice.statuses()
    assert (alice.last(180).reason, alice.last(180).body) == ("Ringing", b"")
    assert alice.last(200).body == SDP.format(shop.host).encode()
    assert shop.methods().count("PRACK") == (0 if rseq is None else 2)  # the second one for the next process


def test_a_leg_that_is_kept_silent_leaves_the_caller_to_another(bench, alice, dial):
    shop, bar = bench.phone("shop", "40.0.0.1"), bench.phone("bar", "40.0.0.2")
    dial("shop@40.0.0.1[em=no] & bar@40.0.0.2")
    shop.answer(shop.last("INVITE"), 183, body=SDP.format(shop.host))
    bar.answer(bar.last("INVITE"), 183, body=SDP.format(bar.host))

    assert alice.last(183).body == SDP.format(bar.host).encode()


def test_an_offer_is_not_kept_from_the_caller(bench, alice, dial):
    """An INVITE without one asks for it, and only the caller can answer it."""
    shop = bench.phone("shop", "40.0.0.1")
    invite = alice.invite
    alice.invite = lambda uri: invite(uri, body=None, headers=(("Supported", "100rel"),))
    dial("shop@40.0.0.1[em=false]")
    shop.answer(
        shop.last("INVITE"), 183, body=SDP.format(shop.host), headers=(("Require", "100rel"), ("RSeq", "7"))
    )

    assert alice.last(183).body == SDP.format(shop.host).encode()


def test_of_several_that_ring_behind_a_leg_one_less_is_no_news(alice, bob):
    """RFC 6228 §5: only who has asked for a 199 hears one; to all others it would be one more 183."""
    alice.invite()
    invite = bob.last("INVITE")
    bob.answer(invite, 180, tag="a")
    bob.answer(invite, 199, tag="a", reason="Early Dialog Terminated")
    bob.answer(invite, 180, tag="b")
    bob.answer(invite, 200, tag="b", body=SDP.format("30.0.0.1"))

    assert alice.statuses() == [180, 200]


def test_a_199_is_acknowledged_where_it_has_to_be_and_rings_nowhere(alice, bob):
    """RFC 6228 §4, RFC 3262 §4."""
    alice.invite()
    reliable = [("Require", "100rel"), ("RSeq", "7")]
    for _ in range(2):
        bob.answer(bob.last("INVITE"), 199, reason="Early Dialog Terminated", headers=reliable)

    assert alice.statuses() == [100]
    assert bob.methods() == ["INVITE", "PRACK"]
    assert bob.last("PRACK").headers.get("RAck") == "7 1 INVITE"


def test_a_server_that_says_199_is_there(bench, alice, dial):
    one = bench.phone("one", "40.0.0.1")
    dial("1@40.0.0.1")
    one.answer(one.last("INVITE"), 199, reason="Early Dialog Terminated")
    bench.run(10)

    assert alice.statuses() == [100]


@pytest.mark.parametrize("status", [488, 606])
def test_what_a_phone_could_talk_about_instead_reaches_the_caller(bench, alice, bob, status):
    """RFC 3261 §21.4.26, §20.43; a private address in it is replaced as in any other session description."""
    warning = '304 30.0.0.1 "Media type not available"'
    alice.invite()
    bob.answer(bob.last("INVITE"), status, body=SDP.format("192.168.1.7"), headers=[("Warning", warning)])
    told = alice.last(status)

    assert (told.headers.get("Content-Type"), told.headers.get("Warning")) == ("application/sdp", warning)
    assert (
        told.body
        == SDP.format("30.0.0.1").replace("o=- 1 1 IN IP4 30.0.0.1", "o=- 1 1 IN IP4 192.168.1.7").encode()
    )


def test_a_killed_switch_still_says_so(bench, alice, bob):
    alice.invite()
    bob.answer(bob.last("INVITE"), 488, body=SDP.format(bob.host))
    alice.clear()
    bench.restart()

    assert alice.last(488).body == SDP.format(bob.host).encode()


@pytest.mark.parametrize(("status", "more"), [(486, ""), (488, "a=x:" + "y" * 5000 + "\r\n")])
def test_nothing_else_that_a_refusal_has_as_body(bench, alice, bob, status, more):
    alice.invite()
    bob.answer(bob.last("INVITE"), status, body=SDP.format(bob.host) + more)

    assert alice.last(status).body == b""


def test_a_phone_that_nothing_leads_to_is_no_broken_gateway(bench, alice, bob):
    """Its address refuses what it is sent (ICMP); of a provider the caller hears 500."""
    alice.invite()
    bench.stack.transports[0].on_undelivered(bytes(bob.last("INVITE")))
    bench.run(0.1)

    assert (alice.statuses()[-1], alice.last(480).reason) == (480, "Phone Unreachable")

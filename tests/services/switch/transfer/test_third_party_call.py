"""Calls that the switch makes by itself: a, then b, joined without any media of ours (RFC 3725, flow IV)."""

import pytest
from tests.services.switch.conftest import SDP

from sipwright.services.dialstring import parse_dial_string
from sipwright.services.switch import Identity
from sipwright.sip import Request


@pytest.fixture
def begin(bench):
    def begin(a="alice@local", b="bob@local", **options):
        identity = Identity("callback", 1, 1, "example.org")
        options = {"delay": 0.0, "ring": 60.0, **options}
        bench.switch.call_back(
            identity, "sip:alice@example.org", parse_dial_string(a), parse_dial_string(b), **options
        )
        bench.run(0.05)

    return begin


@pytest.fixture
def phones(bench, alice, bob):
    bench.account("alice", alice)
    return alice, bob


def join(bench, a, b):
    """Answer on both ends; returns what a and b heard of the other."""
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    b.answer(b.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    offer = a.last("INVITE")
    a.answer(offer, 200, body=SDP.format("20.0.0.1"))
    return offer, b.last("ACK")


def test_both_answer_and_hear_each_other(bench, begin, phones):
    a, b = phones
    begin()
    offer, ack = join(bench, a, b)

    assert b.last("INVITE").body == b""
    assert b"30.0.0.1" in offer.body
    assert b"20.0.0.1" in ack.body
    assert a.methods() == ["INVITE", "ACK", "INVITE", "ACK"]
    assert b.methods() == ["INVITE", "ACK"]


def test_what_a_is_offered_is_a_later_version_of_the_silence(bench, begin, phones):
    """RFC 3725 §4.4 with RFC 3264 §8: the same origin for the whole call, the version goes up by one."""
    a, b = phones
    begin()
    offer, _ = join(bench, a, b)
    silence = a.heard[0].body
    bench.restart()
    b.send(b.in_dialog("INVITE", b.heard[0], body=SDP.format("30.0.0.1").replace(" 1 IN", " 2 IN")))

    lines = [body.split(b"\r\n")[1] for body in (silence, offer.body, a.last("INVITE").body)]
    assert lines[1] == lines[0].replace(b" 1 IN", b" 2 IN")
    assert lines[2] == lines[0].replace(b" 1 IN", b" 3 IN")


def test_either_end_hangs_up(bench, begin, phones):
    a, b = phones
    begin()
    join(bench, a, b)
    a.send(a.in_dialog("BYE", a.heard[0]))
    b.answer(b.last("BYE"), 200)

    assert bench.cdrs()[1:] == [(1, 200, "callee"), (2, 200, "callee")]
    assert bench.is_empty()


def test_b_does_not_answer_and_a_is_told_good_bye(bench, begin, phones):
    a, b = phones
    begin()
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    b.answer(b.last("INVITE"), 486)
    a.answer(a.last("BYE"), 200)

    assert a.last("BYE").headers.get("reason") == "SIP;cause=486"
    assert bench.is_empty()
    assert bench.cdrs() == [(0, 486, "switch"), (1, 486, "switch"), (2, 486, "callee")]


def test_nobody_is_said_to_have_hung_up_who_has_said_nothing(bench, begin, phones):
    a, b = phones
    begin()
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    b.answer(b.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    bench.run(40)
    for phone in phones:
        phone.answer(phone.last("BYE"), 200)

    assert bench.cdrs() == [(0, 408, "switch"), (1, 408, "switch"), (2, 408, "switch")]


def test_a_does_not_answer_and_b_is_never_called(bench, begin, phones):
    a, b = phones
    begin()
    a.answer(a.last("INVITE"), 603)

    assert b.heard == []
    assert bench.is_empty()


def test_a_hangs_up_while_b_rings(bench, begin, phones):
    a, b = phones
    begin()
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    b.answer(b.last("INVITE"), 180)
    a.send(a.in_dialog("BYE", a.heard[0]))
    b.answer(b.last("CANCEL"), 200)
    b.answer(b.last("INVITE"), 487)

    assert a.statuses("BYE") == [200]
    assert bench.is_empty()


def test_a_ring_time_that_is_over_ends_it(bench, begin, phones):
    a, _ = phones
    begin(ring=5.0)
    a.answer(a.last("INVITE"), 180)
    bench.run(6)
    a.answer(a.last("CANCEL"), 200)
    a.answer(a.last("INVITE"), 487)

    assert bench.is_empty()


def test_it_begins_after_its_delay_whatever_happens_in_between(bench, begin, phones):
    a, _ = phones
    begin(delay=10.0)
    bench.run(3)
    bench.restart()
    bench.run(6)
    before = list(a.heard)
    bench.run(1.3)

    assert before == []
    assert a.methods() == ["INVITE"]


def invites(phone):
    return [message for message in phone.heard if isinstance(message, Request) and message.method == "INVITE"]


def test_it_goes_on_after_a_restart_while_b_rings(bench, begin, phones):
    a, b = phones
    begin()
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    b.answer(b.last("INVITE"), 180)
    bench.restart()
    b.answer(b.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))

    assert b"20.0.0.1" in b.last("ACK").body
    assert len({message.top_via.branch for message in invites(b)}) == 1


def test_a_restart_in_the_middle_of_joining_repeats_the_same_request(bench, begin, phones):
    a, b = phones
    begin()
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    b.answer(b.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    offered = a.last("INVITE")
    bench.restart()
    bench.run(1)
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))

    assert (a.last("INVITE").top_via.branch, a.last("INVITE").cseq) == (offered.top_via.branch, offered.cseq)
    assert b"20.0.0.1" in b.last("ACK").body
    assert [call.state.value for call in bench.switch.calls.values()] == ["talking"]


def test_a_collision_is_tried_again(bench, begin, phones):
    a, b = phones
    begin()
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    b.answer(b.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    a.answer(a.last("INVITE"), 491)
    bench.run(4.1)
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))

    assert b"20.0.0.1" in b.last("ACK").body


def test_one_that_is_always_busy_ends_it_in_time_for_the_other(bench, begin, phones):
    """RFC 3261 §13.3.1.4: whoever hears no ACK for 64*T1 hangs up."""
    a, b = phones
    begin()
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    b.answer(b.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    answered_at = bench.network.now
    while "BYE" not in a.methods() and bench.network.now < answered_at + 40:
        a.answer(a.last("INVITE"), 491)
        bench.run(4.1)

    assert b.methods()[:3] == ["INVITE", "ACK", "BYE"]
    assert bench.network.now < answered_at + 32


def test_an_answer_without_offer_ends_it(bench, begin, phones):
    a, b = phones
    begin()
    a.answer(a.last("INVITE"), 200, body=SDP.format("20.0.0.1"))
    b.answer(b.last("INVITE"), 200)
    a.answer(a.last("BYE"), 200)
    b.answer(b.last("BYE"), 200)

    assert b.methods() == ["INVITE", "ACK", "BYE"]
    assert bench.is_empty()

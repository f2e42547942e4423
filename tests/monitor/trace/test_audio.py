"""What a trace says of audio: as soon as a phone is rung, and more exactly when it has answered."""

from __future__ import annotations

from sipwright.monitor.trace.audio import audio_of
from sipwright.monitor.trace.ladder import Rung

SDP = "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
ALICE, BOB = "udp/192.0.2.1:5060/198.51.100.1:5060", "udp/192.0.2.1:5060/198.51.100.2:40000"


def invite(leg, flow, uri, contact, address, *, is_to_switch):
    body = SDP.format(address)
    text = (
        f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n"
        f"Call-ID: c{leg}\r\nCSeq: 1 INVITE\r\nContact: <{contact}>\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    return Rung(0.0, leg, is_to_switch, "INVITE", flow, text.encode())


def ok(leg, flow, address, *, is_to_switch, extra=""):
    body = SDP.format(address) + extra
    text = (
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>;tag=2\r\n"
        f"Call-ID: c{leg}\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    return Rung(1.0, leg, is_to_switch, "200", flow, text.encode())


CALLER = invite(0, ALICE, "sip:bob@x", "sip:alice@192.168.1.7:5060", "192.168.1.7", is_to_switch=True)
RUNG = invite(1, BOB, "sip:bob@192.168.2.7:5060", "sip:192.0.2.1", "198.51.100.1", is_to_switch=False)


def verdicts(*ladder):
    return [(one.leg, one.to_leg.verdict.value, one.to_caller.verdict.value) for one in audio_of(ladder)]


def test_it_is_known_before_the_answer():
    assert verdicts(CALLER, RUNG) == [(1, "no", "no")]
    assert audio_of([CALLER, RUNG])[0].lines() == [
        "leg 1 hears the caller: no: its router changes ports, and nobody outside can know to which",
        "the caller hears leg 1: no: its router lets in whom it was told to write to, and the other router changes "
        "that port",
    ]


def test_each_leg_has_its_own():
    other = invite(2, ALICE.replace("198.51.100.1:5060", "198.51.100.3:5060"), "sip:x@sip.example.net",
                   "sip:192.0.2.1", "198.51.100.1", is_to_switch=False)  # fmt: skip

    assert verdicts(CALLER, RUNG, other) == [(1, "no", "no"), (2, "yes", "yes")]


def test_what_is_not_replaced_is_seen_in_what_is_passed_on():
    plain = invite(1, BOB, "sip:bob@192.168.2.7:5060", "sip:192.0.2.1", "192.168.1.7", is_to_switch=False)

    assert verdicts(CALLER, plain) == [(1, "no", "no")]
    assert "which means nothing elsewhere" in audio_of([CALLER, plain])[0].to_caller.why


def test_the_answer_counts_for_what_it_says():
    same = BOB.replace("198.51.100.2", "198.51.100.1")
    rung = invite(1, same, "sip:bob@192.168.1.8:5060", "sip:192.0.2.1", "192.168.1.7", is_to_switch=False)
    assert verdicts(CALLER, rung) == [(1, "yes", "yes")]

    answer = ok(1, same, "198.51.100.1", is_to_switch=True)
    assert verdicts(CALLER, rung, answer) == [(1, "perhaps", "yes")]


def test_phones_in_browsers_find_their_way():
    candidate = "a=candidate:1 1 udp 1 192.168.1.7 4000 typ host\r\n"
    caller = Rung(
        0.0, 0, True, "INVITE", ALICE, CALLER.data.replace(b"Content-Length: ", b"X: ") + candidate.encode()
    )
    answer = ok(1, BOB, "192.168.2.7", is_to_switch=True, extra=candidate)

    assert verdicts(caller, RUNG, answer) == [(1, "yes", "yes")]


def test_loops_nonsense_and_calls_without_a_leg_say_nothing():
    loop = Rung(0.0, 1, False, "INVITE", "loop/127.0.0.1:0/127.0.0.1:0", RUNG.data)

    assert verdicts(CALLER, loop) == []
    assert verdicts(CALLER, Rung(0.0, 1, True, "", "x", b"nonsense")) == []
    assert verdicts(RUNG) == []

"""Peers of RFC 2543: a tag that is missing equals an empty one, in From and in To (RFC 3261 §12.1.1, §12.2.2)."""

import pytest
from tests.services.switch.conftest import SDP, Binding

from sipwright.sip import Request, parse
from sipwright.stack import receiver

FROM = "<sip:+13035551111@ift.client.example.net;user=phone>"
CALL_ID = "inv2543.1717@ift.client.example.com"
INV2543 = (
    "INVITE sip:bob@example.org SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 20.0.0.1\r\n"
    f"From: {FROM}\r\n"
    "Record-Route: <sip:UserB@example.com;maddr=20.0.0.1>\r\n"
    "To: sip:+16505552222@ss1.example.net;user=phone\r\n"
    f"Call-ID: {CALL_ID}\r\n"
    "CSeq: 56 INVITE\r\n"
    "Content-Type: application/sdp\r\n"
    "\r\n"
    "v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=0 0\r\n"
    "m=audio 49217 RTP/AVP 0\r\n"
)
"""RFC 4475 §3.3.10, with our addresses: no tag, no branch, no Contact, no Content-Length, no Max-Forwards."""


def say(bench, phone, method, cseq, to):
    phone.flow.send(
        f"{method} sip:10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 20.0.0.1\r\nFrom: {FROM}\r\nTo: {to}\r\n"
        f"Call-ID: {CALL_ID}\r\nCSeq: {cseq} {method}\r\n\r\n".encode()
    )
    bench.run(0.05)


@pytest.fixture
def old(bench, alice, bob):
    """A caller of RFC 2543 that was answered: the 2xx that it heard."""
    alice.flow.send(INV2543.encode())
    bench.run(0.05)
    bob.answer(bob.last("INVITE"), 180)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    ok = alice.last(200)
    say(bench, alice, "ACK", 56, ok.headers.get("To"))
    return ok


@pytest.mark.parametrize("restarts", [False, True])
def test_an_invite_without_tag_is_set_up_and_talked_in(bench, alice, bob, old, restarts):
    if restarts:
        bench.restart()
    say(bench, alice, "INFO", 57, old.headers.get("To"))
    bob.answer(bob.last("INFO"), 200)
    assert alice.statuses("INFO") == [200]

    say(bench, alice, "BYE", 58, old.headers.get("To"))
    bob.answer(bob.last("BYE"), 200)
    assert alice.statuses("BYE") == [200]
    assert bench.is_empty()


def test_it_is_reached_by_its_route(bench, alice, bob, old):
    bob.send(bob.in_dialog("BYE", bob.last("INVITE"), cseq=70))
    bye = alice.last("BYE")

    assert (bye.uri_text, bye.to_tag) == ("sip:UserB@example.com;maddr=20.0.0.1", None)
    assert bye.headers.get("Route") == "<sip:+13035551111@ift.client.example.net;user=phone>"
    alice.answer(bye, 200)
    assert bench.is_empty()


def test_a_stranger_with_a_tag_is_no_part_of_it(bench, alice, bob, old):
    alice.send(alice.request("BYE", "sip:10.0.0.1", to=old.headers.get("To"), call_id=CALL_ID, cseq=90))

    assert alice.statuses("BYE") == [481]
    assert bob.methods()[-1] == "ACK"


def test_whoever_gives_a_tag_says_where_it_is(bench, alice, bob):
    invite = alice.request("INVITE", "sip:bob@example.org", body=SDP.format("20.0.0.1"))
    headers = [(name, value) for name, value in invite.headers.items() if name != "Contact"]
    alice.send(Request("INVITE", invite.uri_text, headers, invite.body))

    assert (alice.statuses(), bob.methods()) == ([400], [])


def tagless(bob, invite, status, body):
    lines = [f"SIP/2.0 {status} As Of Old"]
    lines += [f"{name}: {value}" for name, value in invite.headers.items()
              if name.lower() in ("via", "from", "to", "call-id", "cseq")]  # fmt: skip
    lines += [
        f"Contact: <sip:bob@{bob.address}>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    bob.flow.send("\r\n".join([*lines, "", body]).encode())
    bob.bench.run(0.05)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_callee_that_gives_no_tag_is_talked_to(bench, alice, bob, restarts):
    alice.invite()
    invite = bob.last("INVITE")
    tagless(bob, invite, 183, SDP.format("30.0.0.1"))
    tagless(bob, invite, 200, SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))
    assert (bob.methods(), bob.last("ACK").to_tag) == (["INVITE", "ACK"], None)

    tagless(bob, invite, 200, SDP.format("30.0.0.1"))
    assert bob.methods() == ["INVITE", "ACK", "ACK"]  # the same answer again, and not that of a fork
    if restarts:
        bench.restart()
    bob.clear()
    for method, cseq in (("INFO", 70), ("INVITE", 71)):
        asked = bob.in_dialog(method, invite, cseq=cseq, body=SDP.format("30.0.0.1"))
        asked.headers.set("From", invite.headers.get("To"))
        bob.send(asked)
        alice.answer(alice.last(method), 200, body=SDP.format("20.0.0.1"))
        assert bob.statuses(method) == [200]
    ack = bob.in_dialog("ACK", invite, cseq=71)
    ack.headers.set("From", invite.headers.get("To"))
    bob.send(ack)
    bye = bob.in_dialog("BYE", invite, cseq=72)
    bye.headers.set("From", invite.headers.get("To"))
    bob.send(bye)
    alice.answer(alice.last("BYE"), 200)

    assert bob.statuses("BYE") == [200]
    assert bench.is_empty()


@pytest.mark.parametrize(
    ("method", "status"), [("SUBSCRIBE", 489), ("REFER", 403), ("BYE", 481), ("INFO", 481)]
)
def test_what_belongs_to_no_call_is_refused_and_not_in_silence(bench, alice, monkeypatch, method, status):
    """Whoever asks why a transfer key does nothing finds it in the log."""
    noted = []
    monkeypatch.setattr(bench.pipeline, "_on_refused", lambda _, refusal, has_record: noted.append(refusal))
    alice.send(alice.request(method, "sip:bob@example.org", headers=[("Refer-To", "<sip:c@example.org>")]))

    assert alice.statuses(method) == [status]
    assert [(refusal.status, refusal.why is not None) for refusal in noted] == [(status, True)]


@pytest.fixture
def read(monkeypatch):
    """What the switch has read, each by what it begins with: what is taken by its bytes is not among it."""
    lines = []

    def noted(data):
        lines.append(data[: data.index(b"\r")].decode())
        return parse(data)

    monkeypatch.setattr(receiver, "parse", noted)
    return lines


def test_what_ends_an_exchange_is_taken_by_its_bytes(bench, alice, bob, talking, read):
    alice.send(alice.in_dialog("BYE", talking[0]))
    bob.answer(bob.last("BYE"), 200)
    bob.answer(bob.last("BYE"), 200)

    assert [line[:3] for line in read] == ["BYE"]
    assert alice.statuses("BYE") == [200]
    assert bench.is_empty()


def test_an_ack_is_taken_by_its_bytes_once_and_the_2xx_is_repeated_no_more(bench, alice, bob, read):
    alice.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    read.clear()
    for _ in range(2):
        alice.ack(alice.last(200))
    bench.run(5.0)

    assert [line[:3] for line in read] == ["ACK"]  # the copy, of which nobody is waiting
    assert alice.statuses() == [200]


@pytest.mark.parametrize(
    "change",
    [{"tag": "another"}, {"call_id": "another"}, {"cseq": 77}, {"to": "<sip:bob@example.org>;tag=another"}],
)
def test_an_ack_of_something_else_acknowledges_nothing(bench, alice, bob, change):
    alice.invite()
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    ok = alice.last(200)
    said = {"to": ok.headers.get("To"), "call_id": ok.call_id, "tag": ok.from_tag, "cseq": ok.cseq.number}
    alice.send(alice.request("ACK", "sip:10.0.0.1", **{**said, **change}))
    bench.run(0.6)

    assert alice.statuses().count(200) == 2


def test_an_answer_that_comes_with_the_ack_is_read(bench, alice, bob, read):
    alice.invite(body=None)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200), body=SDP.format(alice.host))

    assert [line[:3] for line in read][-1:] == ["ACK"]
    assert bob.last("ACK").body


def test_an_ack_without_the_answer_that_it_owes_is_read(bench, alice, bob, read):
    alice.invite(body=None)
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    alice.ack(alice.last(200))

    assert [line[:3] for line in read][-1:] == ["ACK"]
    assert bob.last("ACK").body == b""


def test_a_bye_that_is_refused_is_read(bench, alice, bob, talking, read):
    alice.send(alice.in_dialog("BYE", talking[0]))
    bob.answer(bob.last("BYE"), 481)

    assert "SIP/2.0 481" in [line[:11] for line in read]
    assert bench.is_empty()


@pytest.mark.parametrize("method", ["INFO", "OPTIONS", "MESSAGE", "UPDATE", "REFER", "SUBSCRIBE", "NOTIFY"])
def test_what_comes_before_the_other_end_is_there_ends_nothing(bench, alice, bob, method):
    """RFC 5057 §5.1: who hears 408, 480 or 481 has no call any more; a 500 is about the one request."""
    desk = bench.phone("bob", "30.0.0.2")
    bench.accounts.bindings[1].append(Binding("sip:bob@30.0.0.2", f"udp/10.0.0.1:5060/{desk.address}"))
    alice.invite()
    bob.answer(bob.last("INVITE"), 183)
    ringing = alice.last(183)
    bob.answer(bob.last("INVITE"), 486)
    headers = [("Refer-To", "<sip:carol@example.org>"), ("Event", "talk")]
    alice.send(alice.in_dialog(method, ringing, headers=headers))

    assert (alice.statuses(method), alice.last(500).headers.get("Retry-After")) == ([500], "2")
    assert desk.methods() == ["INVITE"]

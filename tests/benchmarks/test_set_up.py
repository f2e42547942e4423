"""What the client for set-up times says to a switch, at both ends of a call."""

from __future__ import annotations

import importlib
import re
import struct
import time
from pathlib import Path

import pytest

from sipwright.sip import parse

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


class Socket:
    """A socket that notes what is sent."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sent = []

    def getsockname(self):
        return ("127.0.0.1", self.port)

    def sendto(self, data, to):
        self.sent.append(parse(data))


@pytest.fixture
def client(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    made = importlib.import_module("set_up").Client(5060, Socket(6060), Socket(6090), "service")
    made._invite()
    return made


def answer(request, status, *, to_tag=";tag=t", more=""):
    """Return what a proxy that records its route, or a switch, answers to a request of the client."""
    lines = [f"{name}: {request.headers.get(name)}" for name in ("Via", "From", "Call-ID", "CSeq")]
    to = request.headers.get("To")
    lines.append(f"To: {to if 'tag=' in to else to + to_tag}")
    return (f"SIP/2.0 {status}\r\n" + "\r\n".join(lines) + f"\r\n{more}Content-Length: 0\r\n\r\n").encode()


def stamped(nanoseconds):
    return [(1, 35, struct.pack("ll", *divmod(nanoseconds, 1_000_000_000)))]


def test_a_call_that_is_answered_is_acknowledged_and_hung_up_along_its_route(client):
    (invite,) = client._caller.sent
    routes = (
        "Record-Route: <sip:b;lr>\r\nRecord-Route: <sip:a;lr>\r\nContact: <sip:service@127.0.0.1:6090>\r\n"
    )
    sent = client._waiting[invite.call_id.encode()]
    client._at_caller(answer(invite, "180 Ringing"), stamped(sent + 1_000_000), None)
    client._at_caller(answer(invite, "200 OK", more=routes), stamped(sent + 30_000_000), None)
    (_, ack), ((due, data),) = client._caller.sent, client._byes
    bye = parse(data)

    assert client._answered == [pytest.approx(0.03)]
    assert due > time.monotonic() - 1
    assert [(each.method, each.cseq.number) for each in (ack, bye)] == [("ACK", 1), ("BYE", 2)]
    for each in (ack, bye):
        assert str(each.request_uri) == "sip:service@127.0.0.1:6090"
        assert each.to_tag == "t"
        assert each.headers.get_all("Route") == ["<sip:a;lr>", "<sip:b;lr>"]
        assert each.top_via.branch != invite.top_via.branch

    client._at_caller(answer(bye, "200 OK"), [], None)
    assert (client._ended, client._open, client._waiting) == (1, {}, {})


def test_a_200_that_comes_again_is_acknowledged_again_and_counted_once(client):
    (invite,) = client._caller.sent
    for _ in range(2):
        client._at_caller(answer(invite, "200 OK", more="Contact: <sip:x@127.0.0.1>\r\n"), [], None)

    assert [each.method for each in client._caller.sent] == ["INVITE", "ACK", "ACK"]
    assert (len(client._answered), len(client._byes)) == (1, 1)


def test_a_call_that_is_refused_is_acknowledged_in_its_transaction(client):
    (invite,) = client._caller.sent
    for _ in range(2):
        client._at_caller(answer(invite, "503 Busy"), [], None)
    _, *acks = client._caller.sent

    assert [ack.top_via.branch for ack in acks] == [invite.top_via.branch] * 2
    assert {(ack.method, str(ack.request_uri), ack.to_tag) for ack in acks} == {
        ("ACK", str(invite.request_uri), "t")
    }
    assert (client._refused, client._open, client._waiting, client._answered) == (1, {}, {}, [])


def test_the_callee_rings_and_answers_each_with_one_tag_and_the_whole_route(client):
    (invite,) = client._caller.sent
    data = bytes(invite).replace(
        b"Via:", b"Record-Route: <sip:a;lr>\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\nVia:", 1
    )
    client._at_callee(data, [], ("127.0.0.1", 5060))
    ringing, answered = client._callee.sent

    assert (ringing.status, answered.status) == (180, 200)
    for each in (ringing, answered):
        assert len(each.headers.get_all("Via")) == 2
        assert each.headers.get_all("Record-Route") == ["<sip:a;lr>"]
        assert re.findall("tag=([a-z]+)$", each.headers.get("To")) == ["callee"]
    assert answered.body.startswith(b"v=0")

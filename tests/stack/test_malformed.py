"""Whatever comes in: an answer or silence, a log line at most, and the next request is served."""

import random

import pytest

from sipwright.sip.message import Request
from sipwright.sip.parser import parse

SEEDS = range(8)
ROUNDS = 150
NOISE = (
    b"\r\n",
    b"\0",
    b"\r",
    b"\n",
    b" ",
    b";",
    b",",
    b'"',
    b"<",
    b">",
    b":",
    b"\xff\xfe",
    b"=",
    b"z" * 300,
)


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change a message in a few places, or cut it, or repeat a part of it."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            data = data[:at] + chance.choice(NOISE) + data[at:]
        elif kind == 1:
            data = data[:at] + data[at + chance.randint(1, 20) :]
        elif kind == 2:
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        elif kind == 3:
            lines = data.split(b"\r\n")
            lines.insert(chance.randrange(len(lines)), chance.choice(lines))
            data = b"\r\n".join(lines)
        else:
            data = data[: max(1, at)]
    return data or b"x"


def read_everything(incoming) -> bool:
    """Look at all that a handler may look at, then answer."""
    request: Request = incoming.request
    for name in (
        "contacts",
        "route",
        "record_route",
        "max_forwards",
        "expires",
        "from_",
        "to",
        "request_uri",
    ):
        getattr(request, name)
    _ = request.content_type, str(request), repr(request)
    if request.method != "ACK":
        incoming.respond(200)
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_messages_end_in_no_traceback(element, peer, request_text, seed):
    chance = random.Random(seed)
    element.handle = read_everything
    extra = (
        'Contact: "A, b" <sip:alice@192.0.2.2:5062;transport=UDP>;q=0.5, <sip:c@d>\r\n'
        "Record-Route: <sip:192.0.2.9;lr>\r\nRoute: <sip:192.0.2.1;lr>\r\nExpires: 60\r\n"
        "Content-Type: application/sdp\r\n"
    )
    texts = [request_text(method, extra=extra) for method in ("INVITE", "REGISTER", "ACK", "CANCEL", "BYE")]
    texts.append(texts[0].replace("INVITE sip:bob@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK"))
    peer.transport.on_message = lambda data, flow: None

    for _ in range(ROUNDS):
        peer.send(mutate(chance.choice(texts).encode(), chance), element)
    element.network.advance(60.0)

    assert set(element.log.events) <= {"malformed message"}
    assert len(element.log.lines) < 5
    assert element.stack.snapshot().failed == 0
    assert len(element.stack.layer) == 0

    answers = []
    peer.transport.on_message = lambda data, flow: answers.append(parse(data).status)
    peer.send(request_text(via="SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bKend", call_id="end"), element)
    assert answers == [200]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("branch=z9hG4bK", ";;,;,,branch=z9hG4bK"),
        ("Call-ID:", "Call:"),
        ("From:", "Form:"),
    ],
)
def test_what_cannot_be_answered_as_usual_is_refused_to_where_it_came_from(
    element, peer, request_text, old, new
):
    """RFC 4475 §3.1.2.1, §3.3.1."""
    answers = []
    peer.transport.on_message = lambda data, flow: answers.append(data.split(b"\r\n")[0])
    text = request_text("OPTIONS", extra="Subject: something that makes it long\r\n")
    peer.send(text.replace(old, new), element)

    assert [answer[:12] for answer in answers] == [b"SIP/2.0 400 "]
    assert len(element.stack.layer) == 0

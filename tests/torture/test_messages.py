"""Every message of this folder gives what its first lines say (see README.md)."""

import re
from pathlib import Path

import pytest

from sipwright.sip import Message, ParseError, StreamFramer, make_response, parse

FILES = sorted(Path(__file__).parent.glob("*.txt"))
_REPEAT = re.compile(rb"<repeat (\d+)>(.*?)</repeat>")
_HEX = re.compile(rb"<hex>([0-9A-F]+)</hex>")

READ_BY_SOMEBODY = [name for name in vars(Message) if not name.startswith("_")]


def load(path):
    """Give what is said about a message, and its bytes."""
    lines = path.read_bytes().splitlines()
    claims = [line[2:].decode() for line in lines if line.startswith(b"# ")][1:]
    message = [line for line in lines if not line.startswith(b"# ")]
    is_complete = b"" in message
    end = b"\n" if path.stem == "lf-only" else b"\r\n"
    data = end.join([*message, b""]) if is_complete else end.join([*message, b"", b""])
    data = _REPEAT.sub(lambda match: match[2] * int(match[1]), data)
    return claims, _HEX.sub(lambda match: bytes.fromhex(match[1].decode()), data)


def outcome_of(data):
    """Parse, then read everything that somebody may ask for."""
    try:
        message = parse(data)
        for name in READ_BY_SOMEBODY:
            getattr(message, name, None)
        _ = getattr(message, "request_uri", None)
    except ParseError as error:
        return None, f"{error.status} {error.reason}" + (
            "" if error.request is not None else " (unanswerable)"
        )
    return message, "ok"


def test_the_folder_is_not_empty():
    assert len(FILES) > 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_torture(path):
    claims, data = load(path)
    expected = claims[0].removeprefix("gives: ").replace("<hex>20</hex>", " ")
    message, outcome = outcome_of(data)

    assert outcome == expected
    for claim in claims[1:]:
        expression, _, value = claim.partition(" = ")
        scope = Attributes(message)
        assert eval(expression, {}, scope) == eval(value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_can_be_read_goes_out_as_it_came_in(path):
    _, data = load(path)
    message, outcome = outcome_of(data)
    if message is None:
        assert outcome != "ok"
        return

    assert data.startswith(bytes(message))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_can_be_answered_gets_a_good_answer(path):
    """Unless it repeats a CSeq that is itself the fault."""
    _, data = load(path)
    try:
        request = parse(data)
    except ParseError as error:
        if error.request is None or error.header == "CSeq":
            return
        request = error.request
    if not hasattr(request, "method"):
        return
    answer = make_response(request, 400, to_tag="answer")

    try:
        read = parse(bytes(answer))
    except ParseError as error:
        # From and To go back as they came, faults included.
        assert error.header in ("From", "To")  # noqa: PT017
    else:
        assert read.call_id == request.call_id


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stream_finds_the_same_length_or_gives_up(path):
    _, data = load(path)
    message, _ = outcome_of(data)
    if message is None or not message.headers.has_length:
        return
    wire = bytes(message)

    assert StreamFramer().feed(wire + wire) == [wire, wire]


class Attributes(dict):
    """Lets a claim name the attributes of a message."""

    def __init__(self, message):
        super().__init__()
        self._message = message

    def __missing__(self, name):
        if hasattr(self._message, name):
            return getattr(self._message, name)
        raise KeyError(name)

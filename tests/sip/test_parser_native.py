"""The native part of the parser: what it takes apart is what Python reads, and the rest it leaves to that."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recorded_registers import PIECES, RECORDED
from sipwright import native
from sipwright.sip import ParseError, Request
from sipwright.sip.dialog import address_of
from sipwright.sip.headers.names import COMPACT
from sipwright.sip.headers.via import Via
from sipwright.sip.parser import LONGEST_HEAD, MOST_LINES, parse, parse_in_python

pytestmark = pytest.mark.skipif(
    native.take_apart is None, reason="the native part is not built: make clean run, where there is cargo"
)

TORTURE = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "torture").glob("*.txt"))]
INVITE = (
    b"INVITE sip:bob@example.org;transport=tcp SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.1:5062;rport;branch=z9hG4bK1\r\n"
    b"Via: SIP/2.0/TCP 10.0.0.2;branch=z9hG4bK2;received=192.0.2.1\r\n"
    b"v: SIP/2.0/TLS 10.0.0.3;branch=z9hG4bK3\r\n"
    b"Record-Route: <sip:p1.example.org;lr>\r\nRecord-Route: <sip:p2.example.org;lr>\r\n"
    b'Max-Forwards: 70\r\nFrom: "J\xc3\xb6rg (1)" <sip:joerg@example.org>;tag=a1\r\nTo:bob <sip:bob@example.org>\r\n'
    b"Call-ID: \t abc@10.0.0.1 \r\nCSeq: 7 INVITE\r\nm: <sip:joerg@10.0.0.1:5062>\r\nX-Any: 1, 2\r\n"
    b"c: application/sdp\r\nl:  5 \r\n\r\nv=0\r\n and more"
)
ANSWER = (
    b"SIP/2.0 200 OK\r\nVIA: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKn-1;rport=5062;received=192.0.2.7\r\n"
    b"f: <sip:joerg@example.org>;tag=a1\r\nTO: <sip:bob@example.org>;tag=b2\r\ni: abc\r\nCSeq: 7 INVITE\r\n"
    b"Contact: <sip:bob@10.0.0.9>\r\nServer: phone\r\nContent-Length: 0\r\n\r\n"
)
OTHERS = [
    "\r\n", "\n", "\r", "\0", ";rport", ";rport=", ";rport=123456", ";received=", ":", " ", "\t", '"', "\\", "<", ">",
    ";tag=", ";tag=x", ",", "Via: SIP/2.0/UDP h;branch=z\r\n", "CSeq: 7 INVITE\r\n", "T: <sip:x@y>\r\n", "é", "\x7f",
    "SIP/2.0 ", "Content-Length: 3\r\n", "Content-Length: 0000000000005\r\n", ":65535", ":65536", ":0", "X-Any: 3\r\n",
]  # fmt: skip


def facts(data, read):
    """Return all that a message says, or what is wrong with it."""
    try:
        message = read(data)
    except ParseError as error:
        return error.reason, error.status, error.request and bytes(error.request)
    headers, is_request = message.headers, isinstance(message, Request)
    first = (message.method, message.uri_text) if is_request else (message.status, message.reason)
    return (
        first, message.body, bytes(message), headers.lines(), headers.index(), headers._repeated, headers.has_length,
        {name: shown(value) for name, value in headers.parsed.items()},
    )  # fmt: skip


def shown(value):
    return {name: getattr(value, name) for name in Via.__slots__} if isinstance(value, Via) else value


def are_alike(data):
    """Return whether both readers say the same; what only the native one has read, Python would read so."""
    found, expected = facts(data, parse), facts(data, parse_in_python)
    if len(expected) == 3:
        return found == expected
    more = {name: value for name, value in found[-1].items() if name not in expected[-1]}
    message = parse_in_python(data)
    return found[:-1] == expected[:-1] and {**expected[-1], **more} == found[-1] and all(
        value == address_of(message, name.removesuffix("_address")) for name, value in more.items()
    )  # fmt: skip


@pytest.mark.parametrize("data", [INVITE, ANSWER, *(data for data in RECORDED if b";alias" not in data)])
def test_what_phones_and_proxies_send_is_taken_apart(data):
    assert native.take_apart(data) is not None
    assert are_alike(data)


def test_a_message_is_taken_apart():
    request = parse(INVITE)

    assert (request.method, request.uri_text, request.body) == (
        "INVITE", "sip:bob@example.org;transport=tcp", b"v=0\r\n",
    )  # fmt: skip
    assert (request.from_tag, request.to_tag, request.call_id, request.cseq) == (
        "a1", None, "abc@10.0.0.1", (7, "INVITE"),
    )  # fmt: skip
    assert [via.branch for via in request.vias] == ["z9hG4bK1", "z9hG4bK2", "z9hG4bK3"]
    assert address_of(request, "from") == '"Jörg (1)" <sip:joerg@example.org>'
    assert bytes(request) == INVITE.removesuffix(b" and more")


@pytest.mark.parametrize("data", TORTURE)
def test_torture_messages_are_read_alike(data):
    assert are_alike(data)


@pytest.mark.parametrize("short", COMPACT)
def test_short_names_are_known(short):
    data = ANSWER.replace(b"Server: phone", short.upper().encode() + b": 1")

    assert are_alike(data)
    assert short in "fitlv" or COMPACT[short] in parse(data).headers.index()


@pytest.mark.parametrize("count", [MOST_LINES - 8, MOST_LINES - 7])
def test_as_many_lines_are_read_as_may_be(count):
    data = ANSWER.replace(b"Server: phone", b"\r\n".join([b"X: 1"] * count))

    assert are_alike(data)


@pytest.mark.parametrize("length", [LONGEST_HEAD, LONGEST_HEAD + 1])
def test_a_head_is_as_long_as_it_may_be(length):
    data = ANSWER.replace(b"phone", b"p" * (length - len(ANSWER) + 5))

    assert len(data) == length
    assert are_alike(data)


@settings(max_examples=3_000, deadline=None)
@given(
    st.sampled_from([INVITE, ANSWER, *RECORDED, *TORTURE]),
    st.lists(
        st.tuples(
            st.integers(0, 900),
            st.integers(0, 12),
            st.one_of(
                st.sampled_from([b"", *(piece.encode() for piece in (*PIECES, *OTHERS))]),
                st.binary(max_size=3),
            ),
        ),
        max_size=3,
    ),
)
@example(b"", [])
@example(b"SIP/2.0 200 OK\r\n\r\n", [])
@example(ANSWER[:-2], [])
def test_whatever_else_is_read_alike(data, changes):
    for at, length, piece in changes:
        data = data[:at] + piece + data[at + length :]

    assert are_alike(data)


@pytest.mark.parametrize("arguments", [(), ("",), (b"", b"")])
def test_other_arguments_are_refused(arguments):
    with pytest.raises(TypeError):
        native.take_apart(*arguments)

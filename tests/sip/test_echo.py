"""What a response repeats of our request, by its bytes (RFC 3261 §8.2.6.2), and the native twin of that."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipwright import native
from sipwright.sip import ParseError, parse
from sipwright.sip.echo import is_echo, is_echo_in_python, usual_ok, usual_ok_in_python
from sipwright.sip.transaction.table import is_answer

BYE = (
    b"BYE sip:bob@192.0.2.7 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKn-1;rport\r\nMax-Forwards: 70\r\n"
    b'From: "Al" <sip:al@example.org>;tag=f\r\nTo: <sip:bob@example.org>;tag=t\r\nCall-ID: c@192.0.2.1\r\n'
    b"CSeq: 7 BYE\r\nContent-Length: 0\r\n\r\n"
)
OK = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKn-1;received=192.0.2.1;rport=5060\r\n"
    b'From: "Al" <sip:al@example.org>;tag=f\r\nTo: <sip:bob@example.org>;tag=t\r\nCall-ID: c@192.0.2.1\r\n'
    b"CSeq: 7 BYE\r\nServer: phone\r\nContent-Length: 0\r\n\r\n"
)
BOTH = [(usual_ok_in_python, is_echo_in_python), (usual_ok, is_echo)]
OF_ANOTHER = [
    (b"branch=z9hG4bKn-1;", b"branch=z9hG4bKn-12;"),
    (b"192.0.2.1:5060;branch", b"192.0.2.9:5060;branch"),
    (b"Al", b"Bo"),
    (b";tag=f", b";tag=g"),
    (b"Call-ID: c@", b"Call-ID: d@"),
    (b"CSeq: 7 BYE", b"CSeq: 8 BYE"),
    (b"CSeq: 7 BYE", b"CSeq: 7 INFO"),
]
UNUSUAL = [
    (b"Via: ", b"v: "),
    (b"From: ", b"f: "),
    (b"Call-ID: ", b"Call-ID:"),
    (b"CSeq: ", b"cseq: "),
    (b";received", b", SIP/2.0/UDP 192.0.2.9;received"),
    (b"\r\nFrom", b"\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2\r\nFrom"),
    (b"\r\nFrom", b"\r\nv: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2\r\nFrom"),
    (b";received", b" ;received"),
    (b"\r\n\r\n", b"\r\n"),
]


@pytest.mark.parametrize(("read", "repeats"), BOTH)
def test_a_200_as_nearly_all_are_is_known(read, repeats):
    for data in (OK, OK.replace(b";received=192.0.2.1;rport=5060", b"")):
        assert read(data) == ("z9hG4bKn-1", "BYE")
        assert repeats(data, BYE)


@pytest.mark.parametrize(("read", "repeats"), BOTH)
@pytest.mark.parametrize(("old", "new"), OF_ANOTHER)
def test_one_that_says_something_else_repeats_nothing(read, repeats, old, new):
    assert old in OK
    assert not repeats(OK.replace(old, new), BYE)


@pytest.mark.parametrize(("read", "repeats"), BOTH)
@pytest.mark.parametrize(("old", "new"), UNUSUAL)
def test_what_is_written_otherwise_is_left_to_the_parser(read, repeats, old, new):
    data = OK.replace(old, new)

    assert old in OK
    assert not repeats(data, BYE)


@pytest.mark.parametrize("read", [usual_ok, usual_ok_in_python])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b" 200 ", b" 202 "),
        (b"CSeq", b"X"),
        (b";branch=", b";x="),
        (b"7 BYE", b"7  BYE"),
        (b"7 BYE", b"x BYE"),
    ],
)
def test_only_a_200_with_all_that_it_is_known_by_is_usual(read, old, new):
    assert old in OK
    assert read(OK.replace(old, new)) is None


PIECES = [new for _, new in (*OF_ANOTHER, *UNUSUAL)] + [
    b"",
    b"\r\n",
    b";",
    b",",
    b" ",
    b"\0",
    b"\xe9",
    b"V",
    b"\r\n ;tag=x",
    b"\n",
]


def names(message):
    return message.call_id, message.cseq, message.from_tag


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 330), st.integers(0, 12), st.sampled_from(PIECES)), max_size=3
    )
)
@example([])
@example([(True, 45, 0, b"X: \r\n\r\n")])
def test_what_repeats_a_request_answers_it_and_the_native_twin_says_no_more(changes):
    """§8.2.6.2, §18.1.2: the parser finds the same in both."""
    response, request = OK, BYE
    for is_of_request, at, length, piece in changes:
        changed = request if is_of_request else response
        changed = changed[:at] + piece + changed[at + length :]
        response, request = (response, changed) if is_of_request else (changed, request)
    found, repeats = usual_ok_in_python(response), is_echo_in_python(response, request)

    assert usual_ok(response) in (None, found)
    assert repeats or not is_echo(response, request)
    with suppress(ParseError):
        said, sent = parse(response), parse(request)
        if repeats:
            assert names(said) == names(sent)
            assert (said.branch, len(said.vias)) == (sent.top_via.branch, 1)
        else:
            assert is_answer(said, request, lambda host, port: False) <= (names(said) == names(sent))


@pytest.mark.skipif(
    native.is_echo is None, reason="the native part is not built: make clean run, where there is cargo"
)
def test_the_native_twin_wants_bytes():
    for arguments in ((), (b"",), (b"", "")):
        with pytest.raises(TypeError):
            native.is_echo(*arguments)
    for arguments in ((), (b"", b""), ("",)):
        with pytest.raises(TypeError):
            native.usual_ok(*arguments)

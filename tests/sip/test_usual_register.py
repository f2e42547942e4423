"""A REGISTER read in one pass: what is read, and that the native reader says the same or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recorded_registers import PHONES, PIECES, RECORDED, SOURCES
from sipwright import native
from sipwright.sip.headers.auth import Answer
from sipwright.sip.usual_register import read_in_python

TORTURE = sorted((Path(__file__).parents[1] / "torture").glob("*.txt"))
needs_native = pytest.mark.skipif(
    native.read_register is None, reason="the native part is not built: make clean run, where there is cargo"
)


def read(text, source=SOURCES[0]):
    return read_in_python(text.format(auth="", n=1).encode(), *source)


def test_it_says_who_registers_what_for_how_long():
    found = read(PHONES["pjsip over TCP"], ("203.0.113.9", 5062, True))

    assert (found.uri, found.user, found.host, found.port) == (
        "sip:example.org",
        "alice",
        "example.org",
        None,
    )
    assert (found.call_id, found.cseq, found.from_tag) == ("8c7c8ebf3b7a", 1001, "76c0")
    assert found.contact.startswith("<sip:alice@10.0.0.5:5062;transport=TCP;ob>;reg-id=1;+sip.instance=")
    assert (found.expires, found.reg_id) == (300, 1)
    assert found.instance == "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"
    assert found.alias_port == 5062
    assert found.answer is None


def test_the_expiry_of_the_contact_comes_before_that_of_the_request_and_is_no_part_of_its_text():
    found = read(PHONES["JsSIP"], ("203.0.113.9", 5062, True))

    assert found.expires == 600
    assert found.contact.endswith('6bf6>"')


def test_a_response_begins_with_the_source_in_the_via():
    found = read(PHONES["sipp"])

    assert found.head == (
        b"\r\nVia: SIP/2.0/UDP 10.0.0.5:5062;rport=40001;branch=z9hG4bKa1;received=203.0.113.9"
        b"\r\nFrom: <sip:alice@example.org>;tag=76c0\r\nTo: <sip:alice@example.org>;tag="
    )
    assert found.tail == b"\r\nCall-ID: 8c7c8ebf3b7a\r\nCSeq: 1001 REGISTER\r\n"
    assert found.reply_port == 0
    assert read(PHONES["without rport"]).reply_port == 5062


@pytest.mark.parametrize(
    ("contact", "source", "is_there"),
    [
        ("<sip:alice@10.0.0.5:5062>", ("10.0.0.5", 5062, False), True),
        ("<sip:alice@10.0.0.5:5062>", ("10.0.0.5", 5063, False), False),
        ("<sip:alice@10.0.0.5:5062>", ("10.0.0.6", 5062, False), False),
        ("<sip:alice@10.5:5062>", ("10.0.0.5", 5062, False), True),
        ("<sip:alice@10.0.0.5>", ("10.0.0.5", 5060, False), True),
        ("<sip:10.0.0.5;transport=tls>", ("10.0.0.5", 5061, True), True),
    ],
)
def test_it_says_whether_a_contact_is_where_it_came_from(contact, source, is_there):
    assert read(PHONES["sipp"].replace("<sip:alice@10.0.0.5:5062>", contact), source).is_there is is_there


def test_credentials_are_taken_apart():
    found = read_in_python(RECORDED[1], *SOURCES[0])

    assert found.answer == Answer(
        "alice", "example.org", "00064ad0c5b0c0aa", "sip:example.org", "0123456789abcdef0123456789abcdef", "MD5",
        "auth", "00000001", "c0ffee",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("REGISTER sip:", "OPTIONS sip:"),
        ("100{n} REGISTER", "100{n} OPTIONS"),
        ("Expires: 3600", "Expires: soon"),
        ("Expires: 3600", "expires: 3600"),
        ("Expires: 3600", "Require: path"),
        ("Expires: 3600", "X: 1\r\nX: 2"),
        ("5062>", "5062>;q=2"),
        ("5062>", "5062>;expires=60;expires=61"),
        ("5062>", "5062>, <sip:bob@10.0.0.5:5062>"),
        ("5062>", "65536>"),
        ("sip:example.org ", "sip:elsewhere.example "),
    ],
)
def test_what_is_said_otherwise_is_unusual(before, behind):
    assert before in PHONES["sipp"]

    assert read(PHONES["sipp"].replace(before, behind)) is None


@needs_native
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("data", RECORDED)
def test_the_native_reader_reads_what_phones_send(data, source):
    found = read_in_python(data, *source)

    assert native.read_register(data, *source) == found
    assert (found is None) == ("%" in source[0])


@needs_native
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("path", TORTURE, ids=lambda path: path.stem)
def test_the_native_reader_says_the_same_of_the_torture_messages_or_nothing(path, source):
    data = path.read_bytes()

    assert native.read_register(data, *source) in (None, read_in_python(data, *source))


@needs_native
@settings(max_examples=2_000, deadline=None)
@given(
    st.sampled_from(RECORDED),
    st.lists(
        st.tuples(
            st.integers(0, 900),
            st.integers(0, 12),
            st.one_of(st.sampled_from([b"", *(piece.encode() for piece in PIECES)]), st.binary(max_size=3)),
        ),
        max_size=3,
    ),
    st.sampled_from(SOURCES),
)
@example(RECORDED[0][:-2], [], SOURCES[0])
@example(b"", [], SOURCES[0])
@example(b"REGISTER sip:example.org SIP/2.0\r\n\r\n", [], SOURCES[0])
def test_the_native_reader_says_the_same_of_whatever_else_or_nothing(data, changes, source):
    for at, length, piece in changes:
        data = data[:at] + piece + data[at + length :]

    assert native.read_register(data, *source) in (None, read_in_python(data, *source))


@needs_native
@pytest.mark.parametrize(
    "arguments", [(), (b"",), (1, "h", 1, True), (b"", 1, 1, True), (b"", "h", "1", True)]
)
def test_the_native_reader_refuses_other_arguments(arguments):
    with pytest.raises(TypeError):
        native.read_register(*arguments)


@needs_native
@pytest.mark.parametrize("port", [-1, 65_536, 1 << 40])
def test_to_the_native_reader_no_port_is_unusual(port):
    assert native.read_register(RECORDED[0], "192.0.2.1", port, False) is None

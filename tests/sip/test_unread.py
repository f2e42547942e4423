"""What is said to a request that cannot be read so far that it could be answered as usual."""

import pytest

from sipwright.sip.unread import refuse_unread

MORE = "Subject: something that makes it longer than what is said to it\r\n"
BAD_VIA = "Via: SIP/2.0/UDP 192.0.2.15;;,;,,"


def said(*lines, start="INVITE sip:bob@example.org SIP/2.0"):
    answer = refuse_unread("\r\n".join((start, *lines, MORE, "")).encode(), 400, "Why")
    return None if answer is None else answer.decode().split("\r\n")


def test_what_there_is_of_it_comes_back_as_it_came():
    """RFC 4475 §3.1.2.1: the Via cannot be read, and all else can."""
    told = said("To: <sip:bob@example.org>", "f: <sip:a@b>;tag=1", "Call-ID: c", "CSeq: 8 INVITE", BAD_VIA)
    to = told.pop(1)

    assert told == ["SIP/2.0 400 Why", "f: <sip:a@b>;tag=1", "Call-ID: c", "CSeq: 8 INVITE", BAD_VIA,
                    "Content-Length: 0", "", ""]  # fmt: skip
    assert to.startswith("To: <sip:bob@example.org>;tag=")


def test_what_is_missing_is_missing_in_the_answer_too():
    """RFC 4475 §3.3.1."""
    assert said("CSeq: 193942 INVITE", "Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj") == [
        "SIP/2.0 400 Why", "CSeq: 193942 INVITE", "Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj",
        "Content-Length: 0", "", "",
    ]  # fmt: skip


def test_a_tag_that_is_there_stays_alone():
    assert "To: <sip:bob@example.org>;Tag=9" in said("To: <sip:bob@example.org>;Tag=9", BAD_VIA)


@pytest.mark.parametrize(
    "start", ["ACK sip:bob@example.org SIP/2.0", "SIP/2.0 200 OK", "GET / HTTP/1.1", "x"]
)
def test_only_a_request_is_answered(start):
    assert said(BAD_VIA, start=start) is None


def test_without_a_way_back_nothing_is_said():
    assert said("CSeq: 1 INVITE") is None


def test_no_answer_is_longer_than_what_it_is_to():
    """Somebody else's address may be on it."""
    assert refuse_unread(b"A b SIP/2.0\r\nv:\r\n\r\n", 400, "Why") is None

"""RFC 3262: what is to be acknowledged, and what acknowledges it."""

import pytest

from sipwright.sip import Request, Response
from sipwright.sip.provisional import RAck, is_reliable, read_rack, requires_reliable, takes_reliable


def lines(*texts):
    return [tuple(text.split(": ", 1)) for text in texts]


@pytest.mark.parametrize(
    ("text", "rack"),
    [
        ("776656 1 INVITE", RAck(776656, 1, "INVITE")),
        ("1  2   INVITE", RAck(1, 2, "INVITE")),
        ("1 INVITE", None),
        ("x 1 INVITE", None),
        ("1 x INVITE", None),
        ("", None),
    ],
)
def test_rack_has_two_numbers_and_a_method(text, rack):
    assert read_rack(Request("PRACK", "sip:a@b", lines(f"RAck: {text}"))) == rack


def test_rack_is_written_as_it_is_read():
    assert str(RAck(7, 1, "INVITE")) == "7 1 INVITE"
    assert read_rack(Request("PRACK", "sip:a@b", [])) is None


@pytest.mark.parametrize(
    ("status", "headers", "rseq"),
    [
        (183, ("Require: 100rel", "RSeq: 988789"), 988789),
        (180, ("Require: timer, 100REL", "RSeq: 1"), 1),
        (180, ("Require: timer", "RSeq: 1"), 0),
        (180, ("Require: 100rel",), 0),
        (180, ("Require: 100rel", "RSeq: x"), 0),
        (100, ("Require: 100rel", "RSeq: 1"), 0),  # §4
        (200, ("Require: 100rel", "RSeq: 1"), 0),
    ],
)
def test_a_reliable_response_requires_it_and_has_a_number(status, headers, rseq):
    assert is_reliable(Response(status, None, lines(*headers))) == rseq


@pytest.mark.parametrize(
    ("headers", "requires", "takes"),
    [
        (("Require: 100rel",), True, True),
        (("Supported: timer", "k: 100rel"), False, True),
        (("Supported: timer", "Require: replaces"), False, False),
        ((), False, False),
    ],
)
def test_who_wants_reliable_responses(headers, requires, takes):
    invite = Request("INVITE", "sip:a@b", lines(*headers))

    assert (requires_reliable(invite), takes_reliable(invite)) == (requires, takes)

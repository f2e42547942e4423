"""Who calls, as headers say it."""

import pytest

from sipwright.services.switch.model.caller_headers import (
    caller_headers,
    forget_verification,
    read_caller,
    verification_of,
    with_number,
)
from sipwright.services.switch.model.relayed import without_verification
from sipwright.sip import NameAddr, Request


def request(*lines):
    return Request("INVITE", "sip:a@b", [tuple(line.split(": ", 1)) for line in lines])


def test_a_number_is_told_in_the_headers_that_are_wanted():
    told = caller_headers(
        ["from", "pai", "ppi", "rpid"], "+35315551234", "Al", "p.net", is_hidden=False, is_forwarded=False
    )

    assert told == [
        ("P-Asserted-Identity", '"Al" <sip:+35315551234@p.net>'),
        ("P-Preferred-Identity", '"Al" <sip:+35315551234@p.net>'),
        ("Remote-Party-ID", '"Al" <sip:+35315551234@p.net>;party=calling;screen=yes;privacy=off'),
    ]


def test_who_forwards_a_call_is_named_in_that_alone():
    for is_forwarded in (True, False):
        told = caller_headers(["diversion"], "1", "Al", "p.net", is_hidden=False, is_forwarded=is_forwarded)
        assert told == ([("Diversion", "<sip:1@p.net>;reason=unconditional")] if is_forwarded else [])


def test_a_hidden_number_is_marked_so():
    ((_, told),) = caller_headers(["rpid"], "1", "", "p.net", is_hidden=True, is_forwarded=False)

    assert told == "<sip:1@p.net>;party=calling;screen=yes;privacy=full"


@pytest.mark.parametrize(
    ("where", "line", "user"),
    [
        ("pai", 'P-Asserted-Identity: "Bank" <sip:+1555@p.net>, <tel:+1555>', "+1555"),
        ("pai", "P-Asserted-Identity: <tel:+1555>", "+1555"),
        ("ppi", "P-Preferred-Identity: <sip:1@p>", "1"),
        ("rpid", "Remote-Party-ID: <sip:1@p>;privacy=off", "1"),
        ("diversion", "Diversion: <sip:1@p>;reason=user-busy", "1"),
        ("history-info", "History-Info: <sip:1@p>;index=1", "1"),
        ("from", "From: <sip:1@p>", None),
        ("pai", "P-Asserted-Identity: <mailto:a@b>, nonsense", None),
        ("rpid", "Remote-Party-ID: <sip:1@p>;privacy=full", None),
        ("pai", "Subject: x", None),
    ],
)
def test_a_caller_is_read_where_the_provider_says_it(where, line, user):
    found = read_caller(request(line), where)

    assert (None if found is None else found.uri.user) == user


def test_nobody_is_read_who_does_not_want_to_be_known():
    assert read_caller(request("P-Asserted-Identity: <sip:1@p>", "Privacy: id"), "pai") is None


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("P-Asserted-Identity: <sip:+1;verstat=TN-Validation-Passed@p>", "P-Attestation-Indicator: a"),
         ("TN-Validation-Passed", "A")),
        (("From: <sip:+1;verstat=No-TN-Validation@p>", "Attestation-Info: C"), ("No-TN-Validation", "C")),
        (("From: <tel:+1;verstat=TN-Validation-Failed>", "P-Attestation: D"), ("TN-Validation-Failed", None)),
        (("From: <sip:1@p>",), (None, None)),
    ],
)  # fmt: skip
def test_how_certain_a_number_is(lines, found):
    assert verification_of(request(*lines)) == found


def test_what_nobody_vouches_for_is_taken_away():
    asked = request(
        "Identity: x", "P-Attestation: A", "P-Asserted-Identity: <sip:+1;verstat=TN-Validation-Passed@p>"
    )
    forget_verification(asked)

    assert list(asked.headers.items()) == [("P-Asserted-Identity", "<sip:+1@p>")]
    assert without_verification("<sip:+1;verstat=x@p>") == "<sip:+1@p>"


def test_it_is_taken_away_in_any_case_and_wherever_it_stands():
    """RFC 3261 §7.3.1: parameters are compared in any case; there may be two identities (RFC 3325 §9.1)."""
    asked = request(
        "P-Asserted-Identity: <sip:+1@p>", "P-Asserted-Identity: <tel:+1;Verstat=TN-Validation-Passed>"
    )
    forget_verification(asked)

    assert list(asked.headers.items()) == [("P-Asserted-Identity", "<sip:+1@p>, <tel:+1>")]


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ('"B" <sip:1@p:5070;user=phone>', '"B" <sip:+1@p:5070>'),
        ("<tel:1>", "<sip:+1@here>"),
    ],
)
def test_a_caller_is_written_with_another_number(address, written):
    assert with_number(NameAddr.parse(address), "+1", "here") == written

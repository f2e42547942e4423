"""What is meant by a status that a phone or a provider has answered."""

from __future__ import annotations

import pytest

from sipwright.monitor.trace.meaning import meanings
from sipwright.monitor.trace.why import why


@pytest.fixture
def refused(made):
    """A call whose legs were refused by those that they led to: pairs of a target and a status."""

    def make(*legs):
        rows = [made.leg(0, status=480, by="switch")]
        heard = []
        for number, (target, status) in enumerate(legs, 1):
            rows.append(made.leg(number, target=target, status=status, reason="No"))
            heard.append(made.message(1.0, "in", f"SIP/2.0 {status} No", call_id=f"sip{number}"))
        return made.trace(*rows, messages=heard)

    return make


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [
        (
            "0123@prov",
            401,
            "401: prov does not take our user name and password; 'sipwright provider test prov'",
        ),
        ("0123@prov", 403, "403: prov does not allow it: is the number barred there, the credit used up, or"),
        ("0123@prov", 404, "404: prov does not know the number as it was written: see '--number-format'"),
        ("bob@local", 480, "480: the phone of bob says so itself: do-not-disturb may be on there."),
        (
            "bob@local",
            488,
            "488: bob and the caller have no codec in common, or one of them insists on encryption",
        ),
        ("300@sip.example.org", 488, "488: sip.example.org and the caller have no codec in common"),
    ],
)
def test_a_refusal_is_told_with_what_can_be_done(refused, target, status, words):
    [said] = meanings(refused((target, status)))

    assert said.startswith(words)
    assert said[-1] in ".?"
    assert why(refused((target, status))).endswith(said)


def test_what_needs_no_words_has_none(refused):
    assert meanings(refused(("bob@local", 486), ("300@sip.example.org", 404), ("0123@prov", 500))) == []


def test_what_was_decided_here_is_not_said_to_be_the_provider_s(made):
    """A number that is closed fails with 403, too, and nobody was asked."""
    closed = made.leg(1, target="0900@prov", status=403, reason="Premium Numbers Are Closed")

    assert meanings(made.trace(made.leg(0, status=403), closed)) == []


def test_what_the_dialplan_of_the_callee_has_said_is_not_said_to_be_the_phone_s(made):
    bob = made.leg(1, target="bob@local", status=480, reason="Gone")
    loop = made.message(1.0, "in", "SIP/2.0 480 Gone", call_id="sip1", from_tag="abc.1", flow="loop/a/b")

    assert meanings(made.trace(made.leg(0, status=480), bob, messages=[loop])) == []


def test_each_is_said_once_and_no_more_than_two_are(refused):
    trace = refused(("1@prov", 404), ("2@prov", 404), ("bob@local", 488), ("carol@local", 480))

    assert [one[:3] for one in meanings(trace)] == ["404", "488"]


def test_a_call_without_records_means_nothing(made):
    assert meanings(made.trace()) == []

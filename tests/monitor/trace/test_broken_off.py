"""Why the switch has ended an answered call: who was silent, and what to look at."""

from __future__ import annotations

import pytest

from sipwright.monitor.trace.why import why


@pytest.fixture
def ended(made):
    """Tells of a call that the switch has ended, from the Reason of its BYE and what was said before."""

    def tell(reason, *messages, record="OK", status=408):
        legs = [
            made.leg(
                number, target=target, status=status, reason=record, answered=2.0, ended=902.0, by="switch"
            )
            for number, target in ((0, None), (1, "bob@local"))
        ]
        bye = made.message(
            902.0, "out", "BYE sip:x SIP/2.0", to_tag="u", extra=f'Reason: SIP;cause=408;text="{reason}"\r\n'
        )
        told = why(made.trace(*legs, messages=[*messages, *([bye] if reason else [])]))
        begun = "bob@local answered after 2.0 s, and the switch ended the call after 15:00 min: "
        assert told.startswith(begun)
        return told.removeprefix(begun)

    return tell


def test_an_end_that_is_silent_is_named_with_what_it_was_asked(made, ended):
    options = made.message(870.0, "out", "OPTIONS sip:bob SIP/2.0", call_id="sip1", to_tag="v")

    assert ended("No longer there", options) == (
        "bob@local did not answer our OPTIONS any more: it has lost its network or its power, or a NAT on the way has "
        "forgotten it ([sip] keep_alive)."
    )


def test_the_other_end_which_was_asked_too_and_has_answered_is_not_blamed(made, ended):
    """Both are asked at the same time, again and again; the one that is silent hears retransmissions."""
    silent = made.message(870.0, "out", "OPTIONS sip:alice SIP/2.0", to_tag="v")
    asked = made.message(880.0, "out", "OPTIONS sip:bob SIP/2.0", call_id="sip1", to_tag="v")
    answer = made.message(880.1, "in", "SIP/2.0 200 OK", call_id="sip1", to_tag="v")

    assert ended("No longer there", silent, asked, answer).startswith(
        "the caller did not answer our OPTIONS any more"
    )


def test_an_end_that_knows_no_such_call_is_named(made, ended):
    update = made.message(870.0, "out", "UPDATE sip:alice SIP/2.0", to_tag="v")
    unknown = made.message(870.1, "in", "SIP/2.0 481 Gone", to_tag="v")
    unknown = unknown._replace(data=unknown.data.replace(b"CSeq: 1 INVITE", b"CSeq: 1 UPDATE"))

    assert ended("Session expired", update, unknown, status=481) == (
        "the caller said to our UPDATE that it does not know the call any more (481): it has ended or restarted there."
    )


def test_a_session_that_nobody_has_refreshed_says_who_should_have(made, ended):
    fine = made.message(100.0, "out", "OPTIONS sip:bob SIP/2.0", call_id="sip1", to_tag="v")
    answer = made.message(100.1, "in", "SIP/2.0 200 OK", call_id="sip1", to_tag="v")

    for messages in ((), (fine, answer)):
        assert ended("Session expired", *messages).startswith(
            "the session timer has run out (RFC 4028): the end that"
        )


def test_the_end_that_never_acknowledged_is_named(made, ended):
    invite = made.message(0.0, "in", "INVITE sip:300@x SIP/2.0")
    answer = made.message(2.0, "out", "SIP/2.0 200 OK", to_tag="u")
    ack = made.message(2.1, "in", "ACK sip:300@x SIP/2.0", to_tag="u")

    assert ended("No ACK", invite, answer).startswith(
        "the caller never acknowledged the answer (no ACK came within"
    )
    assert ended("No ACK", invite, answer, ack).startswith("an end never acknowledged the answer")


def test_without_messages_the_record_tells(ended):
    assert ended(None, record="No ACK").startswith("an end never acknowledged the answer")
    assert ended(None, record="Session Expired").startswith("the session timer has run out")
    assert ended(None, record="Hung Up By Its Owner", status=200) == "hung up by its owner."
    assert ended(None, record="Request Timeout") == "an end was silent, or never acknowledged the answer."


def test_any_other_reason_is_repeated(ended):
    assert ended("The other end has gone") == "the other end has gone."

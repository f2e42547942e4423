"""Which phones have a call at another worker."""

import pytest

from sipwright.node.several.crew_talks import CrewTalks

INVITE = b"INVITE sip:c@d SIP/2.0\r\n%b\r\nCSeq: 1 INVITE\r\n\r\n"
ANSWER = b"SIP/2.0 200 OK\r\nCSeq: 1 %b\r\n\r\n"


@pytest.fixture
def talks():
    talks = CrewTalks()
    talks.note(ANSWER % b"INVITE", "phone", "north+2")
    return talks


def test_a_phone_whose_call_is_answered_begins_the_next_one_there(talks):
    assert talks.beside(INVITE % b"To: <sip:c@d>", "phone") == "north+2"
    assert talks.beside(INVITE % b"To: <sip:c@d>", "another") is None


@pytest.mark.parametrize("to", [b"To: <sip:c@d>;tag=x", b"t:<sip:c@d> ; TAG = x"])
def test_what_belongs_to_a_dialog_begins_nothing(talks, to):
    assert talks.beside(INVITE % to, "phone") is None


@pytest.mark.parametrize("end", [b"BYE sip:c@d SIP/2.0\r\n\r\n", ANSWER % b"BYE"])
def test_a_call_that_has_ended_is_forgotten(talks, end):
    talks.note(end, "phone", "north+2")

    assert talks.beside(INVITE % b"To: <sip:c@d>", "phone") is None

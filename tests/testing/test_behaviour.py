"""The words for what phones and providers do."""

from __future__ import annotations

import pytest

from sipwright.testing.behaviour import SILENT, AnswerError, Behaviour, parse_answer, parse_outcome


@pytest.mark.parametrize(
    ("text", "behaviour"),
    [
        ("busy", Behaviour(486)),
        ("BUSY", Behaviour(486)),
        ("answers", Behaviour(200)),
        ("200 OK", Behaviour(200)),
        ("declines", Behaviour(603)),
        ("unavailable", Behaviour(480)),
        ("not  found", Behaviour(404)),
        ("unreachable", Behaviour(503, "Unreachable")),
        ("unregistered", Behaviour(480, is_registered=False)),
        ("silent", SILENT),
        ("no answer", SILENT),
        ("rings", SILENT),
        ("rings 5 then silent", SILENT),
        ("486", Behaviour(486)),
        ("480 Gone To Lunch", Behaviour(480, "Gone To Lunch")),
        ("rings 5 then 200", Behaviour(200, after=5.0, rings=True)),
        ("plays 5 then busy", Behaviour(486, after=5.0, plays=True)),
        ("rings 2.5s, busy", Behaviour(486, after=2.5, rings=True)),
        ("after 1 rings 4 then answers talks 60", Behaviour(200, after=5.0, rings=True, talks=60.0)),
        ("answers for 3", Behaviour(200, talks=3.0)),
        ("redirects to sip:mobile@example.org", Behaviour(302, redirect="sip:mobile@example.org")),
        ("rings 3 then 302 <sip:m@x>", Behaviour(302, after=3.0, rings=True, redirect="sip:m@x")),
    ],
)
def test_an_outcome_reads_as_it_is_said(text, behaviour):
    assert parse_outcome(text) == behaviour


def test_a_reason_phrase_is_the_usual_one_unless_said():
    assert (Behaviour(486).phrase, Behaviour(486, "No").phrase) == ("Busy Here", "No")


@pytest.mark.parametrize(
    ("text", "who", "count"),
    [
        ("blueface: busy", "blueface", 1),
        ("bob:busy", "bob", 1),
        (" 353*@blueface : rings 5 then 200; busy ", "353*@blueface", 2),
        ("sip:bob@x.org: redirects to sip:a@b", "sip:bob@x.org", 1),
        ("*: silent", "*", 1),
    ],
)
def test_an_answer_says_who_and_what_call_after_call(text, who, count):
    named, behaviours = parse_answer(text)

    assert (named, len(behaviours)) == (who, count)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("busy", "write WHO: WHAT"),
        ("bob and carol: busy", "write WHO: WHAT"),
        (": busy", "write WHO: WHAT"),
        ("bob:", "write WHO: WHAT"),
        ("bob: bussy", "'bussy' is no outcome"),
        ("bob: 204", "'204' is no outcome"),
        ("bob: 700", "'700' is no outcome"),
        ("bob: rings 5", "write 'rings 5 then busy'"),
        ("bob: busy; nothing", "'nothing' is no outcome"),
        ("bob: busy talks 5", "is no outcome"),
    ],
)
def test_what_cannot_be_understood_is_explained(text, message):
    with pytest.raises(AnswerError, match=message):
        parse_answer(text)

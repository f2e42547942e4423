"""How times, spans and addresses read."""

import pytest

from sipwright.web.pages.format import (
    ago,
    bare,
    browser,
    ended_by,
    moment,
    plural,
    sentence,
    span,
    status_look,
    time_of_day,
)

NOON = 1_795_953_600.0  # 2026-11-29 12:00:00 UTC


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0, "0:00"), (7.9, "0:07"), (750, "12:30"), (3723, "1:02:03"), (-4, "0:00")],
)
def test_a_span_is_minutes_and_seconds_and_hours_where_there_are_some(seconds, text):
    assert span(seconds) == text


def test_a_moment_is_told_in_a_time_zone_and_in_utc_where_nobody_knows_the_zone():
    assert moment(NOON) == "29 Nov 2026, 12:00:00"
    assert moment(NOON, "Asia/Tokyo") == "29 Nov 2026, 21:00:00"
    assert moment(NOON, "Nowhere/Land") == "29 Nov 2026, 12:00:00"
    assert moment(None) == ""
    assert time_of_day(NOON + 0.25) == "12:00:00.250"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2, "just now"), (30, "30 s ago"), (-30, "in 30 s"), (90, "2 minutes ago"), (3600, "1 hour ago"),
        (-1800, "in 30 minutes"), (200_000, "2 days ago"),
    ],
)  # fmt: skip
def test_how_long_ago_is_told_in_the_largest_unit(seconds, text):
    assert ago(NOON - seconds, NOON) == text


def test_what_never_was_is_told_so():
    assert ago(None, NOON) == "never"


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("sip:bob@example.org;transport=tcp", "bob@example.org"), ('"Bob" <sips:bob@example.org>', "bob@example.org"),
        ("300", "300"), (None, ""), ("<sip:a@b", "a@b"),
    ],
)  # fmt: skip
def test_an_address_is_written_as_people_say_it(uri, text):
    assert bare(uri) == text


def test_numbers_of_things_agree_with_their_noun():
    assert [plural(number, "call") for number in (0, 1, 2000)] == ["0 calls", "1 call", "2,000 calls"]


def test_final_responses_have_the_look_of_what_they_mean():
    assert [status_look(status) for status in (None, 200, 486, 503)] == ["", "good", "warn", "bad"]


@pytest.mark.parametrize(
    ("who", "text"),
    [(None, None), ("callee", "ended by callee"), ("control", "ended from outside")],
)
def test_who_has_ended_a_call_is_told_in_words(who, text):
    assert ended_by(who) == text


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("there is no account bob; 'sipwright account list' shows them", "There is no account bob."),
        (
            "no call 'x' is known; 'sipwright calls' and 'sipwright cdrs' show them, below CALL",
            "No call 'x' is known.",
        ),
        ("its password is wrong; set it again", "Its password is wrong; set it again."),
        ("it is locked; 'fuser x' says which", "It is locked; 'fuser x' says which."),
    ],
)
def test_nobody_is_sent_from_a_page_to_the_command_line(said, text):
    assert sentence(said) == text


@pytest.mark.parametrize(
    ("user_agent", "text"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
            "Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile "
            "Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/19.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("SSH-2.0-OpenSSH_10.0p2 Debian-7", "SSH-2.0-OpenSSH_10.0p2"),
        (None, ""),
    ],
)
def test_a_browser_is_told_as_people_call_it(user_agent, text):
    assert browser(user_agent) == text

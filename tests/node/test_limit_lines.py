"""What the log says when a limit refuses many."""

import pytest
from structlog.testing import capture_logs

from sipwright.node.limit_lines import MOST_SOURCES, LimitLines
from sipwright.sip import Reject

FULL = Reject(503, "Too Many Calls From Your Address", why="a tenth", is_limit=True)


@pytest.fixture
def log():
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def timers():
    return []


@pytest.fixture
def lines(timers):
    return LimitLines(lambda delay, callback: timers.append((delay, callback)))


def tick(timers):
    due, timers[:] = list(timers), []
    for delay, callback in due:
        assert delay == 1.0
        callback()


def test_the_first_is_said_at_once_and_the_others_a_second_later_with_their_number(lines, timers, log):
    lines.refused(FULL, "66.0.0.6", "sip:bob@example.org")
    for source in ["66.0.0.6"] * 5 + ["66.0.0.7"]:
        lines.refused(FULL, source, "sip:carol@example.org")
    tick(timers)

    assert [
        (line["count"], line["sources"], line["source"], line["of_source"], line["to"]) for line in log
    ] == [
        (1, 1, "66.0.0.6", 1, "sip:bob@example.org"),
        (6, 2, "66.0.0.6", 5, "sip:carol@example.org"),
    ]
    assert (log[0]["why"], log[0]["status"]) == ("a tenth", 503)


def test_whoever_reads_events_hears_what_the_log_says(lines, timers, log):
    heard = []
    lines.watch = heard.append
    for _ in range(3):
        lines.refused(FULL, "66.0.0.6", "sip:bob@example.org")
    tick(timers)

    assert [one["count"] for one in heard] == [1, 2]
    assert heard == [{name: line[name] for name in heard[0]} for line in log]


def test_nothing_is_left_when_no_more_come(lines, timers, log):
    lines.refused(FULL, "66.0.0.6", "x")
    tick(timers)
    tick(timers)

    assert (len(log), timers, lines._counts) == (1, [], {})


def test_each_limit_has_its_own_line(lines, log):
    lines.refused(FULL, "66.0.0.6", "x")
    lines.refused(Reject(480, "Too Many Runs Of Dialplans", is_limit=True), "66.0.0.6", "x")

    assert [line["status"] for line in log] == [503, 480]


def test_sources_are_not_counted_without_end(lines, timers, log):
    for number in range(MOST_SOURCES + 50):
        lines.refused(FULL, str(number), "x")
    tick(timers)

    assert (log[1]["count"], log[1]["sources"]) == (MOST_SOURCES + 49, MOST_SOURCES)

"""The clock of a node beside that of the database: what is said when they differ."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from sipwright.cluster.clock import ClockComparison, lease_clock
from sipwright.services.leases import LeaseRow

AHEAD, BEHIND = (
    "the clock of this machine is ahead of that of the database",
    "the clock of this machine is behind that of the database",
)


def row(there: float) -> LeaseRow:
    """Return a lease as it is read at that time of the database."""
    return LeaseRow("node:a", "a/1", 1, there + 8.0, 8.0)


def said(*looks: tuple[float, float, float]) -> list[tuple[str, float | None]]:
    """Return what is said when rows are given out at a time, which were asked for and answered at others."""
    comparison = ClockComparison(lambda: 0.0)
    with capture_logs() as logs:
        for there, asked_at, answered_at in looks:
            comparison.saw(row(there), asked_at, answered_at)
    return [(line["event"], line.get("seconds")) for line in logs]


@pytest.mark.parametrize(
    ("asked_at", "answered_at", "lines"),
    [
        (1_120.0, 1_120.1, [(AHEAD, 120.0)]),
        (880.0, 880.1, [(BEHIND, 119.9)]),
        (1_001.9, 1_002.0, []),
        (998.0, 998.1, []),
    ],
)
def test_a_clock_that_is_wrong_is_told_once(asked_at: float, answered_at: float, lines: list[object]):
    assert said(*[(1_000.0, asked_at, answered_at)] * 3) == lines


def test_an_answer_that_took_long_says_nothing_about_clocks():
    """The database has told the time at some moment in between."""
    assert said((1_000.0, 1_000.0, 1_030.0), (1_000.0, 970.0, 1_000.0)) == []


def test_it_is_told_when_the_clock_is_right_again():
    again = "the clock of this machine is that of the database again"

    assert said((1_000.0, 1_120.0, 1_120.0), (1_001.0, 1_001.0, 1_001.0)) == [(AHEAD, 120.0), (again, None)]


def test_a_lease_that_was_given_back_tells_no_time():
    comparison = ClockComparison(lambda: 0.0)
    with capture_logs() as logs:
        comparison.saw(LeaseRow("node:a", "a/1", 1, 0.0, -1_000.0), 1_120.0, 1_120.0)
        comparison.saw(None, 1_120.0, 1_120.0)

    assert logs == []


def test_the_clock_of_leases_goes_on():
    before = lease_clock()

    assert lease_clock() >= before

"""The clock for bounds on how long something may take."""

import threading

import pytest

from computing import FairClock, fair_seconds


def test_a_machine_that_stands_still_spends_nobodys_time():
    clock = FairClock(100.0)
    for now in (100.02, 100.04, 103.0, 103.02):
        clock.look(now)

    assert clock.seconds == pytest.approx(0.02 + 0.02 + 0.03 + 0.02)


def test_what_takes_long_is_seen_to():
    with fair_seconds() as taken:
        while taken() < 0.05:
            threading.Event().wait(0.01)

    assert taken() >= 0.05

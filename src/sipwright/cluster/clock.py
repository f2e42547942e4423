"""The clocks of a node among others: the one that leases are counted by, and whether the other is that of the database.

Nobody can set the first one, and it goes on while the machine sleeps. By the second one deadlines are stored, which
other nodes read: phones are registered, and calls last, until a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import structlog

from sipwright.services.leases import LeaseRow

__all__ = ["NOTICED", "ClockComparison", "lease_clock"]

log = structlog.get_logger(__name__)

NOTICED = 2.0
"""Seconds by which clocks have to differ for it to be told."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


lease_clock: Callable[[], float] = partial(time.clock_gettime, _CLOCK)
"""Returns the seconds since the machine was started, those among them in which it was suspended."""


class ClockComparison:
    """Says when the clock by which this node stores deadlines is not that of the database, and when it is again."""

    def __init__(self, unix_time: Callable[[], float]) -> None:
        self.unix_time = unix_time
        self._is_wrong = False

    def saw(self, row: LeaseRow | None, asked_at: float, answered_at: float) -> None:
        """Compare the time of the database, when it gave out a row, with when that was asked for and answered."""
        if row is None or row.until <= 0.0:
            return
        there = row.until - row.left
        ahead = max(asked_at - there, 0.0) or min(answered_at - there, 0.0)
        is_wrong = abs(ahead) >= NOTICED
        if is_wrong and not self._is_wrong:
            log.warning(
                f"the clock of this machine is {'ahead of' if ahead > 0 else 'behind'} that of the database",
                seconds=round(abs(ahead), 1),
                what_to_do="let NTP set both: what this node says the end of ends at another time at others",
            )
        elif self._is_wrong and not is_wrong:
            log.warning("the clock of this machine is that of the database again")
        self._is_wrong = is_wrong

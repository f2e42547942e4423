"""The one timer of all the transactions of a stack: it sleeps until the next deadline."""

from __future__ import annotations

from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from sipwright.sip.transaction import TransactionLayer
from sipwright.stack.timer_heap import CallLater, TimerHandle

__all__ = ["Ticker"]

SHORTEST_TICK = 0.01
"""Seconds between two looks at what is due: under load there is always something."""


class Ticker:
    """What drives the timers of a transaction layer.

    Attributes:
        timer: What wakes it up next; None while no transaction has a deadline.
        failed: How many handlers have failed on a timeout.
    """

    __slots__ = ("_call_later", "_clock", "_due", "_layer", "_log", "failed", "timer")

    def __init__(
        self,
        layer: TransactionLayer,
        clock: Callable[[], float],
        call_later: CallLater,
        logger: FilteringBoundLogger,
    ) -> None:
        self._layer = layer
        self._clock = clock
        self._call_later = call_later
        self._log = logger
        self.timer: TimerHandle | None = None
        self._due = 0.0
        self.failed = 0
        layer.timers.on_earlier = self.arm

    def arm(self) -> None:
        """Sleep until the next deadline, unless it wakes in time anyway."""
        deadline = self._layer.next_deadline()
        if deadline is None:
            return
        now = self._clock()
        due = max(deadline, now + SHORTEST_TICK)
        if self.timer is not None:
            if self._due <= due:
                return
            self.timer.cancel()
        self._due = due
        self.timer = self._call_later(due - now, self._tick)

    def stop(self) -> None:
        """Wake up no more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _tick(self) -> None:
        self.timer = None
        try:
            self._layer.advance(self._clock())
        except Exception:
            # A handler failed on a timeout; the other transactions go on at the next tick.
            self.failed += 1
            self._log.exception("timer failed")
        self.arm()

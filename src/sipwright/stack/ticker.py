"""The one timer of all the transactions of a stack: it sleeps until the next deadline, but never long."""

from __future__ import annotations

from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from sipwright.sip.transaction import TransactionLayer
from sipwright.stack.timer_heap import CallLater, TimerHandle

__all__ = ["Ticker"]

SHORTEST_TICK, LONGEST_TICK = 0.01, 0.1


class Ticker:
    """What drives the timers of a transaction layer.

    Attributes:
        timer: What wakes it up next; None while no transaction has a deadline.
        failed: How many handlers have failed on a timeout.
    """

    __slots__ = ("_call_later", "_clock", "_layer", "_log", "failed", "timer")

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
        self.failed = 0
        layer.timers.on_first = self.arm

    def arm(self) -> None:
        """Sleep until the next deadline, but never long: shorter timers may start while the loop sleeps.

        So nothing on the way of a message has to compare deadlines.
        """
        if self.timer is not None:
            return
        deadline = self._layer.next_deadline()
        if deadline is not None:
            delay = min(max(deadline - self._clock(), SHORTEST_TICK), LONGEST_TICK)
            self.timer = self._call_later(delay, self._tick)

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

"""One timer of the clock for all calls: it comes when the first of them is to wake.

Nearly every call arms a timer, and nearly none of them runs out: asking the event loop for each would cost more than
all that a call does with its own. What is called off stays here until its turn, as in the queue of the transactions.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from math import inf
from typing import Protocol

from sipwright.services.ports import CallLater, TimerHandle

__all__ = ["EARLY", "Alarms"]

EARLY = 0.01
"""How many seconds before its time a timer may run out: a loop's clock stands still while it is busy."""

FEW = 1_024


class Sleeper(Protocol):
    """Who is to wake at an instant of the clock: `wakes_at`, and no other that was asked for before."""

    wakes_at: float

    def wake(self, now: float) -> None:
        """Do what is due, and set the next alarm."""


class Alarms:
    """Instants by name, the first on top of a heap.

    An entry is a number and a name, which hold nothing in memory; it counts if who has that name still waits for it.
    """

    __slots__ = ("_call_later", "_clock", "_enough", "_find", "_handle", "_rings_at", "_waiting")

    def __init__(
        self,
        clock: Callable[[], float],
        call_later: CallLater,
        find: Callable[[str], Sleeper | None],
    ) -> None:
        self._clock = clock
        self._call_later = call_later
        self._find = find
        self._waiting: list[tuple[float, str]] = []
        self._enough = FEW
        self._handle: TimerHandle | None = None
        self._rings_at = inf

    def set(self, due: float, name: str) -> None:
        """Wake the one of that name at `due`."""
        if len(self._waiting) >= self._enough:
            self._tidy()
        heappush(self._waiting, (due, name))
        if due < self._rings_at:
            self._ring_at(due)

    def clear(self) -> None:
        """Forget them all: nobody is left."""
        self._waiting.clear()
        self._rings_at = inf
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring_at(self, due: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._rings_at = due
        self._handle = self._call_later(max(due - self._clock(), 0.0), self._ring)

    def _ring(self) -> None:
        self._handle, self._rings_at = None, inf
        waiting, now = self._waiting, self._clock()
        try:
            while waiting:
                due, name = waiting[0]
                sleeper = self._find(name)
                counts = sleeper is not None and sleeper.wakes_at == due
                if counts and due > now + EARLY:
                    break
                heappop(waiting)
                if sleeper is not None and counts:
                    sleeper.wake(now)
        finally:
            if waiting and waiting[0][0] < self._rings_at:
                self._ring_at(waiting[0][0])

    def _tidy(self) -> None:
        """Drop what does not count, before that is more than what does."""
        self._waiting[:] = [
            (due, name)
            for due, name in self._waiting
            if (sleeper := self._find(name)) is not None and sleeper.wakes_at == due
        ]
        heapify(self._waiting)
        self._enough = max(2 * len(self._waiting), FEW)

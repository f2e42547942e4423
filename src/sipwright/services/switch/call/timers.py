"""The timers of all calls, on one heap: one timer of the event loop comes for the first of them."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

from sipwright.services.ports import CallLater, Clock
from sipwright.stack import TimerHeap, Wakeup

__all__ = ["EARLY", "Sleeper", "Timers"]

EARLY = 0.01
"""How many seconds before its time a timer may run out: a loop's clock stands still while it is busy."""


SOON = 0.02
"""Seconds until it is looked again whether what came before a timer ran out has been read."""


class Sleeper(Protocol):
    """An entity that sleeps until something is to be done."""

    def wake(self, now: float) -> None:
        """Do what is due, and sleep on."""


class Timers:
    """The instants at which sleepers wake, by their names, which hold nothing in memory.

    None wakes before what had come in by its instant is read: `unread_since` says when the first message came that is
    not. So an answer counts that was there before the ring time was over, however long it has waited for its turn.
    """

    __slots__ = ("_clock", "_find", "_heap", "_unread_since", "_wakeup")

    def __init__(
        self,
        clock: Clock,
        call_later: CallLater,
        find: Callable[[str], Sleeper | None],
        unread_since: Clock = lambda: inf,
    ) -> None:
        self._clock = clock
        self._unread_since = unread_since
        self._find = find
        self._heap: TimerHeap[str] = TimerHeap()
        self._wakeup = Wakeup(clock, call_later, self._wake)

    def set(self, due: float, name: str) -> None:
        """Wake the one of that name at `due`, and at no other instant."""
        self._heap.set(name, due)
        self._wakeup.at(due)

    def drop(self, name: str) -> None:
        """Let the one of that name sleep for ever."""
        self._heap.drop(name)

    def clear(self) -> None:
        """Forget them all: nobody is left."""
        self._heap.clear()
        self._wakeup.cancel()

    def _wake(self) -> None:
        heap, now = self._heap, self._clock()
        unread_since = self._unread_since()
        is_behind = unread_since < now
        now = min(now, unread_since)
        try:
            while (name := heap.pop(now + EARLY)) is not None:
                sleeper = self._find(name)
                if sleeper is not None:
                    sleeper.wake(now)
        finally:
            self._wakeup.at(heap.next_at(), SOON if is_behind else 0.0)

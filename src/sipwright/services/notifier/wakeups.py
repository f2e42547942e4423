"""When subscribers are looked at again: what is to come in a moment has slots, the rest a heap.

Most wait for their pace, a second or less, and are thousands: a slot is a list of those whose time comes within one
turn, which costs less than the heap. What runs out, in an hour say, is moved often and seldom comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import ceil, inf

from sipwright.stack import CallLater, TimerHeap, Wakeup

from .subscriber import Subscriber

__all__ = ["SOON", "TURN", "Wakeups"]

SOON = 2.0
"""Seconds that are waited for in a slot."""

TURN = 0.02
"""Seconds that a slot is long; what is in it comes at its end."""

MOST_AT_ONCE = 50
"""Subscribers whose long wait is over that are looked at in one turn of the loop."""


class Wakeups:
    """One for each subscriber: it comes early rather than not at all, as a subscriber knows what is due."""

    def __init__(
        self,
        clock: Callable[[], float],
        call_later: CallLater,
        wake: Callable[[Iterable[Subscriber]], object],
    ) -> None:
        self._clock = clock
        self._call_later = call_later
        self._wake = wake
        self._slots: dict[int, list[Subscriber]] = {}
        self._heap: TimerHeap[Subscriber] = TimerHeap()
        self._wakeup = Wakeup(clock, call_later, self._ring)

    def set(self, subscriber: Subscriber, due: float) -> None:
        """Look at a subscriber again at an instant, if not before."""
        if due - self._clock() < SOON:
            if not subscriber.is_soon:
                subscriber.is_soon = True
                self._into_slot(subscriber, ceil(due / TURN))
        elif due < subscriber.wakes_at:
            subscriber.wakes_at = due
            self._heap.set(subscriber, due)
            self._wakeup.at(due)

    def drop(self, subscriber: Subscriber) -> None:
        """Forget a subscriber; one that is in a slot has nothing to say when that comes."""
        self._heap.drop(subscriber)

    def _into_slot(self, subscriber: Subscriber, slot: int) -> None:
        waiting = self._slots.get(slot)
        if waiting is None:
            waiting = self._slots[slot] = []
            self._call_later(max(slot * TURN - self._clock(), 0.0), partial(self._come, slot))
        waiting.append(subscriber)

    def _come(self, slot: int) -> None:
        waiting = self._slots.pop(slot)
        for subscriber in waiting:
            subscriber.is_soon = False
        self._wake(waiting)

    def _ring(self) -> None:
        now = self._clock()
        due: list[Subscriber] = []
        while len(due) < MOST_AT_ONCE and (subscriber := self._heap.pop(now + 0.001)) is not None:
            subscriber.wakes_at = inf
            due.append(subscriber)
        self._wake(due)
        self._wakeup.at(self._heap.next_at())

"""What is due when, and no faster than a pace: ten thousand registrations at start do not fire in one second."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from sipwright.stack import TimerHeap

__all__ = ["PACE", "PacedQueue"]

T = TypeVar("T", bound=Hashable)

PACE = 100.0
"""How many may begin in a second."""

_BURST = 0.1


class PacedQueue(Generic[T]):
    """A queue by time; putting something again moves it."""

    def __init__(self, pace: float = PACE) -> None:
        self._step = 1.0 / pace
        self._open_at = float("-inf")
        self._heap: TimerHeap[T] = TimerHeap()

    def __len__(self) -> int:
        return len(self._heap)

    def __contains__(self, item: object) -> bool:
        return item in self._heap

    def put(self, item: T, due: float) -> None:
        """Let an item be due at an instant, and at no other."""
        self._heap.set(item, due)

    def drop(self, item: T) -> None:
        """Forget an item."""
        self._heap.drop(item)

    def take(self, now: float) -> list[T]:
        """Take what is due, the longest waiting first, as far as the pace allows."""
        taken: list[T] = []
        while self._open_at <= now and (item := self._heap.pop(now)) is not None:
            # After a pause some may begin at once, but the pause is not made up for.
            self._open_at = max(self._open_at, now - _BURST) + self._step
            taken.append(item)
        return taken

    def next_at(self) -> float | None:
        """Return the instant at which something can be taken; None when there is nothing."""
        due = self._heap.next_at()
        return None if due is None else max(due, self._open_at)

"""What is due when, and no faster than a pace: ten thousand registrations at start do not fire in one second."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

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
        self._heap: list[tuple[float, int, T]] = []
        self._places: dict[T, tuple[float, int]] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, item: object) -> bool:
        return item in self._places

    def put(self, item: T, due: float) -> None:
        """Let an item be due at an instant, and at no other."""
        self._count += 1
        self._places[item] = (due, self._count)
        heapq.heappush(self._heap, (due, self._count, item))
        if len(self._heap) > 2 * len(self._places) + 64:
            self._heap = [(due, count, item) for item, (due, count) in self._places.items()]
            heapq.heapify(self._heap)

    def drop(self, item: T) -> None:
        """Forget an item."""
        self._places.pop(item, None)

    def take(self, now: float) -> list[T]:
        """Take what is due, the longest waiting first, as far as the pace allows."""
        taken: list[T] = []
        while self._head() is not None and self._heap[0][0] <= now and self._open_at <= now:
            # After a pause some may begin at once, but the pause is not made up for.
            self._open_at = max(self._open_at, now - _BURST) + self._step
            item = heapq.heappop(self._heap)[2]
            del self._places[item]
            taken.append(item)
        return taken

    def next_at(self) -> float | None:
        """Return the instant at which something can be taken; None when there is nothing."""
        due = self._head()
        return None if due is None else max(due, self._open_at)

    def _head(self) -> float | None:
        while self._heap:
            due, count, item = self._heap[0]
            if self._places.get(item) == (due, count):
                return due
            heapq.heappop(self._heap)
        return None

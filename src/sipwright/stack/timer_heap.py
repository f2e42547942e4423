"""What is due when: keys on a heap by their instants, and the one timer of an event loop that comes for the first.

Nearly every timer is moved or called off before its time, so that asking the event loop for each would cost more than
what it is there for. The transactions have a queue of their own (`sip/transaction/timers.py`): their timers are of a
few lengths, for which no heap is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from math import inf
from typing import Generic, Protocol, TypeVar

__all__ = ["CallLater", "TimerHandle", "TimerHeap", "Wakeup"]

FEW = 64
"""So many entries that do not count any more are not worth tidying up."""

K = TypeVar("K", bound=Hashable)


class TimerHandle(Protocol):
    """A call that is to come, and can be called off."""

    def cancel(self) -> None:
        """Call it off."""


CallLater = Callable[..., TimerHandle]
"""As of an event loop: the delay in seconds, what to call, and with what."""


class TimerHeap(Generic[K]):
    """The instant of each key; what is due together comes in the order in which it was set.

    Nothing is taken out of the middle of the heap: an entry counts while it is the last one of its key.
    """

    __slots__ = ("_count", "_entries", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, K]] = []
        self._entries: dict[K, tuple[float, int, K]] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def set(self, key: K, due: float) -> None:
        """Let a key be due at an instant, and at no other."""
        self._count += 1
        self._entries[key] = entry = (due, self._count, key)
        heappush(self._heap, entry)
        if len(self._heap) > 2 * len(self._entries) + FEW:
            self._heap = list(self._entries.values())
            heapify(self._heap)

    def drop(self, key: K) -> None:
        """Forget a key."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._heap.clear()
        self._entries.clear()

    def next_at(self) -> float | None:
        """Return the first instant; None when nothing is to come."""
        heap, entries = self._heap, self._entries
        while heap:
            entry = heap[0]
            if entries.get(entry[2]) is entry:
                return entry[0]
            heappop(heap)
        return None

    def pop(self, now: float) -> K | None:
        """Take the first key that is due; None when there is none yet."""
        due = self.next_at()
        if due is None or due > now:
            return None
        key = heappop(self._heap)[2]
        del self._entries[key]
        return key


class Wakeup:
    """One timer of an event loop, for the first of all instants that it was asked for."""

    __slots__ = ("_at", "_call_later", "_clock", "_handle", "_wake")

    def __init__(self, clock: Callable[[], float], call_later: CallLater, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._call_later = call_later
        self._wake = wake
        self._handle: TimerHandle | None = None
        self._at = inf

    def at(self, due: float | None, soonest: float = 0.0) -> None:
        """Wake at `due` if that is earlier than asked for before, but in `soonest` seconds at the earliest."""
        if due is None or due >= self._at:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._at = due
        self._handle = self._call_later(max(due - self._clock(), soonest), self._ring)

    def cancel(self) -> None:
        """Do not wake."""
        self._at = inf
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        self._handle, self._at = None, inf
        self._wake()

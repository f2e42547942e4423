"""What is due when: the one timer of an event loop that comes for the first of many instants.

Nearly every timer is moved or called off before its time, so that asking the event loop for each would cost more than
what it is there for. Keys lie on a heap by their instants, with a `Wakeup`. The transactions have a queue of their own
(`sip/transaction/timers.py`), as their timers are of a few lengths, for which no heap is needed, and a `Ticker`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from math import inf
from typing import Generic, Protocol, TypeVar

from structlog.typing import FilteringBoundLogger

from sipwright.sip.transaction import TransactionLayer

__all__ = ["CallLater", "Ticker", "TimerHandle", "TimerHeap", "Wakeup"]

SHORTEST_TICK = 0.01
"""Seconds between two looks at what is due of transactions: under load there is always something."""

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

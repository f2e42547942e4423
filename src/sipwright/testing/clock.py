"""Time that passes only when there is nothing left to do: a pretended call of an hour takes a millisecond."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Any

__all__ = ["Handle", "VirtualClock"]


class Handle:
    """Something that is to happen."""

    __slots__ = ("arguments", "callback")

    def __init__(self, callback: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self.callback: Callable[..., object] | None = callback
        self.arguments = arguments

    def cancel(self) -> None:
        """Let it not happen."""
        self.callback = None


class VirtualClock:
    """A Unix time that jumps from one event to the next; what falls together happens in order."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Handle]] = []

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: Any) -> Handle:
        """Call something after `delay` seconds."""
        handle = Handle(callback, arguments)
        heapq.heappush(self._events, (self.now + max(delay, 0.0), next(self._numbers), handle))
        return handle

    def run(self) -> None:
        """Let everything happen, until nothing is to come."""
        events = self._events
        while events:
            at, _, handle = heapq.heappop(events)
            if handle.callback is not None:
                self.now = at
                handle.callback(*handle.arguments)

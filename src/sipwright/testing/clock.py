"""Time that passes only when there is nothing left to do: a pretended call of an hour takes a millisecond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sipwright.stack import TimerHeap

__all__ = ["Handle", "VirtualClock"]


class Handle:
    """A timer of the virtual clock."""

    __slots__ = ("_events", "arguments", "callback")

    def __init__(
        self, events: TimerHeap[Handle], callback: Callable[..., object], arguments: tuple[Any, ...]
    ) -> None:
        self._events = events
        self.callback = callback
        self.arguments = arguments

    def cancel(self) -> None:
        """Let it not happen."""
        self._events.drop(self)


class VirtualClock:
    """A Unix time that jumps from one event to the next; what falls together happens in order."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._events: TimerHeap[Handle] = TimerHeap()

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: Any) -> Handle:
        """Call something after `delay` seconds."""
        handle = Handle(self._events, callback, arguments)
        self._events.set(handle, self.now + max(delay, 0.0))
        return handle

    def run(self) -> None:
        """Let everything happen, until nothing is to come."""
        events = self._events
        while (at := events.next_at()) is not None and (handle := events.pop(at)) is not None:
            self.now = at
            handle.callback(*handle.arguments)

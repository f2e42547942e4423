"""Timers of which none comes while nobody knows whether what they are about is still ours.

A process that was stopped, and goes on, has timers that were due long ago, and its loop may get to them before anything
else: they would repeat what another node has gone on with. So each looks at the clock first, which is watched
(`node/several/stall_watch.py`), and waits while the timers are held. Only a node among others has these.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sipwright.stack.timer_heap import CallLater, TimerHandle

__all__ = ["HeldTimers"]


class HeldTimers:
    """Timers of an event loop that can be held.

    Attributes:
        clock: What each of them looks at before it comes; whoever watches it may hold them at that moment.
    """

    def __init__(self, call_later: CallLater, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._call_later = call_later
        self._is_held = False
        self._waiting: list[_Timer] = []

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: Any) -> TimerHandle:
        """Call something after `delay` seconds, or when the timers are held no more."""
        timer = _Timer(self, callback, arguments)
        timer.handle = self._call_later(delay, timer.ring)
        return timer

    def hold(self) -> None:
        """Let none come until `release`."""
        self._is_held = True

    def release(self) -> None:
        """Let those come that were due meanwhile, in their order, and all others in their time."""
        self._is_held = False
        waiting, self._waiting = self._waiting, []
        for timer in waiting:
            if timer.handle is not None:
                timer.handle = self._call_later(0.0, timer.ring)

    def waits(self, timer: _Timer) -> bool:
        """Return whether one that is due has to wait; it is remembered then."""
        self.clock()
        if self._is_held:
            self._waiting.append(timer)
        return self._is_held


class _Timer:
    """A timer of the loop that looks at the clock before it rings."""

    __slots__ = ("_arguments", "_callback", "_timers", "handle")

    def __init__(
        self, timers: HeldTimers, callback: Callable[..., object], arguments: tuple[Any, ...]
    ) -> None:
        self._timers = timers
        self._callback = callback
        self._arguments = arguments
        self.handle: TimerHandle | None = None
        """That of the loop; None when this was called off."""

    def cancel(self) -> None:
        """Call it off."""
        handle, self.handle = self.handle, None
        if handle is not None:
            handle.cancel()

    def ring(self) -> None:
        """Come, unless it has to wait."""
        if not self._timers.waits(self):
            self._callback(*self._arguments)

"""Whether this process was stopped for a while, which it has to know before it says or looks at anything.

When a process goes on, its loop sees what waits in the sockets, or timers that were due long ago, before anything
else, or it stands in the middle of a callback that has more to say. Whoever reads a socket looks at the clock first,
and so does a timer that comes (`stack/held_timers.py`), and whatever is sent (`transport/held_sends.py`); so these
clocks are watched: what they say is trusted up to a time that is moved on again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from math import inf
from typing import Protocol

from sipwright.cluster.clock import lease_clock
from sipwright.stack import HeldTimers
from sipwright.stack.timer_heap import CallLater
from sipwright.transport.held_sends import HeldSends

__all__ = ["Held", "StallWatch"]

LOOKS = 4
"""How often within the time that a stop may take the clock is given more."""


class Watched(Protocol):
    """What looks at a clock before it does anything."""

    clock: Callable[[], float]


class Held:
    """What a node does and says unasked: it waits while nobody knows whether that is still its own to do."""

    def __init__(self, call_later: CallLater) -> None:
        self.timers = HeldTimers(call_later)
        self.sends = HeldSends(lease_clock)
        self._is_holding = False

    @property
    def watched(self) -> tuple[Watched, ...]:
        """What looks at a clock before it lets anything happen."""
        return self.timers, self.sends

    def hold(self) -> bool:
        """Let nothing happen until `release`; False where that is so already."""
        was_holding, self._is_holding = self._is_holding, True
        if not was_holding:
            self.sends.hold()
            self.timers.hold()
        return not was_holding

    def release(self) -> bool:
        """Let all that happen that was due meanwhile; False where nothing was held."""
        was_holding, self._is_holding = self._is_holding, False
        if was_holding:
            self.sends.release()
            self.timers.release()
        return was_holding

    def stop(self) -> None:
        """Let nothing happen any more: another node has all of it."""
        self._is_holding = False  # there is nothing to release
        self.timers.hold()
        self.sends.stop()


class StallWatch:
    """Watches the clocks that the sockets, timers and sends of a node look at, while its loop runs."""

    def __init__(
        self, watched: Iterable[Watched], seconds: float, on_stopped: Callable[[], object], *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        """Get ready; `on_stopped` is called when the process was stopped for more than so many seconds."""
        self._all = {id(each): each for each in watched}.values()
        self._seconds = seconds
        self._on_stopped = on_stopped
        self._sleep = sleep

    async def run(self) -> None:
        """Go on until cancelled."""
        before = [(each, each.clock) for each in self._all]
        clocks = [_Clock(clock, self._on_stopped) for _, clock in before]
        for (each, _), clock in zip(before, clocks, strict=True):
            each.clock = clock
        try:
            while True:
                for clock in clocks:
                    clock.trusted_until = clock() + self._seconds
                await self._sleep(self._seconds / LOOKS)
        finally:
            for each, its_own in before:
                each.clock = its_own


class _Clock:
    """A clock that is watched. Not all are the same: one counts the time for which the machine was suspended."""

    __slots__ = ("_clock", "_on_stopped", "trusted_until")

    def __init__(self, clock: Callable[[], float], on_stopped: Callable[[], object]) -> None:
        self._clock = clock
        self._on_stopped = on_stopped
        self.trusted_until = inf

    def __call__(self) -> float:
        now = self._clock()
        if now > self.trusted_until:
            self._on_stopped()
        return now

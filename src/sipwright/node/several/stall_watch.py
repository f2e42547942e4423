"""Whether this process was stopped for a while, which it has to know before it says or looks at anything.

When a process goes on, its loop sees what waits in the sockets, or timers that were due long ago, before anything
else, or it stands in the middle of a callback that has more to say. Whoever reads a socket looks at the clock first,
and so does a timer that comes (`stack/held_timers.py`), and whatever is sent (`transport/held_sends.py`); so these
clocks are watched: what they say is trusted up to a time that is moved on again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from math import inf
from typing import Any, Protocol

from sipwright.cluster.clock import lease_clock
from sipwright.stack import HeldTimers
from sipwright.stack.timer_heap import CallLater
from sipwright.transport.held_sends import Guard, HeldSends, unguarded

__all__ = ["Held", "StallWatch"]

LOOKS = 4
"""How often within the time that a stop may take the clock is given more."""


class Watched(Protocol):
    """What looks at a clock before it does anything."""

    clock: Callable[[], float]


class Lease(Protocol):
    """What is in doubt when this process was stopped for long."""

    @property
    def margin(self) -> float:
        """For how many seconds it may be stopped without a doubt."""

    def doubt(self) -> None:
        """Take note that it was."""


class Held:
    """What a node does and says unasked: it waits while nobody knows whether that is still its own to do.

    Attributes:
        guard: Puts a door in front of what sends.
        call_later: Gives the timers of the stack.
    """

    def __init__(self, call_later: CallLater, is_replaceable: bool = True) -> None:
        """Get ready.

        Args:
            call_later: That of the event loop.
            is_replaceable: Whether another node may have taken over when this process goes on that was stopped. Where
                none does so before it has ended, as of the workers on one file (`joining.py`), it needs no doors.
        """
        self.timers = HeldTimers(call_later)
        self.sends = HeldSends(lease_clock)
        self.guard: Guard = self.sends.guard if is_replaceable else unguarded
        self.call_later: CallLater = self.timers.call_later if is_replaceable else call_later
        self._is_replaceable = is_replaceable
        self._is_holding = False

    @property
    def watched(self) -> tuple[Watched, ...]:
        """What looks at a clock before it lets anything happen."""
        return self.timers, self.sends

    def watch(self, sockets: Iterable[Watched], lease: Lease) -> list[Coroutine[Any, Any, None]]:
        """Return what tells of a stop after which the lease may be another one's, where doors wait for that."""
        if not self._is_replaceable:
            return []
        return [StallWatch([*sockets, *self.watched], lease.margin, lease.doubt).run()]

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

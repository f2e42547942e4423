"""Whether this process was stopped for a while, which it has to know before it looks at what has come in meanwhile.

When a process goes on, its loop sees what waits in the sockets, or timers that were due long ago, before anything
else. Whoever reads a socket looks at the clock first, and so does a timer that comes (`stack/held_timers.py`); so these
clocks are watched: what they say is trusted up to a time that is moved on again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from math import inf
from typing import Protocol

__all__ = ["StallWatch"]

LOOKS = 4
"""How often within the time that a stop may take the clock is given more."""


class Watched(Protocol):
    """What looks at a clock before it does anything."""

    clock: Callable[[], float]


class StallWatch:
    """Watches the clocks that the sockets and timers of a node look at, while its loop runs."""

    def __init__(
        self, watched: Iterable[Watched], seconds: float, on_stopped: Callable[[], object], *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        """Get ready; `on_stopped` is called when the process was stopped for more than so many seconds."""
        self._all = {id(each): each for each in watched}.values()
        self._seconds = seconds
        self._on_stopped = on_stopped
        self._sleep = sleep
        self._trusted_until = inf

    async def run(self) -> None:
        """Go on until cancelled."""
        before = [(each, each.clock) for each in self._all]
        for each, clock in before:
            each.clock = self._watched(clock)
        try:
            while True:
                for each, _ in before:
                    self._trusted_until = each.clock() + self._seconds
                await self._sleep(self._seconds / LOOKS)
        finally:
            for each, clock in before:
                each.clock = clock

    def _watched(self, clock: Callable[[], float]) -> Callable[[], float]:
        def look() -> float:
            now = clock()
            if now > self._trusted_until:
                self._on_stopped()
            return now

        return look

"""What a node does again and again and is soon done with: one timer for all of it.

To be woken up costs more than most of it, as the processor's caches have forgotten everything meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

__all__ = ["SPACING", "Rounds"]

log = structlog.get_logger(__name__)

SPACING = 0.25
"""Seconds between two rounds."""

Look = Callable[[float], Coroutine[Any, Any, None] | None]
"""Is given the instant; what takes longer it returns, to be waited for before it is asked again."""


class _Entry:
    """A look, with how often it is due, and when next."""

    __slots__ = ("due", "look", "seconds", "waits")

    def __init__(self, look: Look, seconds: float) -> None:
        self.look = look
        self.seconds = seconds
        self.due = 0.0
        self.waits: asyncio.Task[None] | None = None


class Rounds:
    """Looks at this and that in turn, as often as each wants to, in the order in which they were named."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic time."""
        self._clock = clock
        self._entries: list[_Entry] = []

    def every(self, seconds: float, look: Look) -> None:
        """Look so often, to a round; the first time one interval after the start."""
        self._entries.append(_Entry(look, seconds))

    async def run(self) -> None:
        """Go round until cancelled."""
        now = self._clock()
        for entry in self._entries:
            entry.due = now + entry.seconds
        try:
            while True:
                await asyncio.sleep(SPACING)
                self.turn(self._clock())
        finally:
            for entry in self._entries:
                if entry.waits is not None:
                    entry.waits.cancel()

    def turn(self, now: float) -> None:
        """Look at all that is due; one that fails may work the next time, and keeps nobody else waiting."""
        for entry in self._entries:
            if now < entry.due - SPACING / 2 or (entry.waits is not None and not entry.waits.done()):
                continue
            entry.due = now + entry.seconds
            try:
                rest = entry.look(now)
            except Exception:  # the root of a timer
                log.exception("a look failed", what=entry.look.__qualname__)
            else:
                entry.waits = None if rest is None else asyncio.create_task(_finish(rest, entry.look))


async def _finish(rest: Awaitable[None], look: Look) -> None:
    try:
        await rest
    except Exception:  # the root of a task
        log.exception("a look failed", what=look.__qualname__)

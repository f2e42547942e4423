"""The machine's clock as somebody sets it: deadlines are stored by one that goes on steadily, and follows it later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from sipwright.stack import Stack
from sipwright.steady_clock import NOTICED, SteadyClock
from sipwright.store import Store, StoreError

__all__ = ["ClockWatch"]

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0


class ClockWatch:
    """Says when somebody has set the clock, and follows it as soon as no call or script has a deadline."""

    def __init__(
        self, clock: SteadyClock, path: Path, stack: Stack, store: Store, *,
        has_deadlines: Callable[[], bool], on_followed: Callable[[float], object],
    ) -> None:  # fmt: skip
        """Make it; `run` looks.

        Args:
            clock: What deadlines are stored by.
            path: Where its offset is kept over a restart.
            stack: What comes in, which waits while deadlines are moved.
            store: Where they are.
            has_deadlines: Whether a call or a script has one.
            on_followed: Is told by how many seconds the clock has gone on.
        """
        self._clock = clock
        self._path = path
        self._stack = stack
        self._store = store
        self._has_deadlines = has_deadlines
        self._on_followed = on_followed

    async def run(self) -> None:
        """Look for ever."""
        is_kept = False
        while True:
            try:
                if not is_kept:
                    self._clock.keep(self._path)
                    is_kept = True
                if step := self._clock.step():
                    way = "forward" if step > 0 else "back"
                    log.warning(f"the clock was set {way} by {abs(step):.0f} s", seconds=round(step, 1))
                if abs(self._clock.ahead()) >= NOTICED and self._may_follow():
                    await self._follow()
                    self._clock.keep(self._path)
            except (OSError, StoreError) as error:
                log.debug("clock not followed yet", error=str(error))
            await asyncio.sleep(LOOK_EVERY)

    def _may_follow(self) -> bool:
        return self._store.writer.snapshot().failing_since is None and not self._has_deadlines()

    async def _follow(self) -> None:
        """Set the clock, and the deadlines that are stored with it; nobody may store one meanwhile."""
        self._stack.intake.hold()
        try:
            await self._store.writer.drain()
            ahead = self._clock.ahead()
            await self._store.move_deadlines(ahead)
            self._clock.offset += ahead
            self._on_followed(ahead)
        finally:
            self._stack.intake.release()

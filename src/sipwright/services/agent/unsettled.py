"""The providers about which something is to be decided, as soon as the database has said what is needed for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import structlog

from sipwright.stack import Stack

__all__ = ["Unsettled"]

log = structlog.get_logger(__name__)

TRY_DATABASE_EVERY = 10.0
MOST_AT_ONCE = 500


class Unsettled:
    """The numbers of such providers; one task decides about them, many at a time, and tries again while it fails."""

    __slots__ = ("_decide", "_is_busy", "_is_closed", "_is_failing", "_provider_ids", "_stack")

    def __init__(self, stack: Stack, decide: Callable[[list[int]], Awaitable[None]]) -> None:
        self._stack = stack
        self._decide = decide
        self._provider_ids: set[int] = set()
        self._is_busy = self._is_failing = self._is_closed = False

    def add(self, provider_ids: Iterable[int]) -> None:
        """Decide about some more."""
        self._provider_ids.update(provider_ids)
        if self._provider_ids and not self._is_busy and not self._is_closed:
            self._is_busy = True
            self._stack.pipeline.spawn(self._settle_all())

    def close(self) -> None:
        """Begin nothing more."""
        self._is_closed = True

    def database_failed(self, error: Exception) -> None:
        """Note that the database cannot be read, and say so once."""
        if not self._is_failing:
            log.error("registrations cannot be read; those that we have go on", error=str(error))
        self._is_failing = True

    async def _settle_all(self) -> None:
        while self._provider_ids:
            some = sorted(self._provider_ids)[:MOST_AT_ONCE]
            self._provider_ids.difference_update(some)
            try:
                await self._decide(some)
            except Exception as error:  # the root of a task: whatever fails now may work in a moment
                self.database_failed(error)
                self._provider_ids.update(some)
                self._stack.call_later(TRY_DATABASE_EVERY, self._again)
                return
            self._is_failing = False
        self._is_busy = False

    def _again(self) -> None:
        self._is_busy = False
        self.add(())

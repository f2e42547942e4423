"""Events on their way to one reader, who may be slow: so many wait, and of more the oldest are lost and counted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

__all__ = ["EventFeed"]

T = TypeVar("T")


class EventFeed(Generic[T]):
    """Takes events at any speed, and gives them to a reader at its own."""

    def __init__(self, most: int = 1_000) -> None:
        self._waiting: deque[T] = deque(maxlen=most)
        self._lost = 0
        self._some = asyncio.Event()
        self._failure: BaseException | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: T) -> None:
        """Add an event, in place of the oldest if there are too many."""
        if len(self._waiting) == self._waiting.maxlen:
            self._lost += 1
        self._waiting.append(event)
        self._some.set()

    async def wait(self) -> None:
        """Wait until there is something to tell; a source that failed raises its error once all is told."""
        await self._some.wait()
        if not self._waiting and self._failure is not None:
            raise self._failure

    def pop(self, most: int) -> tuple[list[T], int]:
        """Return the oldest events, and how many were lost since the last time."""
        found = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        lost, self._lost = self._lost, 0
        if not self._waiting and self._failure is None:
            self._some.clear()
        return found, lost

    @asynccontextmanager
    async def filled_from(self, source: AsyncIterator[T]) -> AsyncIterator[None]:
        """Take what a source gives, whether somebody reads or not."""
        task = asyncio.create_task(self._fill(source), name="console events")
        task.add_done_callback(self._note_end)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _fill(self, source: AsyncIterator[T]) -> None:
        async for event in source:
            self.put(event)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._failure = task.exception() or EOFError("no more events come")
            self._some.set()

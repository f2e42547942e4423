"""Whether a leg is over that nothing but its record is left of: for answers that come when its process is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from sipwright.store import Store, StoreError
from sipwright.store.live.ended_legs import leg_ended_at

__all__ = ["RecordedLegs"]

log = structlog.get_logger(__name__)

LATEST = 300.0
"""Seconds from the end of a leg until which somebody may still answer: a proxy lets phones ring for three minutes
(Timer C, RFC 3261 §16.6 step 11), and one that has answered repeats that for half a minute."""


class RecordedLegs:
    """Looks records up, each in a task of its own; who asks says how many at once."""

    def __init__(self, store: Store, unix_time: Callable[[], float]) -> None:
        self._store = store
        self._unix_time = unix_time
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, call_id: str, leg: int, then: Callable[[bool], object]) -> None:
        """Tell `then` whether a leg has ended, and not long ago; that it has not where nobody can look."""
        task = asyncio.get_running_loop().create_task(self._look(call_id, leg, then))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, call_id: str, leg: int, then: Callable[[bool], object]) -> None:
        ended_at = None
        try:
            ended_at = await self._store.database.read(partial(leg_ended_at, call_id=call_id, leg=leg))
        except StoreError as error:
            log.debug("record of a leg not looked up", call_id=call_id, leg=leg, error=str(error))
        try:
            then(ended_at is not None and self._unix_time() - ended_at <= LATEST)
        except Exception:  # the root of a task
            log.exception("what waited for the record of a leg has failed", call_id=call_id, leg=leg)

    def close(self) -> None:
        """Look nothing up any more."""
        for task in self._tasks:
            task.cancel()

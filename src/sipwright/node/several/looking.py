"""Looks for news in the database again and again, whether it is there or away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from sipwright.store.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from sipwright.store import Store
    from sipwright.store.writing.board import Glance

__all__ = ["News", "keep_looking"]

log = structlog.get_logger(__name__)

LOOK_BACK = 60.0
"""For how many seconds before the last look news are looked at again: each has its time before its commit is over."""

FORGET_EVERY, KEPT_FOR = 3_600.0, 7 * 86_400.0
"""Seconds between two looks for old news, and how old they are: no node is without the database for so long."""


class News:
    """What other nodes have said of accounts, each time in a row of one table; those that are old are forgotten.

    `read` returns when what was said last of each account within so many seconds, and `forget` deletes what is older.
    """

    def __init__(
        self, store: Store, read: Callable[[Connection, float], dict[int, float]],
        forget: Callable[[Connection, float], object], clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._store = store
        self._read = read
        self._forget = forget
        self._clock = clock
        self._seen: dict[int, float] = {}
        self._looked_at = self._forgot_at = clock()

    async def look(self, take: Callable[[set[int]], Awaitable[None]]) -> None:
        """Look once; `take` gets the accounts of which something was said since, and when it fails gets them again.

        Raises:
            StoreError: The database is away.
        """
        looked_at = self._clock()
        within = (
            looked_at - self._looked_at + LOOK_BACK
        )  # also what was said while the database was away from here
        news = await self._store.database.read(lambda c: self._read(c, within))
        await take({account_id for account_id, at in news.items() if self._seen.get(account_id) != at})
        self._seen, self._looked_at = news, looked_at
        if looked_at > self._forgot_at + FORGET_EVERY:
            self._forgot_at = looked_at
            await self._store.database.write(lambda c: self._forget(c, KEPT_FOR))


async def keep_looking(
    look: Callable[[], Awaitable[object]], every: float, complaint: str, glance: Glance
) -> None:
    """Look every so many seconds until cancelled, if a glance says so; while it fails, that is an error once."""
    is_failing = False
    while True:
        await asyncio.sleep(every)
        if not glance():
            continue
        try:
            await look()
            glance.seen()
            is_failing = False
        except (StoreError, OSError, TimeoutError) as error:
            if not is_failing:
                log.error(complaint, error=str(error) or type(error).__name__)
            is_failing = True

"""Accounts that are needed beside requests, fetched where not all of them fit into memory: for those who watch some."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from sipwright.services.notifier import Name
from sipwright.store import Account, Directory, Store, StoreError

__all__ = ["AccountFetcher"]

log = structlog.get_logger(__name__)

AT_ONCE = 8
"""Look-ups of accounts at a time: the others wait."""


class AccountFetcher:
    """Fetches accounts by their numbers, or by their names and domains."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, wanted: Sequence[int | Name], then: Callable[[bool], object]) -> bool:
        """Fetch accounts that are not in memory; False if all of them are there.

        Once they are, as far as they exist, `then` is called: with False if the database cannot be asked now.
        """
        directory = self._store.directory
        if directory.is_complete:
            return False
        if all(_find(directory, one) is not None for one in wanted):
            return False
        task = asyncio.get_running_loop().create_task(self._fetch(tuple(wanted), then))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _fetch(self, wanted: tuple[int | Name, ...], then: Callable[[bool], object]) -> None:
        async with self._room:
            is_known = await self._load(wanted)
            try:
                then(is_known)
            except Exception:  # the root of a task
                log.exception("what waited for accounts has failed")

    async def _load(self, wanted: tuple[int | Name, ...]) -> bool:
        try:
            # All of them: with room for few, one that is there may make way for the next.
            for one in wanted:
                if isinstance(one, int):
                    await self._store.load_account_by_id(one)
                else:
                    await self._store.load_account(*one)
        except StoreError as error:
            log.debug("accounts not fetched", error=str(error))
            return False
        return True

    def close(self) -> None:
        """Fetch no more."""
        for task in self._tasks:
            task.cancel()


def _find(directory: Directory, one: int | Name) -> Account | None:
    return directory.account_by_id(one) if isinstance(one, int) else directory.account(*one)

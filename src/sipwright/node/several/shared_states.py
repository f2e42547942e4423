"""What was said about accounts at other nodes: presence that phones have published, and messages that wait.

Both are rows that every node has in memory. Where one is changed, a row of `state_news` says so, for which the others
look every second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sipwright.store.live.state_news import forget_news, read_news, read_states
from sipwright.store.writing.board import STATES

from .looking import News, keep_looking

if TYPE_CHECKING:
    from sipwright.services.notifier import MessageSummary, Notifier, Presence
    from sipwright.store import Store

__all__ = ["SharedStates"]

LOOK_EVERY = 1.0


class SharedStates:
    """Keeps what is said about accounts as the database has it."""

    def __init__(
        self, store: Store, node: str, presence: Presence, summaries: MessageSummary, notifier: Notifier,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._store = store
        self._presence = presence
        self._summaries = summaries
        self._notifier = notifier
        self._news = News(store, lambda c, within: read_news(c, within, node), forget_news, clock)

    async def follow(self) -> None:
        """Look for news, until cancelled."""
        what = "what is said of accounts at other nodes cannot be followed"
        await keep_looking(self.catch_up, LOOK_EVERY, what, self._store.database.glance(STATES))

    async def catch_up(self) -> None:
        """Look for news once.

        Raises:
            StoreError: The database is away.
        """
        await self._news.look(self._take)

    async def _take(self, changed: set[int]) -> None:
        if changed:
            await self._store.writer.settle()
            found = await self._store.database.read(lambda c: read_states(c, changed))
            for account_id, rows in found.items():
                for package in (self._presence, self._summaries):
                    if package.replace(account_id, rows):
                        self._notifier.changed(package.event, account_id)

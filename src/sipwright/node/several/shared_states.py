"""What was said about accounts at other nodes: presence that phones have published, and messages that wait.

Both are rows that every node has in memory. Where one is changed, a row of `state_news` says so, for which the others
look every second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sipwright.store.live.state_news import forget_news, read_news, read_states

from .looking import FORGET_EVERY, KEPT_FOR, LOOK_BACK, keep_looking

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
        self._node = node
        self._presence = presence
        self._summaries = summaries
        self._notifier = notifier
        self._clock = clock
        self._seen: dict[int, float] = {}
        self._looked_at = self._forgot_at = clock()

    async def follow(self) -> None:
        """Look for news, until cancelled."""
        await keep_looking(
            self.catch_up, LOOK_EVERY, "what is said of accounts at other nodes cannot be followed"
        )

    async def catch_up(self) -> None:
        """Look for news once.

        Raises:
            StoreError: The database is away.
        """
        looked_at = self._clock()
        within = (
            looked_at - self._looked_at + LOOK_BACK
        )  # what was said while the database was away from here, too
        news = await self._store.database.read(lambda c: read_news(c, within, self._node))
        changed = {account_id for account_id, at in news.items() if self._seen.get(account_id) != at}
        if changed:
            await self._store.writer.settle()
            found = await self._store.database.read(lambda c: read_states(c, changed))
            for account_id, rows in found.items():
                for package in (self._presence, self._summaries):
                    if package.replace(account_id, rows):
                        self._notifier.changed(package.event, account_id)
        self._seen, self._looked_at = news, looked_at
        if looked_at > self._forgot_at + FORGET_EVERY:
            self._forgot_at = looked_at
            await self._store.database.write(lambda c: forget_news(c, KEPT_FOR))

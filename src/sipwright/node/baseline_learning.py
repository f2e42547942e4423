"""Learns what is usual for each user, once a day, from the records of their calls: one after the other, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from sipwright.config import Settings
from sipwright.services.guard.learning import learn_from
from sipwright.store import Store, StoreError
from sipwright.store.admin import baselines
from sipwright.store.admin.guard_rules import CLOSED, home_of

__all__ = ["BaselineLearning"]

log = structlog.get_logger(__name__)

LEARN_EVERY, LEARN_AGAIN = 3_600.0, 20 * 3_600.0
"""Seconds between two looks for baselines that are old, and how old these are."""

LEARN_FIRST = 2.0
"""Seconds after a start until the first look: calls that go on come first."""

PAUSE = 0.05
"""Seconds between two users: the processor belongs to the calls."""


class BaselineLearning:
    """Makes the baselines with which calls are compared."""

    def __init__(
        self, settings: Settings, store: Store, unix_time: Callable[[], float],
        is_ours: Callable[[int], bool] = lambda user_id: True,
    ) -> None:  # fmt: skip
        """Get ready; `is_ours` says whether it is this node that learns what is usual for a user."""
        self._guard = settings.guard
        self._store = store
        self._unix_time = unix_time
        self._is_ours = is_ours

    async def run(self) -> None:
        """Learn what is usual for all, now and again each day, until cancelled."""
        if self._guard.unusual_calls == "off":
            return
        await asyncio.sleep(LEARN_FIRST)
        while True:
            try:
                await self.learn()
            except StoreError as error:
                log.warning("what is usual could not be learnt", error=str(error))
            await asyncio.sleep(LEARN_EVERY)

    async def learn(self) -> None:
        """Learn what is usual for users whose baseline is old, or who have none yet."""
        database, now = self._store.database, self._unix_time()
        known = await database.read(baselines.learnt_at, of_nodes=False)
        for user_id in list(self._store.directory.users):
            if self._is_ours(user_id) and known.get(user_id, 0.0) < now - LEARN_AGAIN:
                await self._learn_of(user_id, now)
                await asyncio.sleep(PAUSE)
        await self._store.catch_up()

    async def _learn_of(self, user_id: int, now: float) -> None:
        user, database = self._store.directory.users.get(user_id), self._store.database
        if user is None:
            return
        records, money = await database.read(lambda c: baselines.records_of(c, user_id, now))
        rule = self._store.directory.guard_rules.get(("user", user_id), CLOSED)
        home = self._guard.region or home_of(rule, user.timezone)
        usual = await asyncio.to_thread(learn_from, records, home, user.timezone, money)
        await database.write(lambda c: baselines.keep(c, [(user_id, usual)], now), of_nodes=False)

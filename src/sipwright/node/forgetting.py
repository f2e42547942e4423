"""What is over is kept for a while, and then deleted beside the calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from sipwright.config import Settings
from sipwright.store import Store, StoreError
from sipwright.store.admin import bans, guard_rules, unusual_calls
from sipwright.store.admin.log_in_retention import forget_log_ins
from sipwright.store.history.retention import Retention, forget_records
from sipwright.store.history.trace_messages import forget_old

__all__ = ["keep_forgetting"]

log = structlog.get_logger(__name__)

EVERY = 600.0
DAY = 86_400.0


async def keep_forgetting(
    settings: Settings, store: Store, forget_rollups: Callable[[], Awaitable[None]]
) -> None:
    """Look for ever; what the database does not delete now it is asked for the next time."""
    while True:
        await asyncio.sleep(EVERY)
        try:
            await forget(settings, store, time.time())
            await forget_rollups()
        except StoreError as error:
            log.warning("old records stay for now", error=str(error))


async def forget(settings: Settings, store: Store, now: float) -> None:
    """Delete what has been kept for long enough: messages of traces, CDRs, runs, versions, bans, spendings, log-ins.

    Args:
        settings: How long that is.
        store: Where they are.
        now: The unix time.

    Raises:
        StoreError: The database does not work.
    """
    trace, days = settings.trace, settings.retention
    keep = Retention(days.cdrs * DAY, days.executions * DAY, days.versions * DAY)
    await forget_old(store.database, now - trace.days * DAY, trace.megabytes * 1_000_000)
    gone = await forget_records(store.database, keep, now)
    await store.database.write(lambda c: bans.prune(c, now), of_nodes=False)
    await store.database.write(guard_rules.prune)
    await store.database.write(lambda c: unusual_calls.prune(c, now), of_nodes=False)
    await forget_log_ins(store.database, now, days.audit * DAY)
    if any(gone):
        log.info("old records deleted", **gone._asdict())

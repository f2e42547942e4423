"""Looks for news in the database again and again, whether it is there or away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sipwright.store.errors import StoreError

__all__ = ["FORGET_EVERY", "KEPT_FOR", "LOOK_BACK", "keep_looking"]

log = structlog.get_logger(__name__)

LOOK_BACK = 60.0
"""For how many seconds before the last look news are looked at again: each has its time before its commit is over."""

FORGET_EVERY, KEPT_FOR = 3_600.0, 7 * 86_400.0
"""Seconds between two looks for old news, and how old they are: no node is without the database for so long."""


async def keep_looking(look: Callable[[], Awaitable[object]], every: float, complaint: str) -> None:
    """Look every so many seconds until cancelled; while it fails, that is an error once, with the `complaint`."""
    is_failing = False
    while True:
        await asyncio.sleep(every)
        try:
            await look()
            is_failing = False
        except (StoreError, OSError, TimeoutError) as error:
            if not is_failing:
                log.error(complaint, error=str(error) or type(error).__name__)
            is_failing = True

"""Looks for news in the database again and again, whether it is there or away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sipwright.store.errors import StoreError

__all__ = ["keep_looking"]

log = structlog.get_logger(__name__)


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

"""Looks into the database, past what the store makes of it."""

from __future__ import annotations

from typing import Any

from sipwright.store import Store


async def stored(store: Store, query: Any) -> list[Any]:
    """What the database has."""
    return await store.database.read(lambda c: list(c.execute(query).all()))

"""What scripts keep, by key, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from sipwright.store.history.paging import after
from sipwright.store.schema import tables
from sipwright.store.schema.rows import restored

__all__ = ["KeptValue", "read_page"]


class KeptValue(NamedTuple):
    """A value, as JSON, under its key."""

    key: str
    value: str
    updated_at: float


def read_page(
    connection: Connection, user_id: int, limit: int, place: Sequence[Any] | None = None, *,
    prefix: str = "", key: str | None = None,
) -> list[KeptValue]:  # fmt: skip
    """List the values of a user, after a key; those whose keys begin so, or the one under `key`."""
    column = tables.script_values.c
    query = select(column.key, column.value, column.updated_at).where(column.user_id == user_id)
    if prefix:
        query = query.where(func.substr(column.key, 1, len(prefix)) == prefix)
    if key is not None:
        query = query.where(column.key == key)
    if place is not None:
        query = query.where(after((column.key,), place))
    rows = connection.execute(query.order_by(column.key).limit(limit))
    return [KeptValue(*restored(tuple(row))) for row in rows]

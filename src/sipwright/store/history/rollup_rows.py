"""What nodes have measured of themselves: read for graphs, and forgotten when it has been kept for long enough."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from sqlalchemy import Connection, delete, func, select, tuple_

from sipwright.services.rows import RollupRow
from sipwright.store.database import Database
from sipwright.store.history.retention import AT_ONCE, PAUSE, Pause
from sipwright.store.schema import watching_tables

__all__ = ["forget_rollups", "last_rows", "read_rollups"]

_COLUMN = watching_tables.rollups.c
_ROW = [_COLUMN[name] for name in RollupRow._fields]


def read_rollups(connection: Connection, span: int, since: float, until: float) -> list[RollupRow]:
    """Return the rows of all nodes that begin in some time, the oldest first."""
    query = select(*_ROW).where(_COLUMN.span == span, _COLUMN.at >= int(since), _COLUMN.at <= int(until))
    return [RollupRow(*row) for row in connection.execute(query.order_by(_COLUMN.at, _COLUMN.node))]


def last_rows(connection: Connection, node: str) -> list[RollupRow]:
    """Return the newest row of each span that a node has written."""
    newest = (
        select(_COLUMN.span, func.max(_COLUMN.at))
        .where(_COLUMN.node == node, _COLUMN.span > 0)
        .group_by(_COLUMN.span)
    )
    found = [(span, at) for span, at in connection.execute(newest)]
    query = select(*_ROW).where(_COLUMN.node == node, tuple_(_COLUMN.span, _COLUMN.at).in_(found))
    return [RollupRow(*row) for row in connection.execute(query)] if found else []


async def forget_rollups(
    database: Database, kept: Mapping[int, float], now: float, *, pause: Pause = asyncio.sleep
) -> int:
    """Delete what is older than rows of its span are kept, a few at a time; `kept` has the seconds of each."""
    gone = 0
    for span, seconds in kept.items():
        while count := await database.write(partial(_prune, span=span, before=now - seconds)):
            gone += count
            if count < AT_ONCE:
                break
            await pause(PAUSE)
    return gone


def _prune(connection: Connection, span: int, before: float) -> int:
    query = select(*_ROW[:3]).where(_COLUMN.span == span, _COLUMN.at < int(before)).order_by(_COLUMN.at)
    found = [tuple(row) for row in connection.execute(query.limit(AT_ONCE))]
    if found:
        key = tuple_(_COLUMN.span, _COLUMN.at, _COLUMN.node)
        connection.execute(delete(watching_tables.rollups).where(key.in_(found)))
    return len(found)

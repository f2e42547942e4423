"""What nodes tell those who read their events at others: rows of many events each, kept for a minute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, insert, or_, select

from sipwright.store.live.leases import database_time
from sipwright.store.schema.cluster_tables import node_events

__all__ = ["ToldRow", "forget_told", "put_told", "read_told"]

KEPT_FOR = 60.0
"""Seconds for which another node may be without the database and miss nothing."""

MOST_AT_ONCE = 200
"""Rows that are read in one go."""

_COLUMN = node_events.c


class ToldRow(NamedTuple):
    """Events of a node, lines of JSON up to that with the id `number`, which follow on the one called `after`."""

    node: str
    number: int
    after: int
    told: bytes


def put_told(connection: Connection, row: ToldRow) -> None:
    """Tell others."""
    connection.execute(insert(node_events).values(**row._asdict(), at=database_time(connection)))


def read_told(connection: Connection, seen: Mapping[str, int]) -> list[ToldRow]:
    """Return what nodes have told since the event of each that was `seen`, in its order."""
    if not seen:
        return []
    is_new = or_(*(and_(_COLUMN.node == node, _COLUMN.number > number) for node, number in seen.items()))
    columns = (_COLUMN.node, _COLUMN.number, _COLUMN.after, _COLUMN.told)
    query = select(*columns).where(is_new).order_by(_COLUMN.number).limit(MOST_AT_ONCE)
    return [ToldRow(*row) for row in connection.execute(query)]


def forget_told(connection: Connection, node: str) -> None:
    """Delete what everybody has read that could."""
    is_old = (_COLUMN.node == node) & (_COLUMN.at < database_time(connection) - KEPT_FOR)
    connection.execute(delete(node_events).where(is_old))

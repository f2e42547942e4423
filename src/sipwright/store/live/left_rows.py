"""Rows that a node has committed on its own disk, and that another node may have gone on with since.

While the database is away a node promises things that it has written down itself. When only its own way to the database
was lost, another one has taken over meanwhile. What that one has is left as it is: a call is ours where its row says so
still, or where nobody has heard of it, neither as a call nor as the record of one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import structlog
from sqlalchemy import Connection, delete, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from sipwright.store.schema import tables
from sipwright.store.schema.rows import KINDS, storable

__all__ = ["merge"]

log = structlog.get_logger(__name__)

Row = tuple[Any, ...]
Rows = Mapping[str, Mapping[Hashable, Row | None]]

_AT_ONCE = 200

_May = Callable[[dict[str, Any] | None, dict[str, Any] | None], bool]
"""Whether a row, or None for one that is deleted, may replace what is there, which may be nothing."""


def merge(connection: Connection, node: str, rows: Rows) -> None:
    """Write those rows that are still this node's to write."""
    heard_of = _heard_of(connection, rows)

    def is_ours(new: dict[str, Any] | None, old: dict[str, Any] | None) -> bool:
        if old is not None:
            return bool(old["node"] == node)
        return new is not None and new.get("call_id", new["id"]) not in heard_of

    may: dict[str, _May] = {
        "call": is_ours,
        "execution": is_ours,
        "subscription": lambda new, old: old is None or old["node"] == node,
        "registration": lambda new, old: old is not None and old["node"] == node,
        "cdr": lambda new, old: old is None or old["ended_at"] is None,
        "binding": lambda new, old: (
            new is not None and (old is None or old["updated_at"] <= new["updated_at"])
            if new is not None
            else old is not None and old["source"].startswith(f"{node}!")
        ),
    }
    for kind, of_kind in rows.items():
        _write(connection, kind, of_kind, may.get(kind, lambda new, old: True))


def _heard_of(connection: Connection, rows: Rows) -> set[Any]:
    """Return which calls of some rows have records: what is not ours of them is over, or another's."""
    ids = [*rows.get("call", {}), *(row[1] for row in rows.get("execution", {}).values() if row is not None)]
    column = tables.cdrs.c.call_id
    found: set[Any] = set()
    for start in range(0, len(ids), _AT_ONCE):
        found |= set(
            connection.scalars(select(column).where(column.in_(ids[start : start + _AT_ONCE])).distinct())
        )
    return found


def _write(connection: Connection, kind: str, rows: Mapping[Hashable, Row | None], may: _May) -> None:
    table, key = KINDS[kind].table, KINDS[kind].key
    keys = list(rows)
    for start in range(0, len(keys), _AT_ONCE):
        part = {_key(one): rows[one] for one in keys[start : start + _AT_ONCE]}
        there = _there(connection, kind, list(part))
        new = {
            one: None if row is None else dict(zip(KINDS[kind].columns, storable(row), strict=True))
            for one, row in part.items()
        }
        ours = [one for one in part if may(new[one], there.get(one))]
        if gone := [one for one in ours if one in there]:
            same = tuple_(*(table.c[name] for name in key)).in_(gone)
            connection.execute(delete(table).where(same))
        _insert(connection, kind, {one: row for one in ours if (row := new[one]) is not None})


def _there(
    connection: Connection, kind: str, keys: list[tuple[Any, ...]]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return what is there under some keys."""
    table, key = KINDS[kind].table, KINDS[kind].key
    is_one = tuple_(*(table.c[name] for name in key)).in_(keys)
    found = connection.execute(select(*(table.c[name] for name in KINDS[kind].columns)).where(is_one))
    return {tuple(row[name] for name in key): dict(row) for row in found.mappings()}


def _insert(connection: Connection, kind: str, rows: Mapping[tuple[Any, ...], dict[str, Any]]) -> None:
    """Insert rows, but those that another node has written since we looked: it has gone on with what they are of."""
    if not rows:
        return
    table = KINDS[kind].table
    try:
        with connection.begin_nested():
            connection.execute(insert(table), list(rows.values()))
    except IntegrityError as error:
        if len(rows) > 1:
            for key, row in rows.items():
                _insert(connection, kind, {key: row})
        else:
            log.warning(
                "a row that had waited is left out", kind=kind, key=next(iter(rows)), why=str(error.orig)
            )


def _key(key: Hashable) -> tuple[Any, ...]:
    return storable(key) if isinstance(key, tuple) else storable((key,))

"""Calls that go from one node to another while both live: who has them, and to whom their tags lead from then on.

A node gives a call away by writing its row once more, with the name of the other one
(`services/switch/transfer/moving.py`). From then on nobody but that one writes it. Its tags name a boot of the node
that has made them, so each is noted with a boot of its new node: whoever goes on for that one later is the owner of
that boot, and so of the tag.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from sipwright.services.leases import Fence
from sipwright.services.rows import CallRow, ExecutionRow, JournalRow
from sipwright.store.history.journals import read_journals
from sipwright.store.live.leases import hold_fence
from sipwright.store.schema import tables
from sipwright.store.schema.cluster_tables import moved_tags
from sipwright.store.schema.rows import KINDS, UNFINISHED, restored

__all__ = ["Moved", "calls_of", "forget_tags", "note_tags", "read_moved_tags", "take_calls"]


class Moved(NamedTuple):
    """Calls that a node has got from another one, with their runs."""

    calls: list[CallRow]
    executions: list[ExecutionRow]
    journals: dict[str, list[JournalRow]]


def take_calls(
    connection: Connection, fence: Fence, node: str, boot: int, ids: Collection[str], tags: Iterable[str]
) -> Moved:
    """Read calls that were given to a node, and note that their tags lead to a boot of it from now on.

    Raises:
        FencedError: Another node has taken over from this one.
    """
    hold_fence(connection, fence)
    call, run = tables.calls.c, tables.executions.c
    columns = [call[name] for name in KINDS["call"].columns]
    found = connection.execute(select(*columns).where(call.id.in_(ids), call.node == node))
    calls = sorted((CallRow(*restored(tuple(row))) for row in found), key=lambda row: row.started_at)
    of_them = and_(run.call_id.in_([row.id for row in calls]), run.state.in_(UNFINISHED))
    connection.execute(update(tables.executions).where(of_them).values(node=node))
    note_tags(connection, boot, tags if calls else ())
    return Moved(calls, _runs(connection, of_them), read_journals(connection, of_them))


def _runs(connection: Connection, which: ColumnElement[bool]) -> list[ExecutionRow]:
    columns = [tables.executions.c[name] for name in KINDS["execution"].columns]
    found = connection.execute(select(*columns).where(which))
    return [ExecutionRow(*restored(tuple(row))) for row in found]


def note_tags(connection: Connection, boot: int, tags: Iterable[str]) -> None:
    """Note that tags lead to a boot, whatever they say themselves."""
    new = sorted(tags)
    forget_tags(connection, new)
    if new:
        connection.execute(insert(moved_tags), [{"tag": tag, "boot": boot} for tag in new])


def forget_tags(connection: Connection, tags: Collection[str]) -> None:
    """Forget tags of calls that are over."""
    if tags:
        connection.execute(delete(moved_tags).where(moved_tags.c.tag.in_(tags)))


def read_moved_tags(connection: Connection) -> dict[str, int]:
    """Return to which boot each tag leads that does not lead to its own."""
    found = connection.execute(select(moved_tags.c.tag, moved_tags.c.boot))
    return {row.tag: row.boot for row in found}


def calls_of(connection: Connection, node: str) -> set[str]:
    """Return the ids of the calls that a node has."""
    column = tables.calls.c
    return set(connection.scalars(select(column.id).where(column.node == node)))

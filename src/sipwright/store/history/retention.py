"""Forgetting what was recorded long ago: CDRs, runs of dialplans with their journals, versions that nobody runs.

What goes on is never touched, however old it is. Rows go a few at a time, each few in a transaction of their own with
a pause after it: the writer of a running node, which shares the one write lock that SQLite has, waits for a few
milliseconds at most. Recorded messages have a limit of their own (``trace_messages.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, exists, func, or_, select, tuple_

from sipwright.store.database import Database
from sipwright.store.history.journals import read_journals
from sipwright.store.history.runs import pins_in
from sipwright.store.schema import tables

__all__ = ["AT_ONCE", "KEPT_VERSIONS", "Forgotten", "Retention", "forget_records"]

AT_ONCE = 50
"""CDRs, runs or versions that one transaction deletes."""

PAUSE = 0.05
"""Seconds between two such transactions: the disk belongs to the calls."""

KEPT_VERSIONS = 10
"""The newest versions of each dialplan, which stay whatever their age: somebody may want to go back."""


class Retention(NamedTuple):
    """For how long things are kept, in seconds; 0 is for ever."""

    cdrs: float = 0.0
    executions: float = 0.0
    versions: float = 0.0


class Forgotten(NamedTuple):
    """How many rows were deleted; the journals of the runs are not counted."""

    cdrs: int = 0
    executions: int = 0
    versions: int = 0


Pause = Callable[[float], Awaitable[object]]


async def forget_records(
    database: Database, keep: Retention, now: float, *, pause: Pause = asyncio.sleep
) -> Forgotten:
    """Delete what is older than it is to be kept; `now` is the Unix time."""
    cdrs = await _repeatedly(database, _prune_cdrs, now - keep.cdrs, pause) if keep.cdrs else 0
    runs = (
        await _repeatedly(database, _prune_executions, now - keep.executions, pause) if keep.executions else 0
    )
    # Last, because a version stays as long as there is a run of it.
    versions = await _forget_versions(database, now - keep.versions, pause) if keep.versions else 0
    return Forgotten(cdrs, runs, versions)


async def _repeatedly(
    database: Database, prune: Callable[[Connection, float], int], before: float, pause: Pause
) -> int:
    gone = 0
    while count := await database.write(lambda connection: prune(connection, before)):
        gone += count
        if count < AT_ONCE:
            break
        await pause(PAUSE)
    return gone


def _prune_cdrs(connection: Connection, before: float) -> int:
    """Delete some CDRs of calls that are over, the oldest first."""
    column, calls = tables.cdrs.c, tables.calls.c
    goes_on = exists().where(calls.id == column.call_id)
    # An end comes after its beginning, so the index on the beginning finds all that ended before.
    is_old = and_(column.started_at < before, func.coalesce(column.ended_at, column.started_at) < before)
    query = select(column.id).where(is_old, ~goes_on).order_by(column.started_at).limit(AT_ONCE)
    found = connection.scalars(query).all()
    if found:
        connection.execute(delete(tables.cdrs).where(column.id.in_(found)))
    return len(found)


def _prune_executions(connection: Connection, before: float) -> int:
    """Delete some runs that are over, with their journals, the oldest first."""
    column, calls = tables.executions.c, tables.calls.c
    goes_on = exists().where(calls.id == column.call_id)
    is_over = column.state.in_(("done", "failed"))
    is_old = and_(column.started_at < before, func.coalesce(column.ended_at, column.started_at) < before)
    query = select(column.id).where(is_old, is_over, ~goes_on).order_by(column.started_at).limit(AT_ONCE)
    found = connection.scalars(query).all()
    if found:
        connection.execute(delete(tables.journal).where(tables.journal.c.execution_id.in_(found)))
        connection.execute(delete(tables.executions).where(column.id.in_(found)))
    return len(found)


async def _forget_versions(database: Database, before: float, pause: Pause) -> int:
    """Delete the versions that are old, not live, not among the newest of their dialplan, and that no run names."""
    # Looking through all runs is reading, which holds up nobody.
    found = await database.read(lambda connection: _unused_versions(connection, before))
    gone = 0
    for start in range(0, len(found), AT_ONCE):
        if start:
            await pause(PAUSE)
        gone += await database.write(partial(_drop_versions, some=found[start : start + AT_ONCE]))
    return gone


def _unused_versions(connection: Connection, before: float) -> list[tuple[int, int]]:
    plans, versions, runs = tables.dialplans.c, tables.dialplan_versions.c, tables.executions.c
    others = tables.dialplan_versions.alias()
    newest = select(func.max(others.c.version)).where(others.c.dialplan_id == plans.id).scalar_subquery()
    query = (
        select(versions.dialplan_id, versions.version)
        .join_from(tables.dialplan_versions, tables.dialplans, plans.id == versions.dialplan_id)
        .where(versions.created_at < before, versions.version != plans.live_version)
        .where(versions.version <= newest - KEPT_VERSIONS)
    )
    old = [(plan, version) for plan, version in connection.execute(query)]
    if not old:
        return []
    run = (
        select(runs.dialplan_id, runs.version)
        .distinct()
        .where(runs.dialplan_id.in_({plan for plan, _ in old}))
    )
    used = {(plan, version) for plan, version in connection.execute(run)} | _imported_versions(connection)
    return [version for version in old if version not in used]


def _imported_versions(connection: Connection) -> set[tuple[int, int]]:
    """Return the versions of dialplans that others had imported when their runs began, which their journals name."""
    runs, entries = tables.executions.c, tables.journal.c
    which = or_(
        runs.journal.contains('"plans":'),
        exists().where(
            entries.execution_id == runs.id, entries.sequence == 0, entries.arguments.contains('"plans":')
        ),
    )
    journals = read_journals(connection, which).values()
    return {(number, version) for journal in journals for _, number, version in pins_in(journal)}


def _drop_versions(connection: Connection, some: list[tuple[int, int]]) -> int:
    """Delete versions unless they have become live since they were looked for."""
    plans, versions = tables.dialplans.c, tables.dialplan_versions.c
    # A rollback waits until this is done, or this waits for the rollback and sees what is live then.
    lock = (
        select(plans.id, plans.live_version).where(plans.id.in_({plan for plan, _ in some})).with_for_update()
    )
    live = {(plan, version) for plan, version in connection.execute(lock)}
    going = [version for version in some if version not in live]
    if going:
        chosen = tuple_(versions.dialplan_id, versions.version).in_(going)
        connection.execute(delete(tables.dialplan_versions).where(chosen))
    return len(going)

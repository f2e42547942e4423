"""What the calls of one account have left: their rows while they last, their CDRs, their runs and journals."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select

from sipwright.store.database import Database
from sipwright.store.history.journals import read_journals
from sipwright.store.schema import tables
from sipwright.store.schema.rows import JournalRow

__all__ = ["Effect", "Trace", "effect", "read_trace", "remove_traces"]


@dataclass(frozen=True, slots=True)
class Effect:
    """One entry of a journal: what a script did, with what, and what came of it."""

    at: float
    function: str
    arguments: Any
    result: Any


@dataclass(frozen=True, slots=True)
class Trace:
    """What the database knows of an account's calls: how many go on, a CDR per leg, what the scripts did."""

    calls: int
    cdrs: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    journal: list[Effect]


async def read_trace(database: Database, account_id: int) -> Trace:
    """Return everything about the calls that ran on behalf of an account, in the order in which it happened."""
    calls, cdrs, runs = tables.calls.c, tables.cdrs.c, tables.executions.c

    def work(connection: Connection) -> Trace:
        going_on = select(func.count()).select_from(tables.calls).where(calls.account_id == account_id)
        legs = select(*cdrs).where(cdrs.account_id == account_id).order_by(cdrs.started_at, cdrs.leg)
        scripts = (
            select(runs.id, runs.state, runs.version, runs.outcome, runs.started_at, runs.ended_at)
            .where(runs.account_id == account_id)
            .order_by(runs.started_at, runs.id)
        )
        found = [dict(row) for row in connection.execute(scripts).mappings()]
        journals = read_journals(connection, runs.account_id == account_id)
        return Trace(
            connection.scalar(going_on) or 0,
            [dict(row) for row in connection.execute(legs).mappings()],
            found,
            [effect(entry) for run in found for entry in journals.get(run["id"], [])],
        )

    return await database.read(work)


async def remove_traces(database: Database, account_ids: list[int]) -> None:
    """Forget the calls of accounts that were made for a test."""

    def work(connection: Connection) -> None:
        runs = select(tables.executions.c.id).where(tables.executions.c.account_id.in_(account_ids))
        connection.execute(delete(tables.journal).where(tables.journal.c.execution_id.in_(runs)))
        for table in (tables.executions, tables.cdrs, tables.calls):
            connection.execute(delete(table).where(table.c.account_id.in_(account_ids)))

    await database.write(work)


def effect(entry: JournalRow) -> Effect:
    """Return what an entry says."""
    result = None if entry.result is None else json.loads(entry.result)
    return Effect(entry.at, entry.function, json.loads(entry.arguments), result)

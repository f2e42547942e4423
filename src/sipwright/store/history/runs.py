"""What a node reads to go on with dialplan runs: their journals, and the versions that they run."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import Connection, select

from sipwright.services.linking import pinned
from sipwright.store.database import Database
from sipwright.store.history import journals
from sipwright.store.history.plan_modules import Pins, read_pinned
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Dialplan
from sipwright.store.schema.rows import JournalRow, unfinished_executions

__all__ = ["pins_in", "read_journals", "read_plan"]


async def read_journals(database: Database, node: str) -> dict[str, list[JournalRow]]:
    """Return the journals of the runs of a node that are not over, by execution, in order."""
    which = unfinished_executions(node)
    return await database.read(lambda connection: journals.read_journals(connection, which))


async def read_plan(
    database: Database, dialplan_id: int | None, version: int | None, pins: Pins = ()
) -> Dialplan | None:
    """Return one version of a dialplan, which need not be live, with those that it imported; None when it is gone."""
    plans, versions = tables.dialplans.c, tables.dialplan_versions.c
    query = (
        select(plans.id, plans.user_id, plans.name, versions.version, versions.source)
        .join_from(tables.dialplans, tables.dialplan_versions, plans.id == versions.dialplan_id)
        .where(plans.id == dialplan_id, versions.version == version)
    )

    def work(connection: Connection) -> Dialplan | None:
        row = connection.execute(query).first()
        return None if row is None else Dialplan(*row, read_pinned(connection, pins))

    return await database.read(work)


def pins_in(journal: Iterable[JournalRow]) -> Pins:
    """Return which versions of other dialplans a run began with."""
    started = next((entry for entry in journal if entry.function == "start"), None)
    return () if started is None else pinned(json.loads(started.arguments))

"""What a node reads to go on with dialplan runs: their journals, and the versions that they run."""

from __future__ import annotations

from sqlalchemy import select

from sipwright.store.database import Database
from sipwright.store.history import journals
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Dialplan
from sipwright.store.schema.rows import JournalRow, unfinished_executions

__all__ = ["read_journals", "read_plan"]


async def read_journals(database: Database, node: str) -> dict[str, list[JournalRow]]:
    """Return the journals of the runs of a node that are not over, by execution, in order."""
    which = unfinished_executions(node)
    return await database.read(lambda connection: journals.read_journals(connection, which))


async def read_plan(database: Database, dialplan_id: int | None, version: int | None) -> Dialplan | None:
    """Return one version of a dialplan, which need not be the live one; None when it is gone."""
    plans, versions = tables.dialplans.c, tables.dialplan_versions.c
    query = (
        select(plans.id, plans.user_id, plans.name, versions.version, versions.source)
        .join_from(tables.dialplans, tables.dialplan_versions, plans.id == versions.dialplan_id)
        .where(plans.id == dialplan_id, versions.version == version)
    )
    row = await database.read(lambda connection: connection.execute(query).first())
    return None if row is None else Dialplan(*row)

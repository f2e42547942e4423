"""The journal of a run in its row; those of runs that are over stay in the table."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_executions = sa.table("executions", sa.column("id"), sa.column("state"), sa.column("journal"))
_journal = sa.table(
    "journal",
    *map(sa.column, ("execution_id", "sequence", "at", "function", "arguments", "result")),
)


def upgrade() -> None:
    """Add the column, and move the journals of the runs that go on."""
    op.add_column("executions", sa.Column("journal", sa.Text()))
    connection = op.get_bind()
    goes_on = sa.select(_executions.c.id).where(_executions.c.state.in_(("running", "waiting")))
    column = _journal.c
    query = sa.select(
        column.execution_id, column.sequence, column.at, column.function, column.arguments, column.result
    )
    journals: dict[str, list[Any]] = {}
    for run, sequence, at, function, arguments, result in connection.execute(
        query.where(column.execution_id.in_(goes_on)).order_by(column.sequence)
    ):
        entry = [
            sequence,
            at,
            function,
            json.loads(arguments),
            None if result is None else json.loads(result),
        ]
        journals.setdefault(run, []).append(entry)
    for run, entries in journals.items():
        connection.execute(
            sa.update(_executions).where(_executions.c.id == run).values(journal=json.dumps(entries))
        )
        connection.execute(sa.delete(_journal).where(column.execution_id == run))

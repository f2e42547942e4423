"""The journals of runs: in the row of the run as long as they are short, else all but the end in a table.

How they stand there is in `services/journal_text.py`; a run writes them (`services/dialplan/execution/journal.py`).
"""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import ColumnElement, Connection, select, update

from sipwright.services.journal_text import dump, named_entries, read_entries, write_entries
from sipwright.services.rows import JournalRow
from sipwright.store.schema import tables
from sipwright.store.schema.rows import restored

__all__ = ["pending_result", "read_journals", "set_result"]

log = structlog.get_logger(__name__)


def read_journals(connection: Connection, which: ColumnElement[bool]) -> dict[str, list[JournalRow]]:
    """Return the journals of some runs, by execution, in order; `which` speaks of the table `executions`.

    One that a newer version has written is not among them.
    """
    runs, columns = tables.executions.c, [tables.journal.c[name] for name in JournalRow._fields]
    entries: dict[str, dict[int, JournalRow]] = {}
    for run, text in connection.execute(select(runs.id, runs.journal).where(which)):
        try:
            entries[run] = {entry.sequence: entry for entry in read_entries(run, text)}
        except (ValueError, TypeError, LookupError) as error:
            log.error(
                "the journal of a run cannot be read; it stays as it is", execution=run, error=str(error)
            )
    moved = select(*columns).where(tables.journal.c.execution_id.in_(select(runs.id).where(which)))
    for row in connection.execute(moved):
        entry = JournalRow(*restored(tuple(row)))
        if entry.execution_id in entries:
            entries[entry.execution_id][entry.sequence] = entry
    return {run: [found[number] for number in sorted(found)] for run, found in entries.items()}


def pending_result(connection: Connection, execution_id: str, sequence: int) -> Any:
    """Return the result of an entry that waits for it in its run's row, None when there is none yet.

    The row is locked until the transaction is over.
    """
    entries = named_entries(_locked(connection, execution_id))
    return next((entry["result"] for entry in entries if entry["sequence"] == sequence), None)


def set_result(connection: Connection, execution_id: str, sequence: int, result: Any) -> None:
    """Write down the result of an entry in its run's row."""
    entries = named_entries(_locked(connection, execution_id))
    for entry in entries:
        if entry["sequence"] == sequence:
            entry["result"] = result
    text, runs = write_entries(map(dump, entries)), tables.executions
    connection.execute(update(runs).where(runs.c.id == execution_id).values(journal=text))


def _locked(connection: Connection, execution_id: str) -> str | None:
    runs = tables.executions.c
    query = select(runs.journal).where(runs.id == execution_id).with_for_update()
    return connection.scalar(query)

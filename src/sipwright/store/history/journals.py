"""The journals of runs: in the row of the run as long as they are short, else all but the end in a table.

In the row it is JSON, ``[[sequence, at, function, arguments, result or null], ...]``; see ``journal.py`` of the
dialplan service, which writes it.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from sipwright.store.schema import tables
from sipwright.store.schema.rows import JournalRow, restored

__all__ = ["pending_result", "read_journals", "set_result"]


def read_journals(connection: Connection, which: ColumnElement[bool]) -> dict[str, list[JournalRow]]:
    """Return the journals of some runs, by execution, in order; `which` speaks of the table `executions`."""
    runs, columns = tables.executions.c, [tables.journal.c[name] for name in JournalRow._fields]
    entries: dict[str, dict[int, JournalRow]] = {}
    for run, text in connection.execute(select(runs.id, runs.journal).where(which)):
        entries[run] = {entry.sequence: entry for entry in _read(run, text)}
    moved = select(*columns).where(tables.journal.c.execution_id.in_(select(runs.id).where(which)))
    for row in connection.execute(moved):
        entry = JournalRow(*restored(tuple(row)))
        entries[entry.execution_id][entry.sequence] = entry
    return {run: [found[number] for number in sorted(found)] for run, found in entries.items()}


def pending_result(connection: Connection, execution_id: str, sequence: int) -> Any:
    """Return the result of an entry that waits for it in its run's row, None when there is none yet.

    The row is locked until the transaction is over.
    """
    return next((entry[4] for entry in _locked(connection, execution_id) if entry[0] == sequence), None)


def set_result(connection: Connection, execution_id: str, sequence: int, result: Any) -> None:
    """Write down the result of an entry in its run's row."""
    entries = [
        [*entry[:4], result] if entry[0] == sequence else entry for entry in _locked(connection, execution_id)
    ]
    runs = tables.executions
    connection.execute(update(runs).where(runs.c.id == execution_id).values(journal=json.dumps(entries)))


def _read(execution_id: str, text: str | None) -> list[JournalRow]:
    return [
        JournalRow(execution_id, sequence, at, function, json.dumps(arguments), _dump(result))
        for sequence, at, function, arguments, result in json.loads(text or "[]")
    ]


def _dump(result: Any) -> str | None:
    return None if result is None else json.dumps(result)


def _locked(connection: Connection, execution_id: str) -> list[list[Any]]:
    runs = tables.executions.c
    query = select(runs.journal).where(runs.id == execution_id).with_for_update()
    return json.loads(connection.scalar(query) or "[]")  # type: ignore[no-any-return]

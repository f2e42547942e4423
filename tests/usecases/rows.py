"""Rows that a running switch would have written."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import insert

from sipwright.services.rows import CallRow, CdrRow, ExecutionRow
from sipwright.store.schema import tables
from sipwright.usecases import UseCases


async def put(usecases: UseCases, table: Any, *rows: dict[str, Any]) -> None:
    await usecases.ground.change_quietly(lambda c: c.execute(insert(table), list(rows)))


def cdr(
    call_id: str, leg: int = 0, user_id: int | None = 2, at: float = 1_000.0, **others: Any
) -> dict[str, Any]:
    """A leg that nobody has answered, unless `others` say something else."""
    row = CdrRow(
        call_id, leg, "out", None, user_id, "sip:alice@example.org", "sip:300@example.org", None, None, None, at, None,
        None, at + 5, 486, "Busy Here", "callee", None, None,
    )  # fmt: skip
    return row._asdict() | others


TARGET = {"target": "300@blueface", "uri": "sip:300@x", "to": "", "provider": [1, "blueface"]}


def call(call_id: str, user_id: int | None = 2, at: float = 1_000.0, **others: Any) -> dict[str, Any]:
    """A call that rings a phone."""
    leg = {"state": "ringing", "call_id": f"{call_id}@here", "tag": "t", "source": "", "started_at": at}
    document = {
        "format": 4, "kind": "call", "state": "setting up", "direction": "out", "account_id": None,
        "user_id": user_id, "domain": "example.org", "started_at": at, "from_text": "alice", "to_text": "300",
        "dialled_user": "300", "timers": {}, "caller": leg,
        "legs": [{**leg, "destination": TARGET}],
    }  # fmt: skip
    row = CallRow(
        call_id,
        "node1",
        user_id,
        None,
        "out",
        "setting up",
        "alice",
        "300",
        at,
        None,
        json.dumps(document).encode(),
    )
    return row._asdict() | others


def run(run_id: str, call_id: str, plan: int, at: float = 1_000.0, **others: Any) -> dict[str, Any]:
    """A run that is over."""
    row = ExecutionRow(run_id, call_id, plan, 1, None, 2, "done", None, at, at + 1, "it ended", None, "[]")
    return row._asdict() | others


CDRS, CALLS, RUNS, BINDINGS = tables.cdrs, tables.calls, tables.executions, tables.bindings

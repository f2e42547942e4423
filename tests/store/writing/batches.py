"""What the tests of writing are made of: rows, batches, and looks at what has become of them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from sipwright.store import BindingRow, CallRow, CdrRow, ExecutionRow, Store
from sipwright.store.schema import tables
from sipwright.store.schema.rows import restored
from sipwright.store.writing.log import segments_in


def binding(
    account_id: int, contact: str = "<sip:alice@192.0.2.1>", cseq: int = 1, **changes: Any
) -> BindingRow:
    row = BindingRow(
        account_id,
        contact,
        1.0,
        "udp/0.0.0.0:5060/192.0.2.1:5060",
        None,
        "call",
        cseq,
        2e9,
        "UA",
        None,
        None,
        1e9,
    )
    return row._replace(**changes)


async def bindings_of(store: Store) -> list[BindingRow]:
    """The rows of all bindings."""
    columns = [tables.bindings.c[name] for name in BindingRow._fields]
    found = await store.database.read(lambda connection: connection.execute(select(*columns)).all())
    return [BindingRow(*restored(tuple(row))) for row in found]


def call(name: str, document: bytes = b"{}", node: str = "node1") -> CallRow:
    return CallRow(name, node, 1, 1, "out", "talking", "alice", "bob", 1e9, None, document)


def execution(name: str) -> ExecutionRow:
    return ExecutionRow(name, None, 1, 1, 1, 1, "waiting", None, 1e9, None, None, "node1", "[]")


def calls(**documents: bytes | None) -> dict[str, dict[Any, Any]]:
    """A batch."""
    return {
        "call": {
            name: None if document is None else call(name, document) for name, document in documents.items()
        }
    }


def cdr(call_id: str, leg: int, status: int | None = None) -> CdrRow:
    return CdrRow(
        call_id, leg, "out", None, None, "sip:a@x", "sip:b@x", "b@local", "main", 1,
        1e9, None, None, None, status, None, None, None, None,
    )  # fmt: skip


def stored(database: Path) -> dict[str, bytes]:
    """What the table of calls has."""
    connection = sqlite3.connect(database)
    found = dict(connection.execute("SELECT id, document FROM calls ORDER BY id"))
    connection.close()
    return found


def segment(directory: Path) -> Path:
    """The only segment."""
    (path,) = segments_in(directory)
    return path


async def iteration() -> None:
    """Let the loop run what is due."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Run the loop until something holds that no event announces."""
    deadline = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0)

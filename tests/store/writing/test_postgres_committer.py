"""Commits on PostgreSQL, through outages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from sipwright.store import Store, Writer
from store.writing.batches import call


@pytest.mark.peer("postgresql")
async def test_a_lost_postgres_connection_is_replaced(postgres_url: str, key_file: Path):
    store = await Store.open(postgres_url, key_file)
    store.writer.put("call", "a", call("a"))
    await store.writer.drain()
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    await store.database.write(lambda c: c.execute(text(kill + " AND datname = current_database()")))
    with capture_logs() as logs:
        store.writer.put("call", "b", call("b"))
        await store.writer.drain()

    assert [row.id for row in await store.load_calls("node1")] == ["a", "b"]
    assert [entry["event"] for entry in logs] == [
        "database outage began; writes wait",
        "database outage over",
    ]
    await store.close()


@pytest.mark.peer("postgresql")
async def test_a_postgres_committer_stops_in_the_middle_of_an_outage():
    from sipwright.store.writing.postgres_committer import PostgresCommitter

    async def refuse() -> Any:
        raise ConnectionRefusedError("nobody there")

    writer = Writer(PostgresCommitter(refuse))
    writer.put("call", "a", call("a"))
    await writer.close(patience=0.0)

    assert writer.snapshot().under_way == 1

"""Commits on PostgreSQL, through outages."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from sipwright.services.leases import Ask, Fence
from sipwright.store import Store, Writer
from sipwright.store.live.leases import Leases, seize
from sipwright.store.writing.postgres_committer import PostgresCommitter
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
    async def refuse() -> Any:
        raise ConnectionRefusedError("nobody there")

    writer = Writer(PostgresCommitter(refuse))
    writer.put("call", "a", call("a"))
    await writer.close(patience=0.0)

    assert writer.snapshot().under_way == 1


async def fenced_store(url: str, key_file: Path, told: list[str]) -> Store:
    """A store whose writes name the first fence of a lease."""
    store = await Store.open(url, key_file)
    await Leases(store.database).execute(Ask("node:it's", "a", 60.0, is_new=True))
    store.fence(Fence("node:it's", 1), lambda: told.append("fenced"))
    return store


@pytest.mark.peer("postgresql")
async def test_what_is_committed_names_its_fence(postgres_url: str, key_file: Path):
    told: list[str] = []
    store = await fenced_store(postgres_url, key_file, told)
    store.writer.put("call", "a", call("a"))
    await store.writer.drain()
    store.writer.put("call", "b", call("b"))
    store.writer.put("call", "a", None)
    await store.writer.drain()

    assert [row.id for row in await store.load_calls("node1")] == ["b"]
    assert told == []
    await store.close()


@pytest.mark.peer("postgresql")
async def test_nothing_is_committed_under_a_fence_that_somebody_else_has_raised(
    postgres_url: str, key_file: Path
):
    told: list[str] = []
    fenced = asyncio.Event()
    store = await fenced_store(postgres_url, key_file, told)
    store.fence(Fence("node:it's", 1), fenced.set)
    await store.database.write(lambda c: seize(c, "node:it's", "b"))
    store.writer.put("call", "a", call("a"), on_commit=lambda: told.append("committed"))
    await fenced.wait()
    store.writer.put("call", "b", call("b"), on_commit=lambda: told.append("committed"))

    assert await store.load_calls("node1") == []
    await store.abandon()
    assert told == []


@pytest.mark.peer("postgresql")
async def test_whoever_takes_a_lease_waits_for_the_commit_that_is_under_way(
    postgres_url: str, key_file: Path
):
    """What the one before has told somebody is there when its rows are read."""
    store = await Store.open(postgres_url, key_file)
    await Leases(store.database).execute(Ask("node:a", "a", 60.0, is_new=True))
    connection = await store.database.connect()
    committer = PostgresCommitter(store.database.connect)
    committer.fence(Fence("node:a", 1), lambda: None)
    await connection.execute(committer._begin_fenced)
    taking = asyncio.create_task(store.database.write(lambda c: seize(c, "node:a", "b")))
    _, pending = await asyncio.wait([taking], timeout=0.2)
    await connection.execute("COMMIT")

    assert pending == {taking}
    assert await taking == 2
    await connection.close()
    await store.close()


@pytest.mark.peer("postgresql")
async def test_nobody_waits_for_the_commit_of_a_process_that_was_stopped_in_it(
    postgres_url: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sipwright.store.writing.postgres_committer.HELD_FOR", 0.2)
    store = await Store.open(postgres_url, key_file)
    await Leases(store.database).execute(Ask("node:a", "a", 60.0, is_new=True))
    connection = await store.database.connect()
    committer = PostgresCommitter(store.database.connect)
    committer.fence(Fence("node:a", 1), lambda: None)
    await connection.execute(committer._begin_fenced)

    assert await asyncio.wait_for(store.database.write(lambda c: seize(c, "node:a", "b")), 5.0) == 2
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        await connection.execute("COMMIT")
    connection.terminate()
    await store.close()

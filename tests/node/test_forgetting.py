"""What is over is deleted in its time, beside the calls."""

import asyncio

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from sipwright.config import Settings
from sipwright.node import forgetting
from sipwright.node.forgetting import DAY, forget, keep_forgetting
from sipwright.store import CdrRow, Store, StoreError
from sipwright.store.admin import bans
from sipwright.store.schema import tables
from sipwright.store.schema.guard_tables import bans as ban_table
from store.conftest import key_file  # noqa: F401

NOW = 1_000 * DAY


@pytest.fixture
async def store(sqlite_url, key_file):  # noqa: F811
    opened = await Store.open(sqlite_url, key_file)
    yield opened
    await opened.close()


def put_cdr(store, call, at):
    values = dict.fromkeys(CdrRow._fields) | {"call_id": call, "leg": 0, "direction": "out"}
    store.writer.put("cdr", (call, 0), CdrRow(**(values | {"started_at": at, "ended_at": at})))


async def left(store):
    """The calls with a record, and the networks whose bans are known."""
    return await store.database.read(
        lambda c: (set(c.scalars(select(tables.cdrs.c.call_id))), set(c.scalars(select(ban_table.c.network))))
    )


async def test_what_was_kept_for_long_enough_goes_and_is_said(store):
    put_cdr(store, "old", NOW - 366 * DAY)
    put_cdr(store, "young", NOW - 364 * DAY)
    await store.writer.drain()
    for network, until in (("192.0.2.1", NOW - bans.KEPT_FOR - 1), ("192.0.2.2", NOW - 1)):
        await store.database.write(lambda c, n=network, u=until: bans.add(c, n, "a scanner", NOW, u, "guard"))
    with capture_logs() as logs:
        await forget(Settings(), store, NOW)

    assert await left(store) == ({"young"}, {"192.0.2.2"})
    assert [(line["event"], line["cdrs"]) for line in logs] == [("old records deleted", 1)]


async def test_a_database_that_does_not_work_is_asked_again(store, monkeypatch):
    monkeypatch.setattr(forgetting, "EVERY", 0)
    rounds = []

    async def fails():
        rounds.append(1)
        if len(rounds) == 3:
            raise asyncio.CancelledError
        raise StoreError("the database does not work")

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await keep_forgetting(Settings(), store, fails)

    assert [line["event"] for line in logs] == ["old records stay for now"] * 2

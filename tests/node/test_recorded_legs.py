"""Whether legs are over that only their records are left of."""

import asyncio

import pytest
from sqlalchemy import insert

from sipwright.node.recorded_legs import LATEST, RecordedLegs
from sipwright.store import Store, StoreError
from sipwright.store.schema import tables
from store.conftest import key_file  # noqa: F401

NOW = 1_763_640_000.0


@pytest.fixture
async def store(sqlite_url, key_file):  # noqa: F811
    opened = await Store.open(sqlite_url, key_file)
    yield opened
    await opened.close()


@pytest.fixture
async def records(store: Store):
    """A leg that has ended a while ago, one that ended long ago, and one that has not, as far as is known."""

    def fill(connection):
        for leg, ended_at in enumerate((NOW - LATEST, NOW - LATEST - 1.0, None), 1):
            row = {"call_id": "c", "leg": leg, "direction": "in", "started_at": 1.0, "ended_at": ended_at}
            connection.execute(insert(tables.cdrs).values(row))

    await store.database.write(fill)
    legs = RecordedLegs(store, lambda: NOW)
    yield legs
    legs.close()


async def asked(records, call_id, leg):
    told = asyncio.get_running_loop().create_future()
    records(call_id, leg, told.set_result)
    return await told


@pytest.mark.parametrize(
    ("call_id", "leg", "expected"),
    [("c", 1, True), ("c", 2, False), ("c", 3, False), ("c", 4, False), ("d", 1, False)],
    ids=["over", "long ago", "goes on", "no such leg", "no such call"],
)
async def test_a_leg_is_over_if_its_record_says_so(records, call_id, leg, expected):
    assert await asked(records, call_id, leg) is expected


async def test_none_is_where_nobody_can_look(records, monkeypatch):
    async def away(work):
        raise StoreError("the database is away")

    monkeypatch.setattr(records._store.database, "read", away)

    assert await asked(records, "c", 1) is False


async def test_what_fails_then_is_logged(records):
    def fail(has_ended):
        told.set_result(has_ended)
        raise RuntimeError("oops")

    told = asyncio.get_running_loop().create_future()
    records("c", 1, fail)

    assert await told is True
    await asyncio.gather(*records._tasks)

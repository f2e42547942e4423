"""Forgetting what was recorded long ago, and nothing else."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select, update

from administering import Administering
from sipwright.store import CdrRow, ExecutionRow, JournalRow, Store, StoreError
from sipwright.store.history.retention import AT_ONCE, KEPT_VERSIONS, Forgotten, Retention, forget_records
from sipwright.store.schema import tables
from sipwright.store.schema.rows import CallRow

DAY = 86_400.0
NOW = 1000 * DAY
KEEP = Retention(365 * DAY, 30 * DAY, 365 * DAY)


def put_cdr(store: Store, call: str, began: float, ended: float | None) -> None:
    values = dict.fromkeys(CdrRow._fields) | {"call_id": call, "leg": 0, "direction": "out"}
    row = CdrRow(**(values | {"started_at": began * DAY, "ended_at": ended and ended * DAY}))
    store.writer.put("cdr", (call, 0), row)


def put_run(
    store: Store,
    name: str,
    began: float,
    ended: float | None,
    state: str = "done",
    *,
    plan: int = 1,
    version: int = 1,
) -> None:
    values = dict.fromkeys(ExecutionRow._fields) | {
        "id": name, "call_id": f"call-{name}", "dialplan_id": plan, "version": version, "state": state,
        "started_at": began * DAY, "ended_at": ended and ended * DAY,
    }  # fmt: skip
    store.writer.put("execution", name, ExecutionRow(**values))
    for sequence in range(3):
        store.writer.put("journal", (name, sequence), JournalRow(name, sequence, began, "log", "[]", None))


def put_call(store: Store, name: str) -> None:
    store.writer.put("call", name, CallRow(name, "n", 1, 1, "out", "talking", "a", "b", 1.0, 2.0, b"{}"))


async def ids(store: Store, column) -> list[str]:
    await store.writer.drain()
    return await store.database.read(lambda c: sorted(set(c.scalars(select(column)).all())))


async def test_old_records_go_and_newer_ones_stay(store: Store):
    for name, began, ended in (("old", 600, 601), ("long", 600, 999), ("new", 700, 701), ("odd", 600, None)):
        put_cdr(store, name, began, ended)
    for name, began, ended in (("old", 960, 961), ("long", 960, 990), ("new", 975, 976), ("odd", 960, None)):
        put_run(store, name, began, ended)
    await store.writer.drain()

    assert await forget_records(store.database, KEEP, NOW) == Forgotten(2, 2, 0)
    assert await ids(store, tables.cdrs.c.call_id) == ["long", "new"]
    assert await ids(store, tables.executions.c.id) == ["long", "new"]
    assert await ids(store, tables.journal.c.execution_id) == ["long", "new"]
    assert await forget_records(store.database, KEEP, NOW) == Forgotten()


async def test_what_goes_on_is_never_touched(store: Store):
    put_call(store, "talks")
    put_cdr(store, "talks", 1, 2)
    put_run(store, "waits", 1, None, "waiting")
    put_run(store, "runs", 1, None, "running")
    put_run(store, "done", 1, 2)
    put_call(store, "call-done")
    await store.writer.drain()

    assert await forget_records(store.database, KEEP, NOW) == Forgotten()
    store.writer.put("call", "call-done", None)
    store.writer.put("call", "talks", None)
    await store.writer.drain()
    assert await forget_records(store.database, KEEP, NOW) == Forgotten(1, 1, 0)
    assert await ids(store, tables.executions.c.id) == ["runs", "waits"]


async def test_zero_keeps_for_ever(store: Store):
    put_cdr(store, "old", 1, 2)
    put_run(store, "old", 1, 2)
    await store.writer.drain()

    assert await forget_records(store.database, Retention(), NOW) == Forgotten()
    assert await forget_records(store.database, Retention(executions=DAY), NOW) == Forgotten(0, 1, 0)


async def test_much_goes_a_little_at_a_time_and_the_writer_gets_its_turn(store: Store):
    for number in range(2 * AT_ONCE + 1):
        put_cdr(store, f"c{number}", 1, 2)
    await store.writer.drain()
    left = []

    async def pause(seconds: float) -> None:
        put_cdr(store, f"new{len(left)}", 999, 999.5)
        left.append(len(await ids(store, tables.cdrs.c.call_id)))

    assert (await forget_records(store.database, KEEP, NOW, pause=pause)).cdrs == 2 * AT_ONCE + 1
    assert left == [AT_ONCE + 2, 3]
    assert await ids(store, tables.cdrs.c.call_id) == ["new0", "new1"]


@pytest.fixture
async def plan(store: Store) -> int:
    """A dialplan with fifteen versions, all of them old."""
    for number in range(15):
        await store.set_dialplan(None, "out", f"respond({480 + number})\n")
    old = update(tables.dialplan_versions).values(created_at=1.0)
    await store.database.write(lambda c: c.execute(old))
    return (await Administering(store).find_dialplan("out")).id


async def versions(store: Store) -> list[int]:
    return await store.database.read(
        lambda c: sorted(c.scalars(select(tables.dialplan_versions.c.version)).all())
    )


async def test_versions_that_nobody_uses_go(store: Store, plan: int):
    await Administering(store).roll_back_dialplan(None, "out", 2)
    put_run(store, "kept", 999, 999.5, plan=plan, version=4)
    put_run(store, "gone", 1, 2, plan=plan, version=5)
    await store.writer.drain()

    assert await forget_records(store.database, KEEP, NOW) == Forgotten(0, 1, 3)
    assert await versions(store) == [2, 4, *range(6, 16)]
    assert len(range(6, 16)) == KEPT_VERSIONS
    with pytest.raises(StoreError, match="no version 3"):
        await Administering(store).roll_back_dialplan(None, "out", 3)
    assert (await Administering(store).find_dialplan("out")).version == 2


async def test_new_versions_stay_however_many_they_are(store: Store, plan: int):
    assert await forget_records(store.database, KEEP, 10 * DAY) == Forgotten()
    assert await versions(store) == list(range(1, 16))


async def test_a_rollback_beside_the_forgetting_never_loses_its_version(store: Store, plan: int):
    """Either the version is gone and the rollback says so, or it is live and there."""
    rolled, _ = await asyncio.gather(
        Administering(store).roll_back_dialplan(None, "out", 1),
        forget_records(store.database, KEEP, NOW),
        return_exceptions=True,
    )

    live = await Administering(store).find_dialplan("out")
    assert live.version == (15 if isinstance(rolled, StoreError) else 1)
    assert live.version in await versions(store)


async def test_the_oldest_runs_are_found_by_an_index(store: Store):
    names = await store.database.read(
        lambda c: [row[0] for row in c.exec_driver_sql(_INDEXES[store.database.dialect])]
    )

    assert "ix_executions_started_at" in names
    assert (
        await store.database.read(lambda c: c.scalar(select(func.count()).select_from(tables.executions)))
        == 0
    )


_INDEXES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'index'",
    "postgresql": "SELECT indexname FROM pg_indexes",
    "mariadb": "SELECT index_name FROM information_schema.statistics WHERE table_schema = database()",
}


async def test_versions_that_a_recorded_run_had_imported_stay(store: Store, plan: int):
    """Its journal names them, in the row or, when it is long, in the table."""
    started = f'{{"request":{{}},"call":{{}},"plans":{{"out":[{plan},%d]}}}}'
    entry = '{"sequence":0,"at":1.0,"function":"start","arguments":%s,"result":null}'
    values = dict.fromkeys(ExecutionRow._fields) | {
        "dialplan_id": 99,
        "state": "done",
        "started_at": 999 * DAY,
    }
    short = f'{{"format":2,"entries":[{entry % (started % 3)}]}}'
    store.writer.put("execution", "short", ExecutionRow(**(values | {"id": "short", "journal": short})))
    store.writer.put("execution", "long", ExecutionRow(**(values | {"id": "long", "journal": None})))
    store.writer.put("journal", ("long", 0), JournalRow("long", 0, 1.0, "start", started % 4, None))
    await store.writer.drain()
    await forget_records(store.database, KEEP, NOW)

    assert (await versions(store))[:3] == [3, 4, 6]

"""Journals of runs in the database, of this version and of those before and after it."""

import json

import pytest
from sqlalchemy import insert, select
from structlog.testing import capture_logs

from sipwright.store.history.journals import pending_result, read_journals, set_result
from sipwright.store.schema import tables
from sipwright.store.schema.rows import JournalRow

NAMED = json.dumps({"format": 2, "entries": [
    {"sequence": 1, "at": 2.0, "function": "dial", "arguments": {"a": 1}, "result": None},
]})  # fmt: skip
OLD = json.dumps([[1, 2.0, "dial", {"a": 1}, None]])
NEWER = json.dumps({"format": 3, "entries": []})


async def put_runs(store, **journals):
    """Store runs with these journals, each of which has its first entry in the table."""
    runs = [
        {"id": name, "state": "waiting", "started_at": 0.0, "journal": text}
        for name, text in journals.items()
    ]
    moved = [JournalRow(name, 0, 1.0, "start", "{}", None)._asdict() for name in journals]

    def work(connection):
        connection.execute(insert(tables.executions), runs)
        connection.execute(insert(tables.journal), moved)

    await store.database.write(work)


async def read(store):
    return await store.database.read(lambda c: read_journals(c, tables.executions.c.state == "waiting"))


async def test_old_ones_are_read_by_place_and_new_ones_by_name(store):
    await put_runs(store, old=OLD, named=NAMED)

    assert await read(store) == {
        name: [
            JournalRow(name, 0, 1.0, "start", "{}", None),
            JournalRow(name, 1, 2.0, "dial", '{"a":1}', None),
        ]
        for name in ("old", "named")
    }


async def test_one_that_a_newer_version_has_written_is_left_alone(store):
    await put_runs(store, newer=NEWER, named=NAMED)
    with capture_logs() as logs:
        found = await read(store)

    assert list(found) == ["named"]
    assert [(event["execution"], event["log_level"]) for event in logs] == [("newer", "error")]
    assert "start that one" in logs[0]["error"]


@pytest.mark.parametrize("text", [OLD, NAMED])
async def test_a_result_is_put_into_either(store, text):
    await put_runs(store, run=text)

    def work(connection):
        before = pending_result(connection, "run", 1)
        set_result(connection, "run", 1, {"value": 7})
        stored = connection.scalar(select(tables.executions.c.journal))
        return before, pending_result(connection, "run", 1), json.loads(stored)

    before, after, stored = await store.database.write(work)
    assert (before, after) == (None, {"value": 7})
    assert stored == {
        "format": 2,
        "entries": [
            {"sequence": 1, "at": 2.0, "function": "dial", "arguments": {"a": 1}, "result": {"value": 7}}
        ],
    }

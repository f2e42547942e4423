"""What scripts keep: changed once, whatever happens in between."""

import asyncio
import json

import pytest
from sqlalchemy import insert, select, update

from sipwright.store.errors import StoreError
from sipwright.store.history.journals import set_result
from sipwright.store.live.script_values import MAX_KEYS, ScriptValues, apply
from sipwright.store.schema import tables


@pytest.fixture
async def keep(store):
    user = await store.add_user("alice", "secret", "user")
    numbers = iter(range(10_000))
    run = {"id": "x", "state": "waiting", "started_at": 0.0, "journal": '{"format":2,"entries":[]}'}
    await store.database.write(lambda connection: connection.execute(insert(tables.executions).values(run)))

    async def keep(function, entry=None, **arguments):
        for name in ("value", "old", "new"):
            if name in arguments:
                arguments[name] = json.dumps(arguments[name])
        sequence = next(numbers) if entry is None else entry

        def work(connection):
            runs = tables.executions
            known = json.loads(connection.scalar(select(runs.c.journal).where(runs.c.id == "x")))["entries"]
            if all(one["sequence"] != sequence for one in known):
                new = {"sequence": sequence, "at": 0.0, "function": function, "arguments": {}, "result": None}
                journal = json.dumps({"format": 2, "entries": [*known, new]})
                connection.execute(update(runs).values(journal=journal))
            return apply(connection, user.id, function, arguments, ("x", sequence))

        return await store.database.write(work)

    return keep


async def test_values_are_kept_until_they_are_deleted(keep):
    assert await keep("get", key="a", default=3) == 3
    assert await keep("set", key="a", value={"b": [1, "é"]}) is None
    assert await keep("get", key="a") == {"b": [1, "é"]}
    assert await keep("delete", key="a") is True
    assert await keep("delete", key="a") is False
    assert await keep("get", key="a") is None


async def test_nothing_is_kept_for_a_caller_who_has_gone_meanwhile(keep, store):
    """How the call ended stands in the place of the value."""
    await keep("set", entry=77, key="a", value=1)
    gone = {"answered": False, "status": 487, "reason": "Request Terminated"}
    await store.database.write(lambda connection: set_result(connection, "x", 77, gone))

    assert await keep("set", entry=77, key="a", value=2) is None
    assert await keep("get", key="a") == 1


async def test_keys(keep):
    for key in ("b.2", "a_1", "b.1", "a%1"):
        await keep("set", key=key, value=1)

    assert await keep("keys", prefix="") == ["a%1", "a_1", "b.1", "b.2"]
    assert await keep("keys", prefix="b.") == ["b.1", "b.2"]
    assert await keep("keys", prefix="a_") == ["a_1"]


async def test_counting(keep):
    assert [await keep("add", key="n", amount=2), await keep("add", key="n", amount=-0.5)] == [2, 1.5]

    await keep("set", key="n", value="text")
    with pytest.raises(ValueError, match="not a number"):
        await keep("add", key="n", amount=1)


async def test_only_what_is_known_is_replaced(keep):
    assert await keep("replace", key="a", old=None, new=1) is True
    assert await keep("replace", key="a", old=None, new=2) is False
    assert await keep("replace", key="a", old=1, new=3) is True
    assert await keep("get", key="a") == 3


async def test_the_same_entry_of_a_journal_changes_something_once(keep):
    assert [await keep("add", entry=7, key="n", amount=1) for _ in range(3)] == [1, 1, 1]
    assert await keep("get", key="n") == 1


async def test_there_is_an_end_to_it(keep, store):
    with pytest.raises(ValueError, match="longer than 10000"):
        await keep("set", key="a", value="x" * 10_001)

    def fill(connection):
        user_id = connection.scalar(select(tables.users.c.id).where(tables.users.c.name == "alice"))
        rows = [
            {"user_id": user_id, "key": f"k{n}", "value": "1", "updated_at": 0.0} for n in range(MAX_KEYS)
        ]
        connection.execute(insert(tables.script_values), rows)

    await store.database.write(fill)
    with pytest.raises(ValueError, match="1000 values already"):
        await keep("set", key="one more", value=1)


async def test_what_many_ask_at_the_same_time_is_one_transaction_and_each_has_an_answer(store, monkeypatch):
    user, other = [await store.add_user(name, "secret", "user") for name in ("carol", "alice")]
    entries = [
        {"sequence": n, "at": 0.0, "function": "store.add", "arguments": {}, "result": None} for n in range(5)
    ]
    run = {
        "id": "x",
        "state": "waiting",
        "started_at": 0.0,
        "journal": json.dumps({"format": 2, "entries": entries}),
    }
    await store.database.write(lambda connection: connection.execute(insert(tables.executions).values(run)))
    writes, write = [], store.database.write

    async def count(work, **options):
        writes.append(work)
        return await write(work, **options)

    monkeypatch.setattr(store.database, "write", count)
    values = ScriptValues(store.database, spacing=0.0)
    text = {"key": "name", "value": '"Alice"'}
    found = await asyncio.gather(
        values.use(user.id, "add", {"key": "n", "amount": 2}, ("x", 0)),
        values.use(user.id, "set", text, ("x", 1)),
        values.use(other.id, "add", {"key": "n", "amount": 5}, ("x", 2)),
        values.use(user.id, "add", {"key": "name", "amount": 1}, ("x", 3)),
        values.use(user.id, "add", {"key": "n", "amount": 2}, ("x", 4)),
        return_exceptions=True,
    )
    values.close()

    assert [found[place] for place in (0, 1, 2, 4)] == [2, None, 5, 4]
    assert "'name' is not a number" in str(found[3])
    assert len(writes) == 1
    stored = await store.database.read(
        lambda connection: connection.scalar(
            select(tables.executions.c.journal).where(tables.executions.c.id == "x")
        )
    )
    assert [entry["result"] for entry in json.loads(stored)["entries"]] == [
        {"value": 2}, {"value": None}, {"value": 5}, None, {"value": 4},
    ]  # fmt: skip


async def test_those_who_ask_a_database_that_is_away_hear_so(store, monkeypatch):
    async def fail(work):
        raise StoreError("away")

    monkeypatch.setattr(store.database, "write", fail)
    values = ScriptValues(store.database, spacing=0.0)

    with pytest.raises(StoreError, match="away"):
        await values.use(1, "keys", {"prefix": ""}, ("x", 0))
    values.close()

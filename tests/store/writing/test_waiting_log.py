"""What is committed while a server is away waits on the disk, and is there when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gate import Gate
from sipwright.services.leases import Ask, Fence
from sipwright.sip.errors import Reject
from sipwright.store import Store
from sipwright.store.database import server
from sipwright.store.errors import DatabaseAwayError
from sipwright.store.live import left_rows
from sipwright.store.live.leases import Leases, seize
from sipwright.store.writing import server_committer, waiting_log
from sipwright.store.writing.waiting_log import WaitingLog, latest_rows, left_in
from store.writing.batches import binding, call, calls, cdr, until

LEASE = "node:north"


@pytest.fixture
def gate(server_url: str) -> Iterator[Gate]:
    """A way to each server in turn that can be cut."""
    made = Gate(server_url)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a server that is away is brought there at once when it is back."""
    monkeypatch.setattr(server_committer, "_BACKOFF", (0.02,))
    monkeypatch.setattr(server_committer, "_TIMEOUT", 2.0)
    monkeypatch.setattr(server_committer, "_LAST", 0.1)
    monkeypatch.setattr(server, "CLOSE_WITHIN", 0.1)


async def opened(gate: Gate, key_file: Path, tmp_path: Path, fence: int = 1) -> Store:
    """The store of a node that has its lease."""
    store = await Store.open(gate.url, key_file, waiting=tmp_path / "waiting")
    if fence == 1:
        await Leases(store.database).execute(Ask(LEASE, "a", 60.0, is_new=True))
    store.fence(Fence(LEASE, fence), lambda: None)
    return store


async def committed(store: Store, kind: str, key: Any, row: Any) -> None:
    """Put a row, and wait until it counts as committed."""
    done = asyncio.Event()
    store.writer.put(kind, key, row, done.set)
    async with asyncio.timeout(60):
        await done.wait()


async def test_a_log_gives_back_the_last_that_was_said_of_each_row(tmp_path: Path):
    log = WaitingLog(tmp_path, 7)
    log.append(calls(a=b"1", b=b"2"))
    log.append(calls(a=b"3", b=None))
    segment = log.oldest()
    log.append(calls(c=b"4"))

    assert latest_rows(segment.path) == {"call": {"a": call("a", b"3"), "b": None}}
    log.remove(segment)
    log.close()
    (left,) = left_in(tmp_path)
    (path,) = left.segments()
    assert (left.fence, latest_rows(path)) == (7, {"call": {"c": call("c", b"4")}})
    left.remove(path)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("how", ["cut", "hang"])
async def test_what_is_committed_while_the_server_is_away_is_there_when_it_is_back(
    gate: Gate, key_file: Path, tmp_path: Path, how: str
):
    store = await opened(gate, key_file, tmp_path)
    await committed(store, "call", "a", call("a", b"old"))
    getattr(gate, how)()
    with capture_logs() as logs:
        for number in range(30):
            await committed(store, "call", f"c{number:02}", call(f"c{number:02}"))
        await committed(store, "call", "a", call("a", b"new"))
        await committed(store, "call", "c00", None)
        store.writer.look()
        was_away, was_behind = store.writer.is_away, store.behind_since is not None
        gate.open()
        found = await store.load_calls("node1")

    assert (was_away, was_behind) == (False, True)
    assert sorted(row.id for row in found) == ["a", *(f"c{number:02}" for number in range(1, 30))]
    assert {row.document for row in found if row.id == "a"} == {b"new"}
    assert [entry["event"] for entry in logs] == [
        "the database is away; what is committed waits on the disk",
        "the database has all that waited",
    ]
    assert (store.behind_since, store.waiting_bytes, left_in(tmp_path / "waiting")) == (None, 0, [])
    await store.close()


async def test_it_is_taken_up_by_the_next_boot_when_the_process_was_killed_meanwhile(
    gate: Gate, key_file: Path, tmp_path: Path
):
    store = await opened(gate, key_file, tmp_path)
    gate.cut()
    await committed(store, "call", "a", call("a"))
    await committed(store, "cdr", ("a", 0), cdr("a", 0, 200))
    await kill(store)
    with pytest.raises(DatabaseAwayError):
        await Store.open(gate.url, key_file)
    gate.open()
    store = await opened(gate, key_file, tmp_path, 2)
    await store.database.write(lambda c: seize(c, LEASE, "a"))

    assert await store.take_up_left(Fence(LEASE, 2), "node1") == 2
    assert [row.id for row in await store.load_calls("node1")] == ["a"]
    assert await store.take_up_left(Fence(LEASE, 2), "node1") == 0
    await store.close()


async def kill(store: Store) -> None:
    """End without a word, as a process that is killed; its locks go with it."""
    for task in (store._committer._task, store._committer._following):
        if task is not None:
            task.cancel()
    store._committer._log._log.close()
    store._committer._log = None
    await store.writer.abandon()
    await store.database.close()


async def test_what_another_node_has_gone_on_with_stays_as_it_is(gate: Gate, key_file: Path, tmp_path: Path):
    """The way to the database was lost to one node alone, and another one has taken over from it."""
    store = await opened(gate, key_file, tmp_path)
    for name in ("on", "over"):
        await committed(store, "call", name, call(name))
        await committed(store, "cdr", (name, 0), cdr(name, 0))
    await committed(store, "binding", (1, "x"), binding(1, "x", cseq=5, updated_at=50.0))
    await store.caught_up()
    gate.hang()
    for name in ("on", "over", "new"):
        await committed(store, "call", name, call(name, b"of the one that was cut off"))
    await committed(store, "cdr", ("new", 0), cdr("new", 0, 200))
    await committed(store, "binding", (1, "x"), binding(1, "x", cseq=4, updated_at=40.0))
    await committed(store, "binding", (1, "y"), binding(1, "y", updated_at=60.0))
    await kill(store)
    gate.open()

    store = await opened(gate, key_file, tmp_path, 3)
    for _ in range(2):  # by the other node, and then by this one as it starts
        await store.database.write(lambda c: seize(c, LEASE, "a"))
    await committed(store, "call", "on", call("on", b"at the other", node="south"))
    await committed(store, "call", "over", None)
    await store.take_up_left(Fence(LEASE, 3), "node1")

    found = {row.id: (row.node, row.document) for row in await store.load_calls("node1")}
    assert found == {"new": ("node1", b"of the one that was cut off")}
    assert [row.document for row in await store.load_calls("south")] == [b"at the other"]
    bindings = await store.database.read(stored_bindings)
    assert bindings == [("x", 5), ("y", 1)]
    await store.close()


async def test_what_another_node_writes_at_the_same_moment_keeps_nobody_from_starting(
    gate: Gate, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It goes on with the calls of this one, whose records it writes."""
    store = await opened(gate, key_file, tmp_path)
    gate.hang()
    for leg in (0, 1, 2):
        await committed(store, "cdr", ("a", leg), cdr("a", leg, 200))
    await kill(store)
    gate.open()

    store = await opened(gate, key_file, tmp_path, 3)
    for _ in range(2):
        await store.database.write(lambda c: seize(c, LEASE, "a"))
    await committed(store, "cdr", ("a", 1), cdr("a", 1, 486))
    await store.caught_up()
    monkeypatch.setattr(left_rows, "_there", lambda *_: {})  # it looks before the other one has written
    with capture_logs() as logs:
        await store.take_up_left(Fence(LEASE, 3), "node1")

    assert await store.database.read(stored_records) == [(0, 200), (1, 486), (2, 200)]
    assert [(entry["kind"], entry["key"]) for entry in logs if "left out" in entry["event"]] == [
        ("cdr", ("a", 1))
    ]
    await store.close()


def stored_records(connection: Any) -> list[tuple[int, int]]:
    from sqlalchemy import select

    from sipwright.store.schema.tables import cdrs

    return [tuple(row) for row in connection.execute(select(cdrs.c.leg, cdrs.c.status).order_by("leg"))]


def stored_bindings(connection: Any) -> list[tuple[str, int]]:
    from sqlalchemy import select

    from sipwright.store.schema.tables import bindings

    return [
        tuple(row)
        for row in connection.execute(select(bindings.c.contact, bindings.c.cseq).order_by("contact"))
    ]


async def test_when_too_much_waits_new_work_is_refused_until_there_is_room(
    gate: Gate, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(waiting_log, "LIMIT", 3_000)
    store = await opened(gate, key_file, tmp_path)
    store.writer._capacity = 3
    gate.cut()
    await committed(store, "call", "a", call("a", bytes(3_000)))
    store.writer.put("call", "b", call("b"))
    await until(lambda: store.writer.look())
    for number in range(3):
        store.writer.put("call", f"c{number}", call(f"c{number}"))
    with pytest.raises(Reject) as refused:
        store.writer.put("call", "c3", call("c3"))
    gate.open()
    await store.writer.drain()

    assert refused.value.status == 503
    assert {"a", "b", "c0"} <= {row.id for row in await store.load_calls("node1")}
    assert store.writer.look() is False
    await store.close()


async def test_a_node_that_was_taken_over_meanwhile_commits_nothing_of_it(
    gate: Gate, server_url: str, key_file: Path, tmp_path: Path
):
    fenced = asyncio.Event()
    store = await opened(gate, key_file, tmp_path)
    store.fence(Fence(LEASE, 1), fenced.set)
    gate.cut()
    await committed(store, "call", "a", call("a"))
    other = await Store.open(server_url, key_file)
    await other.database.write(lambda c: seize(c, LEASE, "b"))
    gate.open()
    async with asyncio.timeout(60):
        await fenced.wait()

    assert await other.load_calls("node1") == []
    assert [left.fence for left in left_in(tmp_path / "waiting")] == []  # this process has them still
    await store.abandon()
    assert [left.fence for left in left_in(tmp_path / "waiting")] == [1]
    await other.close()

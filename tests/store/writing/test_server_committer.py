"""Commits on databases on servers, through outages and conflicts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import Connection, text
from sqlalchemy.util import await_
from structlog.testing import capture_logs

from sipwright.services.leases import Ask, Fence
from sipwright.store import Store, Writer
from sipwright.store.dialects import Trouble
from sipwright.store.errors import FencedError
from sipwright.store.live.leases import Leases, seize
from sipwright.store.writing.mariadb_committer import MariadbSession
from sipwright.store.writing.postgres_committer import PostgresSession
from sipwright.store.writing.server_committer import ServerCommitter
from sipwright.store.writing.session import Rows, Session
from sipwright.store.writing.writer import Batch
from store.writing.batches import call, execution

KILL = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " AND datname = current_database()",
    "mariadb": "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND db = database()",
}


def kill_others(connection: Connection) -> None:
    """End all other connections to the database."""
    found = connection.execute(text(KILL[connection.dialect.name])).all()
    if connection.dialect.name == "mariadb":
        for (number,) in found:
            connection.execute(text(f"KILL CONNECTION {number}"))


async def test_a_lost_connection_is_replaced(server_url: str, key_file: Path):
    store = await Store.open(server_url, key_file)
    store.writer.put("call", "a", call("a"))
    await store.writer.drain()
    await store.database.write(kill_others)
    with capture_logs() as logs:
        store.writer.put("call", "b", call("b"))
        await store.writer.drain()

    assert [row.id for row in await store.load_calls("node1")] == ["a", "b"]
    assert [entry["event"] for entry in logs] == [
        "database outage began; writes wait",
        "database outage over",
    ]
    await store.close()


async def test_a_committer_stops_in_the_middle_of_an_outage():
    async def refuse() -> Any:
        raise ConnectionRefusedError("nobody there")

    writer = Writer(ServerCommitter(PostgresSession(refuse)))
    writer.put("call", "a", call("a"))
    await writer.close(patience=0.0)

    assert writer.snapshot().under_way == 1


async def test_a_batch_that_is_in_the_way_of_another_transaction_is_repeated_as_a_whole(store: Store):
    """Two sessions each hold what the other one wants; whichever is taken back, both are there in the end."""
    if not store.is_shared:
        pytest.skip("a file has one writer")
    store.writer.put("call", "a", call("a"))
    store.writer.put("execution", "z", execution("z"))
    await store.writer.drain()
    have_both = asyncio.Event()

    async def other() -> None:
        """Lock in the order that a batch does not have."""

        def first(connection: Connection) -> None:
            connection.execute(text("UPDATE executions SET state = 'other' WHERE id = 'z'"))
            await_(have_both.wait())
            connection.execute(text("UPDATE calls SET state = 'other' WHERE id = 'a'"))

        await store.database.write(first)

    task = asyncio.create_task(other())
    await asyncio.sleep(0.05)
    with capture_logs() as logs:
        store.writer.put("call", "a", call("a", b"new"))
        store.writer.put("execution", "z", execution("z"))
        await asyncio.sleep(0.1)
        have_both.set()
        await asyncio.gather(store.writer.drain(), task)

    (row,) = await store.load_calls("node1")
    assert row.document == b"new"
    assert logs == []


async def test_a_row_that_no_database_takes_costs_no_other_row(store: Store):
    store.writer.put("call", "a", call("a"))
    store.writer.put("call", "b", call("b")._replace(direction=None))  # type: ignore[arg-type]
    store.writer.put("call", "c", call("c")._replace(from_text="half a \udc80 character"))
    with capture_logs():
        await store.writer.drain()
        rows = await store.load_calls("node1")

    assert [row.id for row in rows] == ["a", "c"]
    assert rows[1].from_text == "half a \udc80 character"


async def test_more_than_one_statement_takes_is_split(store: Store):
    """A server takes 16 MB to a statement."""
    for number in range(12):
        store.writer.put("call", f"{number:02}", call(f"{number:02}", bytes(range(256)) * 8_000))
    await store.writer.drain()
    found = await store.load_calls("node1")

    assert [len(row.document) for row in found] == [2_048_000] * 12


async def fenced_store(url: str, key_file: Path, told: list[str]) -> Store:
    """A store whose writes name the first fence of a lease."""
    store = await Store.open(url, key_file)
    await Leases(store.database).execute(Ask("node:it's", "a", 60.0, is_new=True))
    store.fence(Fence("node:it's", 1), lambda: told.append("fenced"))
    return store


async def test_what_is_committed_names_its_fence(server_url: str, key_file: Path):
    told: list[str] = []
    store = await fenced_store(server_url, key_file, told)
    store.writer.put("call", "a", call("a"))
    await store.writer.drain()
    store.writer.put("call", "b", call("b"))
    store.writer.put("call", "a", None)
    await store.writer.drain()

    assert [row.id for row in await store.load_calls("node1")] == ["b"]
    assert told == []
    await store.close()


async def test_nothing_is_committed_under_a_fence_that_somebody_else_has_raised(
    server_url: str, key_file: Path
):
    told: list[str] = []
    fenced = asyncio.Event()
    store = await fenced_store(server_url, key_file, told)
    store.fence(Fence("node:it's", 1), fenced.set)
    await store.database.write(lambda c: seize(c, "node:it's", "b"))
    store.writer.put("call", "a", call("a"), on_commit=lambda: told.append("committed"))
    await fenced.wait()
    store.writer.put("call", "b", call("b"), on_commit=lambda: told.append("committed"))

    assert await store.load_calls("node1") == []
    await store.abandon()
    assert told == []


async def test_whoever_takes_a_lease_waits_for_the_commit_that_is_under_way(server_url: str, key_file: Path):
    """What the one before has told somebody is there when its rows are read."""
    store = await Store.open(server_url, key_file)
    await Leases(store.database).execute(Ask("node:a", "a", 60.0, is_new=True))
    session = session_of(store)
    await session.connect()
    await session.begin(Fence("node:a", 1))
    taking = asyncio.create_task(store.database.write(lambda c: seize(c, "node:a", "b")))
    _, pending = await asyncio.wait([taking], timeout=0.2)
    await session.command("COMMIT")

    assert pending == {taking}
    assert await taking == 2
    session.disconnect()
    await store.close()


async def test_a_commit_that_waits_for_a_row_has_the_lease_already(server_url: str, key_file: Path):
    """Else it were committed behind the back of whoever takes the lease meanwhile, and reads the rows."""
    store = await Store.open(server_url, key_file)
    await Leases(store.database).execute(Ask("node:a", "a", 60.0, is_new=True))
    store.writer.put("call", "a", call("a"))
    await store.writer.drain()
    session, other = session_of(store), session_of(store)
    for one in (session, other):
        await one.connect()
    await other.begin(None)
    await other.upsert("call", [call("a")])
    committing = asyncio.create_task(session.commit({"call": {"a": call("a", b"new")}}, Fence("node:a", 1)))
    _, waits = await asyncio.wait([committing], timeout=0.2)
    taking = asyncio.create_task(store.database.write(lambda c: seize(c, "node:a", "b")))
    _, pending = await asyncio.wait([taking], timeout=0.2)
    await other.command("COMMIT")
    await committing

    assert (waits, pending) == ({committing}, {taking})
    assert await taking == 2
    with pytest.raises(FencedError):
        await session.commit({"call": {"b": call("b")}}, Fence("node:a", 1))
    session.disconnect()
    other.disconnect()
    assert [row.document for row in await store.load_calls("node1")] == [b"new"]
    await store.close()


async def test_what_the_server_finds_late_does_not_overwrite_what_came_after_it(
    postgres_url: str, key_file: Path
):
    """A commit that took too long is given up and committed over another connection, and so are newer rows."""
    store = await Store.open(postgres_url, key_file)
    await Leases(store.database).execute(Ask("node:a", "a", 60.0, is_new=True))
    fence, late, now = Fence("node:a", 1), session_of(store), session_of(store)
    for one, document in ((late, b"first"), (now, b"newer")):
        await one.connect()
        await one.commit({"call": {"a": call("a", document)}}, fence)
    with pytest.raises(ConnectionResetError):  # the lease is ours as before
        await late.commit({"call": {"a": call("a", b"late")}}, fence)
    await store.database.write(lambda c: seize(c, "node:a", "b"))
    with pytest.raises(FencedError):
        await now.commit({"call": {"a": call("a", b"fenced")}}, fence)

    assert [row.document for row in await store.load_calls("node1")] == [b"newer"]
    late.disconnect()
    now.disconnect()
    await store.close()


async def test_a_batch_is_one_trip_to_postgresql(
    postgres_url: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
):
    """Of what is kept, and of what is gone; a statement is a transaction, so it says no COMMIT."""
    store = await Store.open(postgres_url, key_file)
    await Leases(store.database).execute(Ask("node:a", "a", 60.0, is_new=True))
    trips: list[str] = []
    session = session_of(store)
    await session.connect()
    await session.commit(
        {"call": {"first": call("first")}, "execution": {"x": execution("x")}}, Fence("node:a", 1)
    )
    await session.commit({"call": {"none": None}, "execution": {"y": execution("y")}}, Fence("node:a", 1))
    for kind, name in (
        (asyncpg.Connection, "execute"),
        (asyncpg.Connection, "prepare"),
        (PreparedStatement, "fetch"),
    ):
        monkeypatch.setattr(kind, name, noted(getattr(kind, name), trips))
    await session.commit({"call": {"first": None}, "execution": {"z": execution("z")}}, Fence("node:a", 1))
    monkeypatch.undo()
    session.disconnect()

    assert trips == ["fetch"]
    assert await store.load_calls("node1") == []
    assert [row.id for row in await store.load_executions("node1")] == ["x", "y", "z"]
    await store.close()


@pytest.mark.parametrize(("name", "most"), [("MOST_PARTS", 1), ("MOST_PREPARED", 0)])
async def test_kinds_that_seldom_come_together_are_no_statement_of_their_own(
    postgres_url: str, key_file: Path, monkeypatch: pytest.MonkeyPatch, name: str, most: int
):
    """To plan one takes longer than a trip, and there would be hundreds."""
    monkeypatch.setattr(f"sipwright.store.writing.postgres_committer.{name}", most)
    store = await Store.open(postgres_url, key_file)
    await Leases(store.database).execute(Ask("node:a", "a", 60.0, is_new=True))
    session, fence = session_of(store), Fence("node:a", 1)
    await session.connect()
    asked: list[str] = []
    prepare = asyncpg.Connection.prepare
    monkeypatch.setattr(asyncpg.Connection, "prepare", noted(prepare, asked))
    for number in range(3):
        await session.commit(
            {"call": {"a": call("a", b"%d" % number)}, "execution": {"x": execution("x")}}, fence
        )
    monkeypatch.setattr(asyncpg.Connection, "prepare", prepare)
    await store.database.write(lambda c: seize(c, "node:a", "b"))
    with pytest.raises(FencedError):
        await session.commit({"call": {"a": call("a", b"late")}, "execution": {"x": execution("x")}}, fence)

    assert asked == ["prepare", "prepare"]
    assert [row.document for row in await store.load_calls("node1")] == [b"2"]
    session.disconnect()
    await store.close()


def noted(asked: Callable[..., Any], trips: list[str]) -> Callable[..., Any]:
    """Return what asks the server, with a note of each time."""

    def ask(*args: Any, **kwargs: Any) -> Any:
        trips.append(asked.__name__)
        return asked(*args, **kwargs)

    return ask


def session_of(store: Store) -> Session:
    if store.database.dialect == "postgresql":
        return PostgresSession(store.database.connect)
    return MariadbSession(store.database.connect)


async def test_nobody_waits_for_the_commit_of_a_process_that_was_stopped_in_it(
    server_url: str, key_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sipwright.store.writing.postgres_committer.HELD_FOR", 0.2)
    store = await Store.open(server_url, key_file, silence=1)
    await Leases(store.database).execute(Ask("node:a", "a", 60.0, is_new=True))
    session = session_of(store)
    await session.connect()
    await session.begin(Fence("node:a", 1))

    assert await asyncio.wait_for(store.database.write(lambda c: seize(c, "node:a", "b")), 60.0) == 2
    with pytest.raises(session.ERRORS):
        await session.command("COMMIT")
    session.disconnect()
    await store.close()


class StoppedSession:
    """A connection that answers nothing while the process is stopped, for `stops` commits, and what comes then."""

    ERRORS = (OSError,)
    is_open = is_alive = True

    def __init__(self, stops: int, seconds: float, then: Exception | None = None) -> None:
        self.now, self.stops, self.seconds, self.then = 0.0, stops, seconds, then
        self.begun = 0

    def clock(self) -> float:
        return self.now

    def trouble(self, error: BaseException) -> Trouble:
        return Trouble.AWAY

    def disconnect(self) -> None:
        """Close nothing."""

    async def commit(self, rows: Rows, fence: Fence | None) -> None:
        self.begun += 1
        if self.begun <= self.stops:
            self.now += self.seconds
            raise TimeoutError
        if self.then is not None:
            raise self.then


class NoDisk(Exception):
    """What was committed would have waited on the disk."""


def committer_of(session: StoppedSession) -> ServerCommitter:
    def waiting(fence: int) -> Any:
        raise NoDisk

    return ServerCommitter(session, waiting, session.clock)


async def test_a_zombie_does_not_take_its_own_stop_for_that_of_the_database():
    """What it commits would count as committed on its disk, and be said, while another node has its calls."""
    session = StoppedSession(1, 15.0, FencedError("node:north", 1, 2))
    committer, told = committer_of(session), []
    committer.fence(Fence("node:north", 1), lambda: told.append("fenced"))
    committer.start(lambda batch: told.append("committed"))
    await committer._commit_for_sure(Batch({"call": {"a": call("a")}}))

    assert (told, session.begun) == (["fenced"], 2)


@pytest.mark.parametrize("seconds", [15.0, 1.2])
async def test_one_that_was_stopped_and_is_no_zombie_goes_on(seconds: float):
    session, told = StoppedSession(2, seconds), []
    committer = committer_of(session)
    committer.start(lambda batch: told.append("committed"))
    await committer._commit_for_sure(Batch({"call": {"a": call("a")}}))

    assert told == ["committed"]


@pytest.mark.parametrize(("stops", "seconds"), [(1, 0.8), (4, 15.0)])
async def test_a_database_that_is_away_is_found_to_be_away(stops: int, seconds: float):
    """Also on a machine that does nothing but stand still."""
    session = StoppedSession(stops, seconds)
    committer = committer_of(session)
    committer.start(lambda batch: None)
    with pytest.raises(NoDisk):
        await committer._commit_for_sure(Batch({"call": {"a": call("a")}}))

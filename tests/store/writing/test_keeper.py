"""Workers that commit to an SQLite database, and the process that keeps its tables up to date for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from pathlib import Path
from random import Random
from shutil import copytree, ignore_patterns
from typing import Any

import pytest
from sqlalchemy import Connection, select, update
from structlog.testing import capture_logs

from sipwright.folder_sockets import connect
from sipwright.store import Store, StoreError
from sipwright.store.admin.administration import Administration
from sipwright.store.admin.changes import record_change
from sipwright.store.live.node_requests import hand_requests_on
from sipwright.store.schema import tables
from sipwright.store.writing import keeper as module
from sipwright.store.writing import log as log_file
from sipwright.store.writing import sqlite_committer
from sipwright.store.writing.board import BINDINGS, CHANGES, REQUESTS, STATES
from sipwright.store.writing.keeper import SOCKET, Keeper
from sipwright.store.writing.log import segments_in
from store.writing.batches import call, stored, until


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    made = Keeper(tmp_path / "sipwright.db")
    await made.start(tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def workers(
    sqlite_url: str, key_file: Path, tmp_path: Path, keeper: Keeper
) -> AsyncIterator[list[Store]]:
    """Two workers, with their stores."""
    made = [await Store.open(sqlite_url, key_file, keeper=tmp_path) for _ in range(2)]
    yield made
    for each in made:
        await each.close()


async def committed(worker: Store, name: str, document: bytes = b"{}") -> None:
    """Store a call, and wait until that is told."""
    done = asyncio.Event()
    worker.writer.put("call", name, call(name, document), done.set)
    async with asyncio.timeout(60):
        await done.wait()


async def test_what_one_worker_stores_the_other_one_reads(workers: list[Store]):
    await committed(workers[0], "a")
    await committed(workers[1], "b")

    assert {row.id for row in await workers[0].load_calls("node1")} == {"a", "b"}


async def test_there_is_one_order_of_all_batches(workers: list[Store], tmp_path: Path):
    for number in range(20):
        await committed(workers[number % 2], "a", b"%d" % number)
    await workers[0].load_calls("node1")

    assert stored(tmp_path / "sipwright.db") == {"a": b"19"}
    assert len(segments_in(tmp_path / "sipwright.db-redo")) == 2


async def test_nobody_who_commits_waits_for_a_keeper(sqlite_url: str, key_file: Path, tmp_path: Path):
    worker = await Store.open(sqlite_url, key_file, keeper=tmp_path)
    await committed(worker, "a")
    await worker.close()

    assert stored(tmp_path / "sipwright.db") == {"a": b"{}"}
    assert segments_in(tmp_path / "sipwright.db-redo") == []


async def test_the_tables_follow_without_being_asked(
    workers: list[Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "APPLY_EVERY", 0.001)
    await committed(workers[0], "a")
    await committed(workers[1], "b")

    await until(lambda: stored(tmp_path / "sipwright.db") == {"a": b"{}", "b": b"{}"})


async def test_a_keeper_whose_tables_cannot_follow_says_so_once_and_goes_on(
    workers: list[Store], keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    await committed(workers[0], "a")
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(keeper._applier, "apply", raise_(OSError("no disk")))
        found = [await keeper.apply(), await keeper.apply()]

    assert found == [False, False]
    assert [entry["event"] for entry in logs] == [
        "the tables cannot follow the log; what is committed stays there"
    ]
    assert await keeper.apply()
    assert stored(tmp_path / "sipwright.db") == {"a": b"{}"}


def raise_(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


async def test_a_row_that_cannot_be_written_costs_its_batch_and_no_more(workers: list[Store]):
    workers[0].writer.put("call", "bad", (object(),))
    await workers[0].writer.drain()
    await committed(workers[0], "good")

    assert [row.id for row in await workers[0].load_calls("node1")] == ["good"]


async def test_only_our_own_user_is_let_in(keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module.os, "geteuid", lambda: 4_711)
    monkeypatch.setattr(module, "_CREDENTIALS", Stranger())
    reader, writer = await asyncio.open_unix_connection(sock=connect(tmp_path, SOCKET))
    async with asyncio.timeout(60):
        assert await reader.read() == b""
    writer.close()


class Stranger:
    """Credentials of somebody else."""

    size = 12

    def unpack(self, data: bytes) -> tuple[int, int, int]:
        return 1, 1_000, 1_000


async def test_a_write_comes_after_what_was_committed_before(workers: list[Store]):
    await committed(workers[0], "a", b"before")

    def work(connection: Connection) -> bytes:
        connection.execute(update(tables.calls).values(document=b"written"))
        return connection.scalar(select(tables.calls.c.document)) or b""

    assert await workers[1].database.write(work) == b"written"
    assert [row.document for row in await workers[0].load_calls("node1")] == [b"written"]


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_dies_when_what_was_told_is_there(
    workers: list[Store],
    keeper: Keeper,
    key_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
):
    """Killed is who does nothing more from some moment on: one worker, the keeper, all of them, in any order."""
    monkeypatch.setattr(log_file, "SEGMENT_SIZE", 600)  # so that each fills some, and removes them
    for each in (module, sqlite_committer):
        monkeypatch.setattr(each, "APPLY_EVERY", 3_600.0)  # only when the dice say so
    dice, told = Random(seed), dict[str, bytes]()
    alive = [*range(len(workers)), -1]

    async def do_something(who: int) -> None:
        if who < 0:
            await keeper.apply()
        elif dice.random() < 0.3:
            await asyncio.to_thread(workers[who]._committer._apply)  # type: ignore[attr-defined]
        else:
            name, document = f"c{dice.randrange(5)}", b"%d" % len(whole)
            await committed(workers[who], name, document)
            whole.append(name)
            told[name] = document

    whole: list[str] = []
    while alive:
        for _ in range(8):
            await do_something(dice.choice(alive))
        alive.remove(dice.choice(alive))
        found = tmp_path / f"after {len(alive)}"
        copytree(tmp_path, found, ignore=ignore_patterns("*.sock", "after *"))
        alone = await Store.open(f"sqlite:///{found}/sipwright.db", key_file)
        rows = {row.id: row.document for row in await alone.load_calls("node1")}
        await alone.close()

        assert rows == told
        assert segments_in(found / "sipwright.db-redo") == []


async def test_workers_are_told_at_once_what_one_of_them_or_the_command_line_has_committed(
    workers: list[Store], sqlite_url: str, key_file: Path
):
    """Of which they would hear only some seconds later, were nobody to say that they had better look."""
    here, there = workers
    glances = {kind: here.database.glance(kind) for kind in (BINDINGS, STATES, REQUESTS, CHANGES)}

    def news() -> set[int]:
        found = {kind for kind, glance in glances.items() if glance()}
        for kind in found:
            glances[kind].seen()
        return found

    async def stored_row(kind: str, key: Hashable, row: tuple[object, ...]) -> None:
        done = asyncio.Event()
        there.writer.put(kind, key, row, done.set)
        async with asyncio.timeout(60):
            await done.wait()

    assert (news(), news()) == (set(glances), set())
    await committed(there, "a")
    assert news() == set()
    await stored_row("binding_news", 7, (7, "two", 1.0))
    assert news() == {BINDINGS}
    await stored_row("state_news", (7, "two"), (7, "two", 1.0))
    assert news() == {STATES}
    await there.database.write(lambda c: hand_requests_on(c, "one", "two"), of_nodes=False)
    assert news() == {REQUESTS}

    with pytest.raises(ZeroDivisionError):
        await there.database.write(lambda c: (record_change(c, "user", 1), 1 / 0))
    await there.database.write(lambda c: None)
    assert news() == set()

    command_line = await Administration.open(sqlite_url, key_file)
    await command_line.database.write(lambda c: record_change(c, "user", 1))
    await command_line.close()

    assert news() == {CHANGES}


async def test_a_change_is_followed_by_whoever_looks_as_seldom_as_can_be(
    workers: list[Store], monkeypatch: pytest.MonkeyPatch
):
    """With nothing new the tables are not read; after a failure they are read again although nothing was said since."""
    here, there = workers
    read, reads, failures = here._read_changes, [], [StoreError("away")]

    def count(connection: Connection) -> object:
        reads.append(connection)
        if len(reads) == 2:
            raise failures.pop()
        return read(connection)

    monkeypatch.setattr(here, "_read_changes", count)
    following = asyncio.create_task(here.follow_changes(every=0.001))
    await until(lambda: len(reads) == 1)
    await asyncio.to_thread(lambda: None)
    with capture_logs():
        await there.ensure_domains(["new.example.org"])
        await until(lambda: "new.example.org" in here.directory.domains)
    following.cancel()

    assert len(reads) == 3


@pytest.fixture
def tiny_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch fills a segment, and a worker looks after them again and again."""
    monkeypatch.setattr(log_file, "SEGMENT_SIZE", 1)
    monkeypatch.setattr(sqlite_committer, "APPLY_EVERY", 0.001)


@pytest.mark.usefixtures("tiny_segments")
async def test_a_worker_leaves_full_segments_to_the_keeper(
    sqlite_url: str, key_file: Path, tmp_path: Path, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
):
    """So what is applied is a second's worth for all, of which only the last state of each row is written."""
    monkeypatch.setattr(module, "APPLY_EVERY", 3_600.0)
    worker = await Store.open(sqlite_url, key_file, keeper=tmp_path)
    own = worker._committer._applier  # type: ignore[attr-defined]
    done: list[str] = []

    def noting(name: str) -> Callable[..., Any]:
        method = getattr(own, name)
        return lambda *arguments, **options: done.append(name) or method(*arguments, **options)

    for name in ("a", "b", "c"):
        await committed(worker, name)
    for name in ("apply", "position"):
        monkeypatch.setattr(own, name, noting(name))
    await until(lambda: len(done) > 8)
    left = len(segments_in(tmp_path / "sipwright.db-redo"))
    await keeper.apply()
    await until(lambda: len(segments_in(tmp_path / "sipwright.db-redo")) == 1)

    assert left == 3
    assert set(done) == {"position"}
    assert stored(tmp_path / "sipwright.db") == dict.fromkeys("abc", b"{}")
    await worker.close()


@pytest.mark.usefixtures("tiny_segments")
async def test_a_worker_removes_full_segments_by_itself_when_no_keeper_comes(
    sqlite_url: str, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sqlite_committer, "KEPT_WITHIN", 0.01)
    worker = await Store.open(sqlite_url, key_file, keeper=tmp_path)
    for name in ("a", "b", "c"):
        await committed(worker, name)
    await until(lambda: len(segments_in(tmp_path / "sipwright.db-redo")) == 1)

    assert stored(tmp_path / "sipwright.db") == dict.fromkeys("abc", b"{}")
    await worker.close()

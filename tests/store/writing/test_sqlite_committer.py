"""Commits on SQLite: in the loop, or in the thread; outages; and the whole store with its log."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, update
from structlog.testing import capture_logs

from sipwright.store import CallRow, Store, Writer
from sipwright.store.errors import StoreError
from sipwright.store.schema import tables
from sipwright.store.writing import log as log_file
from sipwright.store.writing import sqlite_committer
from sipwright.store.writing.log import RedoLog, directory_of, segments_in
from sipwright.store.writing.log_applier import Applier
from sipwright.store.writing.log_records import Rows
from sipwright.store.writing.sqlite_committer import SqliteCommitter
from store.writing.batches import call, calls, iteration, stored, until


@pytest.fixture
def key_and_url(key_file: Path, sqlite_url: str) -> tuple[str, Path]:
    return sqlite_url, key_file


async def test_a_clean_end_leaves_no_log(key_and_url: tuple[str, Path], tmp_path: Path):
    store = await Store.open(*key_and_url)
    store.writer.put("call", "a", call("a"))
    await store.close()

    assert segments_in(tmp_path / "sipwright.db-redo") == []
    assert stored(tmp_path / "sipwright.db") == {"a": b"{}"}


async def test_what_is_committed_before_a_write_does_not_come_over_it(key_and_url: tuple[str, Path]):
    """Not even what is committed while the write waits for the lock."""
    store = await Store.open(*key_and_url)
    log = RedoLog(directory_of(store.database.path))  # type: ignore[attr-defined]

    def begin(connection: Connection) -> None:
        log.append(calls(a=b"before"))

    def work(connection: Connection) -> None:
        connection.execute(update(tables.calls).values(document=b"written"))

    event.listen(store.database._engine, "begin", begin, insert=True)  # type: ignore[attr-defined]
    await store.database.write(work)
    event.remove(store.database._engine, "begin", begin)  # type: ignore[attr-defined]

    assert await store.load_calls("node1") == [call("a", b"written")]
    await store.close()


async def test_a_segment_that_cannot_be_read_is_an_error_in_one_line(
    key_and_url: tuple[str, Path], tmp_path: Path
):
    store = await Store.open(*key_and_url)
    (tmp_path / "sipwright.db-redo" / "000000000001-x.redo").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"sipwright\.db does not work: .*Is a directory"):
        await store.load_calls("node1")
    (tmp_path / "sipwright.db-redo" / "000000000001-x.redo").rmdir()

    await store.close()


async def test_the_log_of_another_database_is_nothing_to_a_new_one(
    key_and_url: tuple[str, Path], tmp_path: Path
):
    log = RedoLog(directory_of(tmp_path / "sipwright.db"))
    log.append(calls(a=b"1"))
    log.close()
    store = await Store.open(*key_and_url)

    assert await store.load_calls("node1") == []
    await store.close()


async def test_an_end_with_a_locked_database_leaves_the_log_to_the_next_start(
    key_and_url: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sqlite_committer, "Applier", lambda path, **_: Applier(path, patience=0.0))
    store = await Store.open(*key_and_url)
    store.writer.put("call", "a", call("a"))
    await store.writer.drain()
    other = sqlite3.connect(tmp_path / "sipwright.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with capture_logs() as logs:
        await store.close()
    other.close()
    assert [entry["event"] for entry in logs][-1] == "the tables are behind; the next start makes up for it"

    store = await Store.open(*key_and_url)
    assert await store.load_calls("node1") == [call("a")]
    await store.close()


async def test_the_tables_follow_by_themselves(
    key_and_url: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Segments that are full and applied are removed."""
    monkeypatch.setattr(sqlite_committer, "APPLY_EVERY", 0.001)
    monkeypatch.setattr(log_file, "SEGMENT_SIZE", 1)
    store = await Store.open(*key_and_url)
    for name in ("a", "b", "c"):
        store.writer.put("call", name, call(name))
        await store.writer.drain()
    deadline = time.monotonic() + 60.0
    while len(segments_in(tmp_path / "sipwright.db-redo")) > 1 or len(stored(tmp_path / "sipwright.db")) < 3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0)

    await store.close()


async def test_a_damaged_log_is_reported(
    key_and_url: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    directory = tmp_path / "sipwright.db-redo"
    monkeypatch.setattr(sqlite_committer, "APPLY_EVERY", 3600.0)
    monkeypatch.setattr(log_file, "MOST_LATELY", 0)  # else nothing is lost, as it is not read
    store = await Store.open(*key_and_url)
    store.writer.put("call", "a", call("a"))
    await store.writer.drain()
    (path,) = segments_in(directory)
    whole = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(whole - 3)
        file.write(b"\0\1\2")
    monkeypatch.setattr(log_file, "SEGMENT_SIZE", 1)
    store.writer.put("call", "b", call("b"))
    await store.writer.drain()
    with capture_logs() as logs:
        store.writer._committer._apply()  # type: ignore[attr-defined]

    assert [(entry["log_level"], entry["file"]) for entry in logs] == [("error", path.name)]
    assert [file.name for file in directory.glob("*.damaged")] == [f"{path.name}.damaged"]
    assert await store.load_calls("node1") == [call("b")]
    await store.close()


async def test_the_tables_catch_up_when_the_database_works_again(
    key_and_url: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sqlite_committer, "APPLY_EVERY", 0.001)
    monkeypatch.setattr(sqlite_committer, "Applier", lambda path, **_: Applier(path, patience=0.0))
    store = await Store.open(*key_and_url)
    other = sqlite3.connect(tmp_path / "sipwright.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    deadline = time.monotonic() + 60.0
    with capture_logs() as logs:
        store.writer.put("call", "a", call("a"))
        while not logs:
            assert time.monotonic() < deadline
            await asyncio.sleep(0)
    other.execute("COMMIT")
    other.close()
    while not stored(tmp_path / "sipwright.db"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0)

    assert [entry["event"] for entry in logs] == [
        "the tables cannot follow the log; what is committed stays there"
    ]
    await store.close()


async def test_a_fault_of_ours_does_not_end_the_applying(
    key_and_url: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sqlite_committer, "APPLY_EVERY", 0.001)
    store = await Store.open(*key_and_url)
    faults = [KeyError("mood")]
    apply = Applier.apply

    def fail_once(applier: Applier, **options: bool) -> None:
        if faults:
            raise faults.pop()
        apply(applier, **options)

    monkeypatch.setattr(Applier, "apply", fail_once)
    with capture_logs() as logs:
        store.writer.put("call", "a", call("a"))
        await until(lambda: bool(stored(tmp_path / "sipwright.db")))

    assert [(entry["error"], entry["exc_info"]) for entry in logs] == [("'mood'", True)]
    await store.close()


async def test_sqlite_writes_do_not_wait_while_another_process_holds_the_lock(
    sqlite_url: str, key_file: Path, tmp_path: Path
):
    store = await Store.open(sqlite_url, key_file)
    other = sqlite3.connect(tmp_path / "sipwright.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.writer.put("call", "a", call("a"))
    await store.writer.drain()
    assert other.execute("SELECT count(*) FROM calls").fetchone() == (0,)
    other.execute("COMMIT")

    assert await store.load_calls("node1") == [call("a")]
    other.close()
    await store.close()


async def test_a_sqlite_outage_is_logged_once_and_survived_in_order(tmp_path: Path):
    path = tmp_path / "gone" / "sipwright.db"
    committer = SqliteCommitter(path)
    writer = Writer(committer)
    told: list[str] = []
    with capture_logs() as logs:
        writer.put("call", "a", call("a"), lambda: told.append("a"))
        await until(lambda: committer.failing_since is not None)
        writer.put("call", "a", None, lambda: told.append("gone"))
        assert writer.snapshot().failing_since is not None
        path.parent.mkdir()
        other = sqlite3.connect(path)
        other.execute(f"CREATE TABLE calls ({','.join(CallRow._fields)}, PRIMARY KEY (id))")
        other.commit()
        await writer.drain()

    assert told == ["a", "gone"]
    assert [entry["event"] for entry in logs] == [
        "database outage began; writes wait",
        "database outage over",
    ]
    await writer.close()
    assert other.execute("SELECT count(*) FROM calls").fetchone() == (0,)
    other.close()


async def test_a_sqlite_committer_stops_in_the_middle_of_an_outage(tmp_path: Path):
    committer = SqliteCommitter(tmp_path / "gone" / "sipwright.db")
    writer = Writer(committer)
    writer.put("call", "a", call("a"))
    await writer.close(patience=0.0)

    assert writer.snapshot().under_way == 1


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads in which batches were appended to the log."""
    places: list[str] = []

    def append(redo: RedoLog, rows: Rows) -> None:
        places.append(threading.current_thread().name)
        really_append(redo, rows)

    really_append = RedoLog.append
    monkeypatch.setattr(RedoLog, "append", append)
    return places


LOOP, THREAD = "MainThread", "store-writer"


async def commit(store: Store, name: str) -> None:
    store.writer.put("call", name, call(name))
    await store.writer.drain()


async def ready(store: Store) -> None:
    """Wait until what earlier processes have left is applied."""
    await until(lambda: store.writer._committer._has_inherited)  # type: ignore[attr-defined]


async def test_sqlite_commits_in_the_loop_once_what_was_left_is_applied(
    sqlite_url: str, key_file: Path, places: list[str], monkeypatch: pytest.MonkeyPatch
):
    may_reap = threading.Event()
    reap = Applier.reap
    monkeypatch.setattr(Applier, "reap", lambda applier: (may_reap.wait(60.0), reap(applier)))
    store = await Store.open(sqlite_url, key_file)
    store.writer.put("call", "early", call("early"))
    await iteration()
    assert places == []
    may_reap.set()
    await store.writer.drain()
    await commit(store, "later")

    assert places == [THREAD, LOOP]
    assert {row.id for row in await store.load_calls("node1")} == {"early", "later"}
    await store.close()


async def test_a_sync_is_never_waited_for_by_the_loop(
    sqlite_url: str, key_file: Path, places: list[str], monkeypatch: pytest.MonkeyPatch
):
    synced: list[str] = []
    directories: list[str] = []
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.append(threading.current_thread().name))
    monkeypatch.setattr(os, "fsync", lambda _: directories.append(threading.current_thread().name))
    store = await Store.open(sqlite_url, key_file, synchronous="full")
    await ready(store)
    await commit(store, "first")
    await commit(store, "second")

    assert places == synced == [THREAD, THREAD]
    assert directories == [THREAD]
    await store.close()


async def test_a_full_disk_is_waited_for_by_the_thread(
    sqlite_url: str, key_file: Path, places: list[str], monkeypatch: pytest.MonkeyPatch
):
    store = await Store.open(sqlite_url, key_file)
    await ready(store)
    await commit(store, "first")
    write, room = os.pwritev, 0

    def pwritev(fd: int, buffers: Sequence[bytes], offset: int) -> int:
        return write(fd, [b"".join(buffers)[:7]] if not room else buffers, offset)

    monkeypatch.setattr(os, "pwritev", pwritev)
    with capture_logs() as logs:
        store.writer.put("call", "second", call("second"))
        await until(lambda: store.writer.snapshot().failing_since is not None)
        room = 1
        await store.writer.drain()

    assert places[:3] == [LOOP, LOOP, THREAD]
    assert [entry["event"] for entry in logs] == [
        "database outage began; writes wait",
        "database outage over",
    ]
    assert {row.id for row in await store.load_calls("node1")} == {"first", "second"}
    await store.close()

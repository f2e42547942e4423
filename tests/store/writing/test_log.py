"""The redo log of an SQLite database, and its way into the tables."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, update
from structlog.testing import capture_logs

from sipwright.store import CallRow, Store
from sipwright.store.errors import StoreError
from sipwright.store.schema import tables
from sipwright.store.writing import log as log_file
from sipwright.store.writing import log_applier, sqlite_committer
from sipwright.store.writing.log import RedoLog, Segment, directory_of, read_records, segments_in
from sipwright.store.writing.log_applier import Applier


def call(name: str, document: bytes = b"{}") -> CallRow:
    return CallRow(name, "node1", 1, 1, "out", "talking", "alice", "bob", 1e9, None, document)


def calls(**documents: bytes | None) -> dict[str, dict[Any, Any]]:
    """A batch."""
    return {
        "call": {
            name: None if document is None else call(name, document) for name, document in documents.items()
        }
    }


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with all tables."""
    path = tmp_path / "sipwright.db"
    engine = create_engine(f"sqlite:///{path}")
    tables.metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
def directory(database: Path) -> Path:
    return directory_of(database)


@pytest.fixture
def log(directory: Path) -> RedoLog:
    return RedoLog(directory)


@pytest.fixture
def applier(database: Path) -> Iterator[Applier]:
    applier = Applier(database)
    yield applier
    applier.close()


def stored(database: Path) -> dict[str, bytes]:
    """What the table of calls has."""
    connection = sqlite3.connect(database)
    found = dict(connection.execute("SELECT id, document FROM calls ORDER BY id"))
    connection.close()
    return found


def segment(directory: Path) -> Path:
    """The only segment."""
    (path,) = segments_in(directory)
    return path


# --- records ---


def test_batches_are_read_as_they_were_appended(log: RedoLog, directory: Path):
    first, second = calls(a=b"1"), calls(a=None, b="caf\udce9".encode("utf-8", "surrogateescape"))
    log.append(first | {"cdr": {}})
    log.append(second)
    batches, end = read_records(segment(directory), 0)

    assert batches == [first, second]
    assert end == segment(directory).stat().st_size
    assert read_records(segment(directory), end) == ([], end)


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 30])
def test_an_unfinished_record_is_not_read_until_it_is_whole(log: RedoLog, directory: Path, cut: int):
    log.append(calls(a=b"1"))
    path = segment(directory)
    whole = path.stat().st_size
    log.append(calls(b=b"2"))
    data = path.read_bytes()
    path.write_bytes(data[: whole + cut])

    batches, end = read_records(path, 0)
    assert (batches, end) == ([calls(a=b"1")], whole)
    path.write_bytes(data)
    assert read_records(path, end) == ([calls(b=b"2")], len(data))


@pytest.mark.parametrize("damage", ["a bit", "zeros"])
def test_nothing_is_read_behind_a_damaged_record(log: RedoLog, directory: Path, damage: str):
    log.append(calls(a=b"1"))
    path = segment(directory)
    whole = path.stat().st_size
    log.append(calls(b=b"2"))
    log.append(calls(c=b"3"))
    data = bytearray(path.read_bytes())
    if damage == "a bit":
        data[whole + 20] ^= 1
    else:
        data[whole:] = bytes(len(data) - whole)
    path.write_bytes(data)

    assert read_records(path, 0) == ([calls(a=b"1")], whole)


def test_a_segment_without_its_first_record_is_empty(directory: Path, database: Path, applier: Applier):
    directory.mkdir()
    path = directory / "000000000001-x.redo"
    for data in (b"", b"\x07\x00"):
        path.write_bytes(data)
        assert read_records(path, 0) == ([], 0)
    applier.reap()

    assert segments_in(directory) == []


def test_a_record_that_cannot_be_written_whole_is_not_there(
    log: RedoLog, directory: Path, monkeypatch: pytest.MonkeyPatch
):
    log.append(calls(a=b"1"))
    whole = segment(directory).stat().st_size
    write = os.pwritev
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwritev", lambda fd, parts, at: write(fd, [b"".join(parts)[:20]], at))
        with pytest.raises(OSError, match="20 of"):
            log.append(calls(b=b"2"))
    assert segment(directory).stat().st_size == whole
    log.append(calls(c=b"3"))

    assert read_records(segment(directory), whole)[0] == [calls(c=b"3")]


@pytest.mark.parametrize("row", [7, object()])
def test_what_is_no_row_is_refused(log: RedoLog, directory: Path, row: object):
    with pytest.raises((TypeError, ValueError)):
        log.append({"call": {"a": row if row == 7 else (row,)}})  # type: ignore[dict-item]
    log.append(calls(b=b"2"))

    assert read_records(segment(directory), 0)[0] == [calls(b=b"2")]


def test_the_log_of_a_newer_version_is_left_alone(
    directory: Path, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patched:
        patched.setattr(log_file, "_FORMAT", 2)
        RedoLog(directory).append(calls(a=b"1"))

    with pytest.raises(StoreError, match=r"redo was written by a newer version of Sipwright$"):
        applier.apply()


def test_rows_of_another_version_get_the_columns_of_this_one(
    database: Path, directory: Path, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    """One that had no `answered_at`, and another order, and something that is unknown here."""
    names = (
        "document",
        *(name for name in CallRow._fields if name not in ("document", "answered_at")),
        "mood",
    )
    row = tuple({**call("a", b"old")._asdict(), "mood": "good"}[name] for name in names)
    with monkeypatch.context() as patched:
        patched.setattr(log_file, "_COLUMNS", {**log_file._COLUMNS, "call": names, "dance": ("step",)})
        RedoLog(directory).append({"call": {"a": row, "gone": None}, "dance": {"x": ("left",)}})
    with capture_logs() as logs:
        applier.apply()

    assert stored(database) == {"a": b"old"}
    assert [entry["event"] for entry in logs] == ["rows of a kind that is unknown here"]


# --- into the tables ---


def test_the_last_state_of_each_row_reaches_its_table(database: Path, log: RedoLog, applier: Applier):
    log.append(calls(a=b"1", b=b"1", c=b"1"))
    applier.apply()
    log.append(calls(a=b"2", d=b"2"))
    log.append(calls(a=b"3", b=None, d=None, e=b"3"))
    assert stored(database) == {"a": b"1", "b": b"1", "c": b"1"}
    applier.apply()

    assert stored(database) == {"a": b"3", "c": b"1", "e": b"3"}


def test_a_record_counts_once_whoever_applies_it(database: Path, log: RedoLog, applier: Applier):
    """Not again when another process comes to it, which would bring back what was deleted since."""
    log.append(calls(a=b"1"))
    applier.apply()
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM calls")
    connection.close()
    log.append(calls(b=b"2"))
    other = Applier(database)
    other.apply()
    other.close()
    applier.apply()

    assert stored(database) == {"b": b"2"}


def test_nothing_is_applied_in_part(
    database: Path, log: RedoLog, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    def write_and_fail(connection: sqlite3.Connection, rows: log_file.Rows) -> None:
        write(connection, rows)
        raise ZeroDivisionError

    log.append(calls(a=b"1"))
    write = log_applier._write
    with monkeypatch.context() as patched:
        patched.setattr(log_applier, "_write", write_and_fail)
        with pytest.raises(ZeroDivisionError):
            applier.apply()
    assert stored(database) == {}
    applier.apply()

    assert stored(database) == {"a": b"1"}


def test_a_row_that_the_database_refuses_costs_only_itself(database: Path, log: RedoLog, applier: Applier):
    log.append({"call": {"a": call("a"), "bad": call("bad")._replace(node=None), "b": call("b")}})  # type: ignore[arg-type]
    with capture_logs() as logs:
        applier.apply()

    assert sorted(stored(database)) == ["a", "b"]
    assert [(entry["event"], entry["key"]) for entry in logs] == [("row refused by the database", "bad")]


def test_a_lock_is_waited_for_and_then_given_up(database: Path, log: RedoLog):
    log.append(calls(a=b"1"))
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    impatient = Applier(database, patience=0.0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        impatient.apply()
    other.execute("COMMIT")
    other.close()
    impatient.apply()
    impatient.close()

    assert stored(database) == {"a": b"1"}


# --- segments ---


def test_a_large_segment_is_followed_by_another_and_removed_when_applied(
    database: Path, directory: Path, log: RedoLog, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log_file, "SEGMENT_SIZE", 1_000)
    log.append(calls(a=bytes(2_000)))
    first = segment(directory)
    log.append(calls(a=b"2"))
    full = log.full()
    assert [each.path for each in full] == [first]
    log.append(calls(b=b"3"))
    applier.apply(in_any_case=True)
    log.remove(full)

    assert segment(directory) > first
    assert log.full() == []
    assert stored(database) == {"a": b"2", "b": b"3"}


def test_many_segments_are_applied_in_order_some_at_a_time(
    database: Path, directory: Path, log: RedoLog, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log_file, "SEGMENT_SIZE", 1)
    at_once: list[int] = []
    write = log_applier._write
    monkeypatch.setattr(
        log_applier, "_write", lambda c, rows: (at_once.append(len(rows["call"])), write(c, rows))
    )
    for number in range(9):
        log.append(calls(same=b"%d" % number, **{f"c{number}": b"x"}))
    applier.apply()
    applier.apply()

    assert at_once == [5, 5, 2]
    assert stored(database) == {"same": b"8", **{f"c{number}": b"x" for number in range(9)}}
    assert [applier.position(path) for path in segments_in(directory)] == [
        path.stat().st_size for path in segments_in(directory)
    ]


def test_segments_come_in_the_order_in_which_they_were_begun(directory: Path):
    begun = [Segment(directory).path for _ in range(12)]

    assert segments_in(directory) == begun


def test_the_segment_of_a_living_process_is_not_removed(directory: Path, log: RedoLog, applier: Applier):
    log.append(calls(a=b"1"))
    applier.reap()
    assert len(segments_in(directory)) == 1
    log.close(is_applied=False)
    applier.reap()

    assert segments_in(directory) == []


def test_a_new_segment_that_was_taken_for_a_dead_one_is_given_up(
    directory: Path, log: RedoLog, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    """Another process reaps between the making of the file and its lock."""
    lock = log_file.fcntl.flock

    def late(fd: int, how: int) -> None:
        monkeypatch.undo()
        applier.reap()
        lock(fd, how)

    monkeypatch.setattr(log_file.fcntl, "flock", late)
    with pytest.raises(OSError, match="taken for one of a dead process"):
        log.append(calls(a=b"1"))
    log.append(calls(a=b"1"))

    assert read_records(segment(directory), 0)[0] == [calls(a=b"1")]


def test_a_file_system_without_locks_will_do(
    database: Path, log: RedoLog, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    def flock(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(log_file.fcntl, "flock", flock)
    log.append(calls(a=b"1"))
    applier.reap()

    assert stored(database) == {"a": b"1"}


KILLED = """
import os, signal, sys
from pathlib import Path
from sipwright.store.writing.log import RedoLog
log = RedoLog(Path(sys.argv[1]))
row = ("a", "node1", 1, 1, "out", "talking", "alice", "bob", 1e9, None, b"told")
log.append({"call": {"a": row}})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_has_committed_is_there(database: Path, directory: Path, applier: Applier):
    run = subprocess.run([sys.executable, "-c", KILLED, str(directory)], timeout=60, check=False)
    assert run.returncode == -signal.SIGKILL
    with segment(directory).open("ab") as file:
        file.write(b"cut")
    with capture_logs() as logs:
        applier.reap()

    assert stored(database) == {"a": b"told"}
    assert segments_in(directory) == []
    assert [(entry["event"], entry["bytes"]) for entry in logs] == [
        ("an earlier process was cut off while it committed", 3)
    ]


# --- the whole store ---


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
    log.close(is_applied=False)
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
    deadline = time.monotonic() + 30.0
    while len(segments_in(tmp_path / "sipwright.db-redo")) > 1 or len(stored(tmp_path / "sipwright.db")) < 3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0)

    await store.close()


async def test_a_damaged_log_is_reported(
    key_and_url: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    directory = tmp_path / "sipwright.db-redo"
    monkeypatch.setattr(sqlite_committer, "APPLY_EVERY", 3600.0)
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

    assert [(entry["event"], entry["file"]) for entry in logs] == [
        ("the log was damaged: rows are lost", path.name)
    ]
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
    deadline = time.monotonic() + 30.0
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

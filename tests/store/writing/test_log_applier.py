"""The way from the log into the tables."""

from __future__ import annotations

import errno
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sipwright.store.writing import log as log_file
from sipwright.store.writing import log_applier
from sipwright.store.writing.log import Lately, RedoLog, segments_in
from sipwright.store.writing.log_applier import Applier
from sipwright.store.writing.log_records import Rows, read_records
from store.writing.batches import call, calls, segment, stored


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


@pytest.fixture
def lately() -> Lately:
    return Lately()


@pytest.fixture
def own_log(directory: Path, lately: Lately) -> RedoLog:
    """The log of a process that applies it itself."""
    return RedoLog(directory, lately=lately)


@pytest.fixture
def own(database: Path, lately: Lately) -> Iterator[Applier]:
    applier = Applier(database, lately=lately)
    yield applier
    applier.close()


def test_what_this_process_has_appended_is_not_read(
    database: Path, own_log: RedoLog, own: Applier, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log_applier, "read_records", None)
    own_log.append(calls(a=b"1", b=b"1"))
    own_log.append(calls(a=b"2", b=None))
    own.apply()
    own_log.append(calls(c=b"3"))
    own.apply()

    assert stored(database) == {"a": b"2", "c": b"3"}


@pytest.mark.parametrize("seed", range(4))
def test_it_makes_no_difference_what_is_kept_in_memory(
    database: Path, directory: Path, own_log: RedoLog, own: Applier, applier: Applier,
    monkeypatch: pytest.MonkeyPatch, seed: int,
):  # fmt: skip
    """Whoever else applies a part of it, whatever fails, and however little is kept: the tables follow the log."""
    chance = random.Random(seed)
    monkeypatch.setattr(log_file, "SEGMENT_SIZE", 1_500)
    monkeypatch.setattr(log_file, "MOST_LATELY", chance.choice([1, 600, 8_000_000]))
    expected: dict[str, bytes] = {}
    write = log_applier._write

    def fail(connection: sqlite3.Connection, rows: Rows) -> None:
        write(connection, rows)
        raise ZeroDivisionError

    for number in range(60):
        changed = {f"c{chance.randrange(5)}": chance.choice([b"%d" % number, None]) for _ in range(2)}
        own_log.append(calls(**changed))
        expected |= {name: b"" if document is None else document for name, document in changed.items()}
        match chance.randrange(6):
            case 0:
                own.apply()
            case 1:
                applier.apply()
            case 2:
                with monkeypatch.context() as patched:
                    patched.setattr(log_applier, "_write", fail)
                    with suppress(ZeroDivisionError):
                        own.apply()
    own.apply()

    assert stored(database) == {name: document for name, document in sorted(expected.items()) if document}
    assert [own.position(path) for path in segments_in(directory)] == [
        path.stat().st_size for path in segments_in(directory)
    ]


def test_nothing_is_applied_in_part(
    database: Path, log: RedoLog, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    def write_and_fail(connection: sqlite3.Connection, rows: Rows) -> None:
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


def test_many_segments_are_applied_in_order_some_at_a_time(
    database: Path, directory: Path, log: RedoLog, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log_file, "SEGMENT_SIZE", 1)
    at_once: list[int] = []
    write = log_applier._write
    monkeypatch.setattr(
        log_applier, "_write", lambda c, rows: (at_once.append(len(rows["call"])), write(c, rows))
    )
    monkeypatch.setattr(log_applier, "_LITTLE", 0)
    for number in range(9):
        log.append(calls(same=b"%d" % number, **{f"c{number}": b"x"}))
    applier.apply()
    applier.apply()

    assert at_once == [5, 5, 2]
    assert stored(database) == {"same": b"8", **{f"c{number}": b"x" for number in range(9)}}
    assert [applier.position(path) for path in segments_in(directory)] == [
        path.stat().st_size for path in segments_in(directory)
    ]


def test_the_segment_of_a_living_process_is_not_removed(directory: Path, log: RedoLog, applier: Applier):
    log.append(calls(a=b"1"))
    applier.reap()
    assert len(segments_in(directory)) == 1
    log.close()
    applier.reap()

    assert segments_in(directory) == []


def test_a_segment_without_its_first_record_is_empty(directory: Path, database: Path, applier: Applier):
    directory.mkdir()
    path = directory / "000000000001-x.redo"
    for data in (b"", b"\x07\x00"):
        path.write_bytes(data)
        assert read_records(path, 0) == ([], 0, 0)
    applier.reap()

    assert segments_in(directory) == []


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
row = ("a", "node1", 1, 1, "out", "talking", "alice", "bob", 1e9, None, b"told", None)
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


# --- damage ---


def damage(path: Path, position: int) -> None:
    """Change one bit."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_damage_is_told_and_kept_and_everything_else_applied(
    database: Path, directory: Path, log: RedoLog, applier: Applier
):
    log.append(calls(a=b"1"))
    path = segment(directory)
    starts = path.stat().st_size
    log.append(calls(b=b"2"))
    lost = path.stat().st_size - starts
    log.append(calls(a=b"3", c=b"3"))
    damage(path, starts + 20)
    kept = path.with_name(f"{path.name}.damaged")
    with capture_logs() as logs:
        applier.apply()
        applier.apply()
    log.append(calls(d=b"4"))
    log.close()
    applier.reap()

    assert stored(database) == {"a": b"3", "c": b"3", "d": b"4"}
    assert logs == [
        {
            "event": "the log is damaged; what was committed in these bytes may be lost, the rest is applied",
            "log_level": "error",
            "file": path.name,
            "bytes": lost,
            "kept": str(kept),
        }
    ]
    assert segments_in(directory) == []
    assert read_records(kept, 0).batches == [calls(a=b"1"), calls(a=b"3", c=b"3"), calls(d=b"4")]


def test_damage_in_two_places_is_told_twice_and_kept_once(
    database: Path, directory: Path, log: RedoLog, applier: Applier
):
    lost = []
    with capture_logs() as logs:
        for name in ("a", "b"):
            log.append(calls(whole=name.encode()))
            path = segment(directory)
            starts = path.stat().st_size
            log.append(calls(**{name: b"lost"}))
            damage(path, starts + 20)
            lost.append(path.stat().st_size - starts)
            log.append(calls(behind=name.encode()))
            applier.apply()

    assert [entry["bytes"] for entry in logs] == lost
    assert sorted(os.listdir(directory)) == [path.name, f"{path.name}.damaged"]
    assert stored(database) == {"whole": b"b", "behind": b"b"}


def test_a_damaged_end_of_a_dead_process_is_told_and_kept(
    database: Path, directory: Path, log: RedoLog, applier: Applier
):
    """It was written whole, so somebody may have been told."""
    log.append(calls(a=b"1"))
    path = segment(directory)
    starts = path.stat().st_size
    log.append(calls(b=b"2"))
    lost = path.stat().st_size - starts
    damage(path, starts + 20)
    log.close()
    with capture_logs() as logs:
        applier.reap()

    assert stored(database) == {"a": b"1"}
    assert [(entry["log_level"], entry["bytes"]) for entry in logs] == [("error", lost)]
    assert os.listdir(directory) == [f"{path.name}.damaged"]


def test_damage_is_kept_on_a_file_system_without_links(
    directory: Path, log: RedoLog, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    def link(source: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    log.append(calls(a=b"1"))
    path = segment(directory)
    log.append(calls(b=b"2"))
    damage(path, path.stat().st_size - 1)
    log.append(calls(c=b"3"))
    monkeypatch.setattr(os, "link", link)
    applier.apply()

    assert path.with_name(f"{path.name}.damaged").read_bytes() == path.read_bytes()


# --- several processes that append ---


@pytest.fixture
def several(directory: Path) -> list[RedoLog]:
    """The logs of three processes, whose segments are full after a batch."""
    return [RedoLog(directory, 1, is_stamped=True) for _ in range(3)]


@pytest.mark.parametrize("seed", range(6))
def test_batches_of_several_processes_are_applied_in_the_order_in_which_they_were_appended(
    database: Path, several: list[RedoLog], applier: Applier, seed: int, monkeypatch: pytest.MonkeyPatch
):
    """In one part or in several, and whenever somebody looks."""
    if seed % 2:
        monkeypatch.setattr(log_applier, "_LITTLE", 0)
    chosen = random.Random(seed)
    said: dict[str, bytes] = {}
    for number in range(60):
        name, document = chosen.choice("abc"), b"%d" % number
        several[chosen.randrange(3)].append(calls(**{name: document}))
        said[name] = document
        if chosen.random() < 0.05:
            applier.apply()
            assert stored(database) == said
    applier.apply()

    assert stored(database) == said


def test_what_was_appended_while_the_segments_are_read_waits_for_what_went_before_it(
    database: Path, directory: Path, applier: Applier, monkeypatch: pytest.MonkeyPatch
):
    """The first one appends when its segment has been read, and then the other one, when it has seen that."""
    first, second = (RedoLog(directory, is_stamped=True) for _ in range(2))
    first.append(calls(a=b"1"))
    second.append(calls(b=b"1"))
    read, begun = log_applier.read_records, segments_in(directory)[0]

    def read_and_append(path: Path, position: int, until: int | None = None) -> object:
        found = read(path, position, until)
        if path == begun:
            monkeypatch.undo()
            first.append(calls(a=b"2"))
            second.append(calls(a=b"3"))
        return found

    monkeypatch.setattr(log_applier, "read_records", read_and_append)
    applier.apply()
    between = stored(database)
    applier.apply()

    assert between == {"a": b"1", "b": b"1"}
    assert stored(database) == {"a": b"3", "b": b"1"}

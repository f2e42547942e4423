"""Applies the redo log to the tables of its SQLite database; any process may do so, at any time.

What has been applied of each segment is kept in the database and changes in the same transaction, so a record counts
once, whoever applies it.  The running node does so every second, and whoever reads the tables does so first: nobody
ever sees less than what was committed.

Where several processes append, their batches are applied in the order of their times.  What was appended after a look
at the log has begun waits for the next one: what went before it may stand in a segment that was read already.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

import structlog

from sipwright.store.schema.rows import KINDS, Kind, storable
from sipwright.store.writing.log import Lately, directory_of, keep_damaged, lock, segments_in
from sipwright.store.writing.log_records import (
    STAMP,
    UNSTAMPED,
    Records,
    Rows,
    begun_at,
    is_cut_off,
    read_records,
    stamp_of,
)
from sipwright.store.writing.statements import LONGEST, sqlite_delete, sqlite_upsert
from sipwright.store.writing.writer import row_refused

__all__ = ["Applier"]

log = structlog.get_logger(__name__)

# Errors that the same rows will cause again, as opposed to those of the file or the disk.
_ROW_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
    OverflowError,
    UnicodeEncodeError,
)

_POSITIONS = "CREATE TABLE IF NOT EXISTS redo_positions (segment TEXT PRIMARY KEY, position INTEGER NOT NULL)"

_CHECKPOINT = 4_000
"""Pages of 4 kB in SQLite's own log after which it is folded back, which syncs the disk."""

_AT_ONCE = 4
"""How many segments are applied in one transaction, or more of which there is little to apply."""

_LITTLE = 32_000_000
"""Bytes that are little."""

_Statement = tuple[str, list[Any]]


class Applier:
    """Brings the tables up to date with the log.

    Args:
        database: The file of the database.
        synchronous: SQLite's setting of that name. Where a power cut is to be survived it is ``FULL`` for whoever
            removes segments, as what they held must be on the disk elsewhere by then.
        patience: For how many seconds to wait for the lock of another process.
        lately: What this process has appended and not applied yet, so that it need not be read.
    """

    def __init__(
        self, database: Path, *, synchronous: str = "NORMAL", patience: float = 10.0, lately: Lately | None = None
    ) -> None:  # fmt: skip
        self._database = database
        self._directory = directory_of(database)
        self._synchronous = synchronous
        self._patience = patience
        self._lately = lately
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None

    def apply(self, *, in_any_case: bool = False, patience: float | None = None) -> None:
        """Apply what is in the log by now; with nothing new in it that takes a few dozen microseconds.

        Args:
            in_any_case: End with a commit even if there is nothing to apply.
            patience: For how many seconds to wait for others, instead of the usual ones.

        Raises:
            OSError: A segment cannot be read.
            sqlite3.Error: The database does not work, or somebody has kept it locked for too long.
            StoreError: A newer version has written the log.
        """
        patience = self._patience if patience is None else patience
        with self._alone(patience):
            segments = segments_in(self._directory)
            if not segments and not in_any_case:
                return
            connection = self._connection or self._connect()
            connection.execute(f"PRAGMA busy_timeout = {round(patience * 1000)}")
            unread = _unread(segments, _positions(connection))
            if not in_any_case and not unread:
                return
            try:
                # After a long outage there are many: not all of them are held in memory at once.
                for some, until in _in_parts(segments, unread):
                    connection.execute("BEGIN IMMEDIATE")
                    self._apply(connection, some, until)
                    connection.execute("COMMIT")
            except BaseException:
                self._disconnect()  # and so rolls back
                raise

    @contextmanager
    def _alone(self, patience: float) -> Iterator[None]:
        if not self._lock.acquire(timeout=patience):
            raise sqlite3.OperationalError("database is locked")
        try:
            yield
        finally:
            self._lock.release()

    def apply_within(self, connection: sqlite3.Connection) -> None:
        """Apply what is in the log by now within a transaction that has taken the lock.

        Raises:
            OSError, sqlite3.Error, StoreError: As `apply`.
        """
        segments = segments_in(self._directory)
        if segments:
            connection.execute(_POSITIONS)
            if _unread(segments, _positions(connection)):
                self._apply(connection, segments)

    def position(self, segment: Path) -> int:
        """Return up to where a segment has been applied.

        Raises:
            sqlite3.Error: The database does not work.
        """
        with self._lock:
            return _positions(self._connection or self._connect()).get(segment.name, 0)

    def reap(self) -> None:
        """Apply and remove the segments of processes that have ended.

        Raises:
            OSError, sqlite3.Error, StoreError: As `apply`.
        """
        with ExitStack() as opened:
            left = []
            for path in segments_in(self._directory):
                fd = os.open(path, os.O_RDONLY)
                opened.callback(os.close, fd)
                if lock(fd):
                    left.append((path, fd))
            if not left:
                return
            self.apply(in_any_case=True)
            for path, fd in left:
                position = self.position(path)
                if unread := os.fstat(fd).st_size - position:
                    _say_what_is_unread(path, position, unread)
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._disconnect()

    def _apply(self, connection: sqlite3.Connection, segments: list[Path], until: int | None = None) -> None:
        until = time.monotonic_ns() if until is None else until
        there = {path.name for path in segments_in(self._directory)}
        positions = {name: position for name, position in _positions(connection).items() if name in there}
        found: list[Rows] = []
        for path in segments:
            try:
                batches, positions[path.name], damaged = self._batches(
                    path, positions.get(path.name, 0), until
                )
                if damaged:
                    keep_damaged(path, damaged)
            except FileNotFoundError:
                continue
            found += batches
        _write(connection, _latest(sorted(found, key=stamp_of)))
        connection.execute("DELETE FROM redo_positions")
        connection.executemany("INSERT INTO redo_positions VALUES (?, ?)", positions.items())

    def _batches(self, path: Path, position: int, until: int) -> Records:
        """Return the batches of a segment from a position on. Raises FileNotFoundError, StoreError."""
        found = None if self._lately is None else self._lately.take(path, position)
        return read_records(path, position, until) if found is None else found

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._database,
            timeout=self._patience,
            isolation_level=None,
            cached_statements=1_024,
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
            connection.execute(_POSITIONS)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _in_parts(segments: list[Path], unread: int) -> Iterator[tuple[list[Path], int | None]]:
    """Return which segments are to be applied together, and what of them: all that is older than the first of the rest.

    A process begins a segment when it has filled the one before, so besides those that are new in a part there are as
    many of earlier ones as there are processes.
    """
    if len(segments) <= _AT_ONCE or unread <= _LITTLE:
        yield segments, None
        return
    begun: dict[Path, int] = {}
    for path in segments:
        with suppress(FileNotFoundError):
            begun[path] = begun_at(path)
    in_order = sorted(begun, key=begun.__getitem__)
    for end in range(_AT_ONCE, len(in_order), _AT_ONCE):
        # What has no times is of one process, and in the order of its segments.
        yield in_order[:end], max(begun[in_order[end]] - 1, UNSTAMPED)
    yield in_order, None


def _latest(batches: list[Rows]) -> Rows:
    latest: dict[str, dict[Hashable, tuple[Any, ...] | None]] = {}
    for batch in batches:
        for kind, rows in batch.items():
            if kind != STAMP:
                latest.setdefault(kind, {}).update(rows)
    return latest


def _say_what_is_unread(path: Path, position: int, unread: int) -> None:
    if is_cut_off(path, position):
        log.info("an earlier process was cut off while it committed", file=path.name, bytes=unread)
    else:
        keep_damaged(path, unread)


def _positions(connection: sqlite3.Connection) -> dict[str, int]:
    """Return how far each segment has been applied."""
    with closing(connection.execute("SELECT segment, position FROM redo_positions")) as found:
        return dict(found)


def _unread(segments: list[Path], positions: dict[str, int]) -> int:
    """Return how many bytes there are to apply."""
    found = 0
    for path in segments:
        with suppress(FileNotFoundError):
            found += abs(path.stat().st_size - positions.get(path.name, 0))
    return found


def _write(connection: sqlite3.Connection, rows: Rows) -> None:
    connection.execute("SAVEPOINT rows")
    try:
        for statement in _statements(rows):
            connection.execute(*statement)
    except _ROW_ERRORS:
        connection.execute("ROLLBACK TO rows")
        _write_one_by_one(connection, rows)
    connection.execute("RELEASE rows")


def _write_one_by_one(connection: sqlite3.Connection, rows: Rows) -> None:
    """Write what can be written of rows of which the database has refused one."""
    for name, of_kind in rows.items():
        for key, row in of_kind.items():
            clean = None if row is None else storable(row)
            try:
                for statement in _statements({name: {_storable_key(key): clean}}):
                    connection.execute(*statement)
            except _ROW_ERRORS as error:
                row_refused(name, key, error)


def _statements(rows: Rows) -> list[_Statement]:
    statements: list[_Statement] = []
    for name, of_kind in rows.items():
        kind = KINDS[name]
        kept = [row for row in of_kind.values() if row is not None]
        for start in range(0, len(kept), LONGEST):
            part = kept[start : start + LONGEST]
            statements.append((sqlite_upsert(kind, len(part)), list(chain.from_iterable(part))))
        if len(kept) < len(of_kind):
            statements += _deletes(kind, [key for key, row in of_kind.items() if row is None])
    return statements


def _deletes(kind: Kind, keys: list[Any]) -> list[_Statement]:
    statements: list[_Statement] = []
    for start in range(0, len(keys), LONGEST):
        part = keys[start : start + LONGEST]
        values = part if len(kind.key) == 1 else list(chain.from_iterable(part))
        statements.append((sqlite_delete(kind, len(part)), values))
    return statements


def _storable_key(key: Hashable) -> Any:
    return storable(key) if isinstance(key, tuple) else storable((key,))[0]

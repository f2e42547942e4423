"""Commits batches to SQLite: one thread, one plain connection, the fewest trips into the library.

Each trip gives the interpreter lock away and has to win it back from the loop, so a batch of one kind is a
single statement that commits by itself.  Waiting for the lock happens here as well; checkpoints are made
by ``sqlite_checkpoint.py``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Hashable
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from sipwright.store.rows import KINDS, Kind, storable
from sipwright.store.sqlite_checkpoint import Checkpointer
from sipwright.store.statements import LONGEST, sqlite_delete, sqlite_upsert
from sipwright.store.writer import Batch, Row, batch_refused, outage_began, outage_ended, row_refused

__all__ = ["SqliteCommitter"]

_CACHE_KB = 65_536
_BUSY_SECONDS = 5.0
_BACKOFF = (0.05, 0.1, 0.2, 0.5, 1.0)

# Errors that the same rows will cause again, as opposed to those of the file or the disk.
_ROW_ERRORS = (
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
    OverflowError,
    UnicodeEncodeError,
)

_Statement = tuple[str, list[Any]]


class SqliteCommitter:
    """The writer thread."""

    def __init__(self, path: Path, synchronous: str = "normal") -> None:
        self.failing_since: float | None = None
        self._path = path
        self._synchronous = synchronous
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._connection: sqlite3.Connection | None = None
        self._checkpointer: Checkpointer | None = None

    def start(self, on_done: Callable[[Batch], None]) -> None:
        """Get ready."""
        self._on_done = on_done
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def submit(self, batch: Batch) -> None:
        """Begin to commit a batch."""
        self._queue.put(batch)

    async def close(self) -> None:
        """Stop, and give up a batch that cannot be committed."""
        self._stopping.set()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            if not self._commit_for_sure(batch):
                break
            try:
                self._loop.call_soon_threadsafe(self._on_done, batch)
            except RuntimeError:
                break  # the loop is closed: nobody waits any more
        if self._checkpointer is not None:
            self._checkpointer.close()
        self._disconnect()

    def _commit_for_sure(self, batch: Batch) -> bool:
        """Commit a batch, through an outage if need be; False when told to stop meanwhile."""
        attempt = 0
        while True:
            try:
                self._commit(batch)
            except sqlite3.Error as error:
                self._disconnect()
                if self.failing_since is None:
                    self.failing_since = outage_began(error)
                if self._stopping.wait(_BACKOFF[min(attempt, len(_BACKOFF) - 1)]):
                    return False
                attempt += 1
            except Exception:
                self._disconnect()
                batch_refused(batch)
                return True
            else:
                if self.failing_since is not None:
                    outage_ended(self.failing_since)
                    self.failing_since = None
                return True

    def _commit(self, batch: Batch) -> None:
        connection = self._connection or self._connect()
        try:
            _run(connection, _statements(batch.rows))
        except _ROW_ERRORS:
            _roll_back(connection)
            self._commit_one_by_one(connection, batch)
        if self._checkpointer is not None:
            self._checkpointer.committed(batch.size, connection)

    def _commit_one_by_one(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Save what can be saved of a batch of which the database has refused some row."""
        connection.execute("BEGIN IMMEDIATE")
        for name, rows in batch.rows.items():
            for key, row in rows.items():
                clean = None if row is None else storable(row)
                try:
                    for statement in _statements({name: {_storable_key(key): clean}}):
                        connection.execute(*statement)
                except _ROW_ERRORS as error:
                    row_refused(name, key, error)
                    batch.refused.add((name, key))
        connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, cached_statements=1_024
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        if self._checkpointer is None:
            self._checkpointer = Checkpointer(self._path)
        self._connection = connection
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.close()
            except sqlite3.Error:
                pass  # what was committed is safe, and the rest is tried again


def _run(connection: sqlite3.Connection, statements: list[_Statement]) -> None:
    if len(statements) == 1:
        connection.execute(*statements[0])
        return
    connection.execute("BEGIN IMMEDIATE")
    for sql, values in statements:
        connection.execute(sql, values)
    connection.execute("COMMIT")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _statements(batch: dict[str, dict[Any, Row | None]]) -> list[_Statement]:
    statements: list[_Statement] = []
    for name, rows in batch.items():
        if not rows:
            continue
        kind = KINDS[name]
        kept = [row for row in rows.values() if row is not None]
        for start in range(0, len(kept), LONGEST):
            part = kept[start : start + LONGEST]
            statements.append((sqlite_upsert(kind, len(part)), list(chain.from_iterable(part))))
        if len(kept) < len(rows):
            statements += _deletes(kind, [key for key, row in rows.items() if row is None])
    return statements


def _deletes(kind: Kind, keys: list[Any]) -> list[_Statement]:
    statements: list[_Statement] = []
    for start in range(0, len(keys), LONGEST):
        part = keys[start : start + LONGEST]
        values = part if len(kind.key) == 1 else list(chain.from_iterable(part))
        statements.append((sqlite_delete(kind, len(part)), values))
    return statements


def _storable_key(key: Hashable) -> Any:
    if isinstance(key, tuple):
        return storable(key)
    return storable((key,))[0]

"""Commits batches to SQLite: at once in the loop while that is quick, else in a thread, which may wait.

A commit writes to the log and syncs nothing, which takes some 50 microseconds; handing it to a thread and hearing of
it costs more than that.  Whatever takes long is left to the thread: the lock that another process holds, the sync
when the log begins anew after a checkpoint (``sqlite_checkpoint.py``), a fault, and everything for a while once a
commit was slow: for a moment the first time, as a busy machine may have been the cause, for longer when it happens
again.  There is one batch at a time, so order is kept whoever commits it.

Each trip into the library gives the interpreter lock away and has to win it back, so a batch of one kind is a single
statement that commits by itself.
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
# A commit in the loop that took so many seconds sends the next ones to the thread: for as many seconds as the first of
# these, and twice as long each time, until there was none for as many seconds as the second.
_SLOW = 0.01
_RESPITES = (0.1, 10.0)
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
    """Two connections, one for the loop and one for the writer thread, which are never used at the same time."""

    def __init__(self, path: Path, synchronous: str = "normal") -> None:
        self.failing_since: float | None = None
        self._path = path
        self._synchronous = synchronous
        self._syncs = synchronous != "normal"
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._connection: sqlite3.Connection | None = None
        self._checkpointer: Checkpointer | None = None
        self._near: sqlite3.Connection | None = None
        self._near_from = 0.0
        self._respite = _RESPITES[0]

    def start(self, on_done: Callable[[Batch], None]) -> None:
        """Get ready."""
        self._on_done = on_done
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def submit(self, batch: Batch) -> None:
        """Commit a batch now, or begin to."""
        if self._commit_here(batch):
            self._on_done(batch)
        else:
            self._queue.put(batch)

    async def close(self) -> None:
        """Stop, and give up a batch that cannot be committed."""
        self._stopping.set()
        self._leave_near()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _commit_here(self, batch: Batch) -> bool:
        """Commit in the loop; False when the batch is left to the thread."""
        checkpointer, started_at = self._checkpointer, self._loop.time()
        if checkpointer is None or checkpointer.has_folded or started_at < self._near_from or self._syncs:
            return False
        try:
            if self._near is None:
                self._near = self._open(timeout=0.0)
            _run(self._near, _statements(batch.rows))
        except Exception:  # the thread meets it too, and has the time to say so
            self._near_from = started_at + _RESPITES[1]
            self._leave_near()
            return False
        checkpointer.count(batch.size)
        if self._loop.time() - started_at > _SLOW:
            self._rest_from(started_at)
        return True

    def _rest_from(self, now: float) -> None:
        """Leave the next commits to the thread."""
        shortest, longest = _RESPITES
        self._respite = shortest if now > self._near_from + longest else min(2 * self._respite, longest)
        self._near_from = now + self._respite

    def _leave_near(self) -> None:
        near, self._near = self._near, None
        if near is not None:
            try:
                near.close()  # and so rolls back
            except sqlite3.Error:
                pass

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
        if self._checkpointer is not None:
            self._checkpointer.fold_rest(connection)
        try:
            _run(connection, _statements(batch.rows))
        except _ROW_ERRORS:
            _roll_back(connection)
            self._commit_one_by_one(connection, batch)
        if self._checkpointer is not None:
            self._checkpointer.count(batch.size)

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
        connection = self._open(timeout=_BUSY_SECONDS)
        if self._checkpointer is None:
            self._checkpointer = Checkpointer(self._path)
        self._connection = connection
        return connection

    def _open(self, timeout: float) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=timeout, isolation_level=None, cached_statements=1_024
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
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

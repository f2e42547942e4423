"""SQLite behind ``read`` and ``write``: in threads, and with the redo log applied first."""

from __future__ import annotations

import asyncio
import getpass
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError

from sipwright.store.database.database import NO_TEXT
from sipwright.store.errors import DatabaseAwayError, StoreError
from sipwright.store.writing.board import Board, Glance, noted_news
from sipwright.store.writing.log import directory_of, discard
from sipwright.store.writing.log_applier import Applier

__all__ = ["DatabaseFile", "SqliteDatabase"]

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds for which the lock of another process is waited for, unless somebody has less patience."""

_AT_LEAST = 0.05
_HURRY_FOR = 2.0
"""Seconds for which nobody waits any longer for a lock that one has waited for in vain."""


class Applying(Protocol):
    """The process that brings the tables up to date for this one."""

    async def apply(self) -> None:
        """Wait until they have all that is committed by now.

        Raises:
            TimeoutError: It takes too long.
        """

    def close(self) -> None:
        """Ask for nothing more."""


class DatabaseFile:
    """The file of an SQLite database, which has to stay where it is: what is written to one that was moved is lost."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._path = Path(parsed.database or "")
        self._opened: os.stat_result | None = None
        if parsed.get_backend_name() == "sqlite" and self._path.is_file():
            self._opened = self._path.stat()

    def displaced(self) -> str | None:
        """Say what has become of it since it was opened, if anything has."""
        if self._opened is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return f"the database {self._path} is not there any more"
        if not os.path.samestat(found, self._opened):
            return f"the database {self._path} is another file than the one that was opened"
        return None


class SqliteDatabase:
    """SQLite in WAL mode: readers never wait, and the one writer at a time is waited for."""

    dialect = "sqlite"
    catch_up: Callable[[], Awaitable[None]] | None = None  # whoever reads applies the log: see `read`

    def __init__(self, url: URL, patience: float = PATIENCE) -> None:
        self.url = url.set(drivername="sqlite")
        self._waiting = _Waiting(patience)
        if not url.database or url.database == ":memory:":
            raise StoreError("an in-memory database cannot be shared with the command line; name a file")
        self.path = Path(url.database)
        if not self.path.parent.is_dir():
            raise StoreError(f"there is no folder {self.path.parent} for the database; run 'sipwright init'")
        if not self.path.exists():
            discard(directory_of(self.path))  # what another database has left says nothing about a new one
        self._engine = create_engine(self.url, connect_args={"timeout": patience})
        self._readers = self._engine.execution_options(sipwright_reads=True)
        # The driver's own guessing of transactions is off; see _begin.
        event.listen(self._engine, "connect", _prepare_connection)
        event.listen(self._engine, "begin", _begin)
        self._applier = Applier(self.path, patience=patience)
        self.applied_by: Applying | None = None
        """Lets another process bring the tables up to date, where one keeps the database for several."""
        self.board = Board(self.path)
        """Where workers are told of what is written here; one that looks there keeps it."""
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="store")

    async def read(self, work: Callable[[Connection], T], *, of_nodes: bool = True) -> T:
        """Run queries in a transaction of their own."""
        until = self._waiting.until()
        is_behind = of_nodes and not await self._is_applied_elsewhere()

        def in_thread() -> T:
            if is_behind:
                self._applier.apply(patience=self._waiting.left(until))
            with self._begun(self._readers, until) as connection:
                return work(connection)

        return await self._run(in_thread)

    async def write(
        self, work: Callable[[Connection], T], *, of_nodes: bool = True, patience: float | None = 60.0
    ) -> T:
        """Run statements in one transaction."""
        until = self._waiting.until()
        if of_nodes:
            await self._is_applied_elsewhere()  # so that there is little left to do under the lock

        def in_thread() -> T:
            with self._begun(self._engine, until) as connection:
                noted_news(connection)  # of a transaction that was taken back
                if of_nodes:
                    # Nothing that was committed before may be applied over what is written now.
                    self._applier.apply_within(
                        # SQLAlchemy does not say whose connection it is: SQLite's.
                        cast("sqlite3.Connection", connection.connection.driver_connection)
                    )
                found = work(connection)
                news = noted_news(connection)
            self.board.tell(*news)
            return found

        return await self._run(in_thread)

    def glance(self, kind: int) -> Glance:
        """Return what says whether there may be news: always, unless several workers have the file."""
        return Glance(self.board if self.board.is_kept else None, kind)

    async def bound_silence(self, seconds: int) -> None:
        """Do nothing: whoever has the file is on this machine, and ends with it."""

    async def close(self) -> None:
        """Give back every connection."""
        if self.applied_by is not None:
            self.applied_by.close()
        self._applier.close()
        self.board.close()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._engine.dispose)
        self._threads.shutdown()

    async def _is_applied_elsewhere(self) -> bool:
        if self.applied_by is None:
            return False
        try:
            await self.applied_by.apply()
        except TimeoutError:
            return False
        return True

    @contextmanager
    def _begun(self, engine: Engine, until: float) -> Iterator[Connection]:
        """Begin a transaction, whose lock is waited for until then."""
        with engine.connect() as connection:
            # SQLAlchemy does not say whose connection it is: SQLite's.
            driver = cast("sqlite3.Connection", connection.connection.driver_connection)
            driver.execute(f"PRAGMA busy_timeout = {round(self._waiting.left(until) * 1000)}")
            with connection.begin():
                yield connection

    async def _run(self, in_thread: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, in_thread)
        except DBAPIError as error:
            raise self._away(error.orig) from error
        except (UnicodeEncodeError, OverflowError) as error:
            raise StoreError(NO_TEXT) from error
        except (sqlite3.Error, OSError) as error:
            raise self._away(error) from error

    def _away(self, error: object) -> DatabaseAwayError:
        if "locked" in str(error):
            self._waiting.was_in_vain()
        return DatabaseAwayError(
            f"the database {self.path} does not work: {error}{_advice(str(error), self.path)}"
        )


class _Waiting:
    """How long a lock is waited for: by whoever comes, all that they do together, and by nobody once that was in vain.

    Who waits for a thread meanwhile still tries: it may be others that have kept them waiting, and no lock.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._hurry_until = 0.0

    def until(self) -> float:
        """Return until when somebody waits who comes now."""
        return time.monotonic() + self._patience

    def left(self, until: float) -> float:
        """Return for how many seconds they wait still."""
        now = time.monotonic()
        return _AT_LEAST if now < self._hurry_until else max(_AT_LEAST, until - now)

    def was_in_vain(self) -> None:
        """Note that somebody has waited in vain."""
        self._hurry_until = time.monotonic() + min(_HURRY_FOR, self._patience)


def _advice(error: str, path: Path) -> str:
    """Say what to do about an error of SQLite, where that is known."""
    if "locked" in error:
        return f"; another program keeps it locked: 'fuser {path}' says which"
    if "readonly" in error or "unable to open" in error:
        try:
            owner = path.owner() if path.exists() else path.parent.owner()
        except (KeyError, OSError):
            return ""
        return f"; it belongs to {owner}, and this is {getpass.getuser()}"
    return ""


def _prepare_connection(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _switch_to_wal(connection: Any) -> None:
    """Switch a new file to WAL; for this one statement SQLite does not wait when another process does the same."""
    until = time.monotonic() + 1.0  # where it does wait, it has done so by then
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise
            time.sleep(0.02)


def _begin(connection: Connection) -> None:
    # A transaction that will write takes the lock first: upgrading one that has read can fail at once.
    reads = connection.get_execution_options().get("sipwright_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

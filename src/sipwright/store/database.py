"""A connection to SQLite or PostgreSQL behind two verbs, ``read`` and ``write``.

Work is an ordinary function of a SQLAlchemy Core ``Connection``, run inside one transaction: on SQLite in
a thread, on PostgreSQL in SQLAlchemy's greenlet over asyncpg, so that the same code serves both and never
blocks the loop.  The hot writes of a running node do not come through here: see
``store/writing/writer.py``.  On SQLite they are in the redo log for a second before they are in the tables; both
verbs apply it first.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from sqlalchemy import Connection, Select, Table, create_engine, event, insert, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError

from sipwright.store.errors import DatabaseAwayError, StoreError
from sipwright.store.writing.log import directory_of, discard
from sipwright.store.writing.log_applier import Applier

if TYPE_CHECKING:
    import asyncpg

__all__ = [
    "Database",
    "DatabaseFile",
    "PostgresDatabase",
    "SqliteDatabase",
    "insert_row",
    "missing_file",
    "open_database",
    "rows_as_stored",
]

T = TypeVar("T")

_BUSY_TIMEOUT_MS = 10_000
_ATTEMPTS = 5
# Serialization failure, deadlock, server shutting down, wrong server, and lost connections (08...).
_TRANSIENT = ("40001", "40P01", "57P01", "25006", "08")

_BAD_TEXT = "22021"

NO_TEXT = "there is something in it that no database keeps, such as half a character; leave it out"
"""What is said of a text with NUL or half a character, or of a number too large: the database is well."""


class Database(Protocol):
    """Where administration and start-up read and write."""

    url: URL
    dialect: str

    async def read(self, work: Callable[[Connection], T], *, of_nodes: bool = True) -> T:
        """Run queries in one transaction and give back what they found.

        Args:
            work: The queries.
            of_nodes: They look at tables that running nodes write (``rows.KINDS``): without it these may be behind.

        Raises:
            DatabaseAwayError: The database does not work.
        """

    async def write(self, work: Callable[[Connection], T], *, of_nodes: bool = True) -> T:
        """Run statements in one transaction, as `read`; it is repeated when the database asks for that."""

    async def close(self) -> None:
        """Give back every connection."""


def open_database(url: str) -> Database:
    """Choose the driver for a database URL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError(f"{url!r} is not a database URL; write sqlite:///FILE or postgresql://...") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return SqliteDatabase(parsed)
    if backend == "postgresql":
        return PostgresDatabase(parsed)
    raise StoreError(f"{backend}:// is not supported yet; use sqlite:///FILE or postgresql://USER@HOST/NAME")


def missing_file(url: str) -> Path | None:
    """Return the file of an SQLite database that is not there."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None
    if parsed.get_backend_name() != "sqlite" or not parsed.database or Path(parsed.database).exists():
        return None
    return Path(parsed.database)


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

    def __init__(self, url: URL) -> None:
        self.url = url.set(drivername="sqlite")
        if not url.database or url.database == ":memory:":
            raise StoreError("an in-memory database cannot be shared with the command line; name a file")
        self.path = Path(url.database)
        if not self.path.parent.is_dir():
            raise StoreError(f"there is no folder {self.path.parent} for the database; run 'sipwright init'")
        if not self.path.exists():
            discard(directory_of(self.path))  # what another database has left says nothing about a new one
        self._engine = create_engine(self.url, connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000})
        self._readers = self._engine.execution_options(sipwright_reads=True)
        # The driver's own guessing of transactions is off; see _begin.
        event.listen(self._engine, "connect", _prepare_connection)
        event.listen(self._engine, "begin", _begin)
        self._applier = Applier(self.path)
        self.applied_by: Callable[[], Awaitable[None]] | None = None
        """Lets another process bring the tables up to date, where one keeps the database for several."""
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="store")

    async def read(self, work: Callable[[Connection], T], *, of_nodes: bool = True) -> T:
        """Run queries in a transaction of their own."""
        is_behind = of_nodes and not await self._is_applied_elsewhere()

        def in_thread() -> T:
            if is_behind:
                self._applier.apply()
            with self._readers.begin() as connection:
                return work(connection)

        return await self._run(in_thread)

    async def write(self, work: Callable[[Connection], T], *, of_nodes: bool = True) -> T:
        """Run statements in one transaction."""
        if of_nodes:
            await self._is_applied_elsewhere()  # so that there is little left to do under the lock

        def in_thread() -> T:
            with self._engine.begin() as connection:
                if of_nodes:
                    # Nothing that was committed before may be applied over what is written now.
                    self._applier.apply_within(
                        cast("sqlite3.Connection", connection.connection.driver_connection)
                    )
                return work(connection)

        return await self._run(in_thread)

    async def close(self) -> None:
        """Give back every connection."""
        self._applier.close()
        await asyncio.get_running_loop().run_in_executor(self._threads, self._engine.dispose)
        self._threads.shutdown()

    async def _is_applied_elsewhere(self) -> bool:
        if self.applied_by is None:
            return False
        try:
            await self.applied_by()
        except TimeoutError:
            return False
        return True

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
        return DatabaseAwayError(
            f"the database {self.path} does not work: {error}{_advice(str(error), self.path)}"
        )


class PostgresDatabase:
    """PostgreSQL through asyncpg."""

    dialect = "postgresql"

    def __init__(self, url: URL) -> None:
        from sqlalchemy.ext.asyncio import create_async_engine

        self.url = url.set(drivername="postgresql")
        self.dsn = self.url.render_as_string(hide_password=False)
        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg", query={}),
            async_creator=self.connect,
            pool_size=3,
            pool_pre_ping=True,
        )

    async def connect(self) -> asyncpg.Connection:
        """Open one more connection, with the options of the URL (TLS, a socket folder, ...)."""
        import asyncpg

        return await asyncpg.connect(self.dsn, timeout=10)

    async def read(self, work: Callable[[Connection], T], *, of_nodes: bool = True) -> T:
        """Run queries in a transaction of their own."""
        return await self.write(work)

    async def write(self, work: Callable[[Connection], T], *, of_nodes: bool = True) -> T:
        """Run statements in one transaction."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with self._engine.begin() as connection:
                    return await connection.run_sync(work)
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None) or ""
                if state == _BAD_TEXT or isinstance(getattr(error.orig, "__cause__", None), ValueError):
                    raise StoreError(NO_TEXT) from error
                if attempt == _ATTEMPTS or not state.startswith(_TRANSIENT):
                    raise self._failure(error.orig) from error
                await asyncio.sleep(0.05 * attempt)
            except OSError as error:
                raise self._failure(error) from error
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Give back every connection."""
        await self._engine.dispose()

    def _failure(self, error: BaseException | None) -> DatabaseAwayError:
        return DatabaseAwayError(f"the database {self.url.render_as_string()} does not work: {error}")


def rows_as_stored(connection: Connection, query: Select[Any]) -> list[Sequence[Any]]:
    """Return rows as the driver gives them, which is quicker for a large table; SQLite's truth values are numbers."""
    result = connection.execute(query)
    try:
        cursor = result.cursor
        return [] if cursor is None else list(cursor.fetchall())
    finally:
        result.close()


def insert_row(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    """Insert a row and give the number that the database has given it."""
    return int(connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one())


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
    for attempt in range(50):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == 49:
                raise
            time.sleep(0.02)


def _begin(connection: Connection) -> None:
    # A transaction that will write takes the lock first: upgrading one that has read can fail at once.
    reads = connection.get_execution_options().get("sipwright_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

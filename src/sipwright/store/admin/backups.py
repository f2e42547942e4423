"""Copies of a whole database, made while switches write to it, and what is done with one before it is used again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, delete, select
from sqlalchemy.engine import make_url

from sipwright.store.errors import StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.rows import UNFINISHED
from sipwright.store.writing.log_applier import Applier

__all__ = ["copy_postgres", "copy_sqlite", "drop_calls", "restore_postgres"]

_PAGES = 2_000
"""Pages of 4 kB that are copied between two reports."""


def copy_sqlite(database: Path, target: Path, progress: Callable[[int, int], None] | None = None) -> None:
    """Copy an SQLite database as it is now, with all that its log has; nobody who writes waits for it.

    The copy needs no log of its own.

    Args:
        database: The file that switches may be writing to.
        target: The file to make.
        progress: Called with (pages done, pages in all).

    Raises:
        StoreError: The database does not work, or the disk is full.
    """

    def report(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    try:
        applier = Applier(database)
        try:
            applier.apply()
        finally:
            applier.close()
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copy:
            # One view of the database for the whole copy; without it each commit of others begins it anew.
            source.isolation_level = None
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=_PAGES, progress=report, sleep=0)
            # What of which segment is in the tables says nothing where the segments are not.
            copy.execute("DROP TABLE IF EXISTS redo_positions")
            copy.commit()
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, and nothing beside it
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the database {database} cannot be copied: {error}") from error


def copy_postgres(url: str, target: Path) -> None:
    """Copy a PostgreSQL database as it is now with `pg_dump`, in its custom format.

    Raises:
        StoreError: There is no `pg_dump`, or it has failed.
    """
    _run_tool("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")


def restore_postgres(url: str, dump: Path) -> None:
    """Put what `copy_postgres` made into a database, in place of what is there, all of it or nothing.

    Raises:
        StoreError: There is no `pg_restore`, or it has failed.
    """
    options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction")
    _run_tool("pg_restore", url, *options, str(dump))


def drop_calls(connection: Connection) -> int:
    """Forget the calls in progress and the runs of dialplans that wait: they are of another time. Give how many calls.

    The peers of those calls have long given up; to say everything to them once more would only confuse them.
    """
    calls = connection.execute(delete(tables.calls)).rowcount
    runs = select(tables.executions.c.id).where(tables.executions.c.state.in_(UNFINISHED))
    connection.execute(delete(tables.journal).where(tables.journal.c.execution_id.in_(runs)))
    connection.execute(delete(tables.executions).where(tables.executions.c.state.in_(UNFINISHED)))
    return calls


def _run_tool(name: str, url: str, *options: str) -> None:
    if shutil.which(name) is None:
        raise StoreError(f"there is no {name} here; install PostgreSQL's client (Debian: postgresql-client)")
    parsed = make_url(url).set(drivername="postgresql")
    # In the environment: a command line is there for everybody on the machine to read.
    secret = {"PGPASSWORD": parsed.password} if parsed.password else {}
    where = parsed._replace(password=None).render_as_string()
    done = subprocess.run(
        [name, f"--dbname={where}", *options],
        env={**os.environ, **secret},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise StoreError(f"{name} has failed: {lines[0]}")

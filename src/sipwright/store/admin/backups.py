"""Copies of a whole database, made while switches write to it, and what is done with one before it is used again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, delete, select
from sqlalchemy.engine import make_url

from sipwright.store.database import dialect_of_url
from sipwright.store.errors import StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.rows import UNFINISHED
from sipwright.store.writing.log_applier import Applier

__all__ = ["copy_server", "copy_sqlite", "drop_calls", "restore_server"]

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


def copy_server(url: str, target: Path) -> None:
    """Copy a database on a server as it is now: `pg_dump` in its custom format, or `mariadb-dump` in SQL.

    Raises:
        StoreError: There is no such program, or it has failed.
    """
    if dialect_of_url(url) == "postgresql":
        _run_postgres("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")
        return
    options = ("--single-transaction", "--quick", "--skip-lock-tables", "--hex-blob", "--no-tablespaces")
    _run_mariadb("mariadb-dump", url, *options, "--default-character-set=utf8mb4", f"--result-file={target}")


def restore_server(url: str, dump: Path) -> None:
    """Put what `copy_server` made into a database, in place of what is there.

    On PostgreSQL that is all of it or nothing; on MariaDB, which knows no such thing for tables, one that fails is to
    be repeated.

    Raises:
        StoreError: There is no program for it, or it has failed, or the file is only a part.
    """
    if dialect_of_url(url) == "postgresql":
        options = ("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction")
        _run_postgres("pg_restore", url, *options, str(dump))
        return
    with dump.open("rb") as sql:
        sql.seek(max(0, dump.stat().st_size - 200))
        if b"-- Dump completed" not in sql.read():
            raise StoreError(f"{dump.name} is only a part of what mariadb-dump makes: nothing was replaced")
        sql.seek(0)
        _run_mariadb("mariadb", url, "--default-character-set=utf8mb4", stdin=sql)


def drop_calls(connection: Connection) -> int:
    """Forget the calls in progress and the runs of dialplans that wait: they are of another time. Give how many calls.

    The peers of those calls have long given up; to say everything to them once more would only confuse them.
    """
    calls = connection.execute(delete(tables.calls)).rowcount
    runs = select(tables.executions.c.id).where(tables.executions.c.state.in_(UNFINISHED))
    connection.execute(delete(tables.journal).where(tables.journal.c.execution_id.in_(runs)))
    connection.execute(delete(tables.executions).where(tables.executions.c.state.in_(UNFINISHED)))
    return calls


def _run_postgres(name: str, url: str, *options: str) -> None:
    parsed = make_url(url).set(drivername="postgresql")
    secret = {"PGPASSWORD": parsed.password} if parsed.password else {}
    where = parsed._replace(password=None).render_as_string()
    _run([name, f"--dbname={where}", *options], secret, "PostgreSQL's client (Debian: postgresql-client)")


def _run_mariadb(name: str, url: str, *options: str, stdin: IO[bytes] | None = None) -> None:
    from sipwright.store.database.mariadb import servers_of

    parsed = make_url(url)
    secret = {"MYSQL_PWD": str(parsed.password)} if parsed.password else {}
    server = servers_of(parsed)[0]
    where = [f"--{'socket' if key == 'unix_socket' else key}={value}" for key, value in server.items()]
    user = [f"--user={parsed.username}"] if parsed.username else []
    _run(
        [name, "--no-defaults", *where, *user, *options, str(parsed.database)],
        secret,
        "MariaDB's client (Debian: mariadb-client)",
        stdin,
    )


def _run(command: list[str], secret: dict[str, str], package: str, stdin: IO[bytes] | None = None) -> None:
    """Run a program; the password is in its environment, as a command line is there for everybody to read."""
    name = command[0]
    if shutil.which(name) is None:
        raise StoreError(f"there is no {name} here; install {package}")
    done = subprocess.run(
        command,
        env={**os.environ, **secret},
        stdin=stdin or subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise StoreError(f"{name} has failed: {lines[0]}")

"""Throw-away database servers of our own, each with its files in memory, where there is room, and on a socket alone."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncmy

ROOM = 1_000_000_000

MARIADB = (
    "--no-defaults", "--skip-networking", "--skip-grant-tables", "--performance-schema=0", "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync",
    "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M", "--innodb-stats-persistent=0",
    "--innodb-fast-shutdown=2", "--innodb-autoinc-lock-mode=2", "--use-stat-tables=never", "--lock-wait-timeout=10",
)  # fmt: skip


def postgres_programs() -> Path | None:
    """Where PostgreSQL's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def folder_for(user: str, prefix: str) -> tuple[Path, list[str]]:
    """Make a folder that a server may use, and say how its programs are run: never as root."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    folder = Path(tempfile.mkdtemp(prefix=f"sipwright-{prefix}-", dir=memory if has_room else "/tmp"))
    if os.geteuid():
        return folder, []
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = user if user in known else "nobody"
    shutil.chown(folder, user)
    return folder, ["runuser", "-u", user, "--"]


@contextmanager
def postgres() -> Iterator[Path]:
    """A PostgreSQL server that listens on a socket in the folder that is given, and nowhere else."""
    programs = postgres_programs()
    assert programs is not None
    folder, as_user = folder_for("postgres", "pg")

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*as_user, str(programs / program), *arguments],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )

    data = str(folder / "data")
    options = (
        f"-c listen_addresses= -k {folder} -c fsync=off -c full_page_writes=off -c wal_level=minimal"
        " -c max_wal_senders=0 -c autovacuum=off -c max_connections=40"
    )
    try:
        run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            yield folder
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


SUMMER_TIME = "CET-1CEST,M3.5.0,M10.5.0/3"
"""The local time of a server, as it may be: an hour of it comes twice a year."""


class Mariadb:
    """A MariaDB server that listens on `socket`, and nowhere else."""

    def __init__(self, *options: str) -> None:
        self.folder, as_user = folder_for("mysql", "mariadb")
        self.socket = self.folder / "socket"
        self._options = [*options, *([f"--user={self.folder.owner()}"] if as_user else [])]
        self.environment = {**os.environ, "TZ": SUMMER_TIME}
        self.process: subprocess.Popen[bytes] | None = None
        for folder in ("data", "data/mysql"):  # Galera makes tables in the latter
            (self.folder / folder).mkdir()
            shutil.chown(self.folder / folder, self.folder.owner())

    def url(self, database: str) -> str:
        return f"mysql://root@/{database}?unix_socket={self.socket}"

    def start(self) -> None:
        program = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program is not None
        options = [f"--datadir={self.folder}/data", f"--socket={self.socket}", f"--tmpdir={self.folder}"]
        with (self.folder / "log").open("ab") as log:
            command = [program, *MARIADB, *options, *self._options]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment)
        wait_for(self.answers, "MariaDB")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2_000:]
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket))
                return bool(probe.recv(1))
            except OSError:
                return False

    def kill(self) -> None:
        """End it at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def stop(self) -> None:
        """End it in order."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)

    def copy_from(self, other: Mariadb) -> None:
        """Begin with what another one that has ended has stored."""
        shutil.rmtree(self.folder / "data")
        shutil.copytree(other.folder / "data", self.folder / "data")
        for path in (self.folder / "data", *(self.folder / "data").rglob("*")):
            shutil.chown(path, self.folder.owner())

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


async def query(socket_path: Path, *statements: str, database: str | None = None) -> Any:
    """Execute statements on MariaDB, and give what the last one has found."""
    connection = await asyncmy.connect(
        unix_socket=str(socket_path), user="root", database=database, autocommit=True
    )
    try:
        async with connection.cursor() as cursor:
            for statement in statements:
                await cursor.execute(statement)
            return await cursor.fetchall()
    finally:
        await connection.ensure_closed()


class CleanTables:
    """The tables of a database on MariaDB, and what makes them empty again: to make them anew takes seconds."""

    def __init__(self, socket_path: Path, database: str, tables: list[str]) -> None:
        self._socket, self._database = socket_path, database
        self._look = " UNION ALL ".join(
            f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM `{table}`)" for table in tables
        )

    @classmethod
    async def of(cls, socket_path: Path, database: str) -> CleanTables:
        found = await query(socket_path, "SHOW TABLES", database=database)
        return cls(socket_path, database, [name for (name,) in found if name != "alembic_version"])

    async def clean(self) -> None:
        """Delete every row, and number them anew."""
        numbered = (
            "SELECT table_name FROM information_schema.tables WHERE auto_increment > 1 AND table_schema = "
        )
        full = {name for (name,) in await query(self._socket, self._look, database=self._database)}
        full |= {name for (name,) in await query(self._socket, f"{numbered}'{self._database}'")}
        if full:
            others = "FROM information_schema.processlist WHERE id <> connection_id() AND db = "
            left = await query(
                self._socket, f"SELECT id {others}'{self._database}'"
            )  # by a test that has failed
            for (number,) in left:
                with contextlib.suppress(asyncmy.errors.OperationalError):  # it has ended meanwhile
                    await query(self._socket, f"KILL {number}")
            await query(
                self._socket,
                "SET foreign_key_checks = 0",
                *(f"TRUNCATE TABLE `{name}`" for name in sorted(full)),
                database=self._database,
            )


def wait_for(condition: Callable[[], bool], what: str, patience: float = 120.0) -> None:
    """Wait until a server answers, which no event announces."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"{what} does not answer"
        time.sleep(0.02)

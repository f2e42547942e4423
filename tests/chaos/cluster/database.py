"""A PostgreSQL server of our own, which can be ended and started again while nodes use it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["Postgres"]


class Postgres:
    """A server that listens on a socket in a folder, and nowhere else."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found:
            raise FileNotFoundError("PostgreSQL is not installed (Debian package: postgresql)")
        self._programs = found[-1].parent
        self._as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.folder = Path(tempfile.mkdtemp(prefix="sipwright-pg-", dir="/tmp"))
        if self._as_postgres:
            os.chown(self.folder, pwd.getpwnam("postgres").pw_uid, -1)
        self._data = str(self.folder / "data")
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run("initdb", "-D", self._data, *options)
        self.start()

    def url(self, name: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def create(self, name: str) -> str:
        """Make an empty database, and return its name."""
        self._run("createdb", "-h", str(self.folder), "-U", "postgres", name)
        return name

    def restart(self) -> None:
        """End the server as a crash would, and start it again."""
        self.kill()
        self.start()

    def kill(self) -> None:
        """End the server as a crash would."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def close(self) -> None:
        """End it, and remove what it has stored."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, with all that it has stored."""
        options = f"-c listen_addresses= -k {self.folder} -c fsync=off -c max_connections=100"
        self._run("pg_ctl", "-D", self._data, "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_postgres, str(self._programs / program), *arguments]
        silent = subprocess.DEVNULL
        subprocess.run(command, check=True, cwd=self.folder, stdout=silent, stderr=silent, timeout=60)

"""Two PostgreSQL servers under Patroni, of which the one that takes writes dies and the other one goes on.

It is used as `Postgres` is, so the load of the cluster runs on it as well. Debian's packages patroni, etcd-server
and postgresql are what it needs.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interop.harness.network import free_port

from .database import Postgres

__all__ = ["Patroni"]

HOST = "127.0.0.1"
LEASE, LOOK_EVERY, RETRY_FOR = 6, 1, 2
"""Seconds of ttl, loop_wait and retry_timeout: the smallest that go together."""

PATIENCE = 90.0


class Member:
    """One server and the Patroni that keeps it."""

    def __init__(self, name: str, folder: Path, etcd: int) -> None:
        self.name, self.port, self._rest = name, free_port(HOST), free_port(HOST)
        self.data = folder / name
        self._log = folder / f"{name}.log"
        self._settings = folder / f"{name}.json"
        self._settings.write_text(json.dumps(self._configure(folder, etcd)))
        self._process: subprocess.Popen[bytes] | None = None

    def _configure(self, folder: Path, etcd: int) -> dict[str, Any]:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1].parent
        everybody = [
            f"host all all {HOST}/32 trust",
            f"host replication all {HOST}/32 trust",
            "local all all trust",
        ]
        dcs = {
            "ttl": LEASE, "loop_wait": LOOK_EVERY, "retry_timeout": RETRY_FOR, "synchronous_mode": True,
            "postgresql": {"parameters": {"max_connections": 100}},
        }  # fmt: skip
        return {
            "scope": "sipwright",
            "name": self.name,
            "restapi": {"listen": f"{HOST}:{self._rest}", "connect_address": f"{HOST}:{self._rest}"},
            "etcd3": {"host": f"{HOST}:{etcd}"},
            "bootstrap": {"dcs": dcs, "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "no-sync"]},
            "postgresql": {
                "listen": f"{HOST}:{self.port}",
                "connect_address": f"{HOST}:{self.port}",
                "data_dir": str(self.data),
                "bin_dir": str(programs),
                "pgpass": str(folder / f"{self.name}.pgpass"),
                "pg_hba": everybody,
                "authentication": {
                    "superuser": {"username": "postgres", "password": "p"},
                    "replication": {"username": "copier", "password": "p"},
                },
                "parameters": {
                    "unix_socket_directories": str(folder),
                    "fsync": "off",
                    "full_page_writes": "off",
                },
            },
        }

    def start(self) -> None:
        """Start it: as the first one, or with a copy of what the other one has."""
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        with self._log.open("ab") as log:
            command = [*as_postgres, "patroni", str(self._settings)]
            self._process = subprocess.Popen(
                command, cwd=self.data.parent, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """End both at once, as when their machine dies, and all that was stored there with it."""
        process, self._process = self._process, None
        if process is None:
            return
        postmaster = self.data / "postmaster.pid"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if postmaster.exists():
            number = int(postmaster.read_text().split()[0])
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                pass
            _wait(lambda: not Path(f"/proc/{number}").exists(), f"{self.name} ends")
        shutil.rmtree(self.data, ignore_errors=True)

    def says(self, what: str) -> bool:
        """Return whether it says that it is the primary, or the sync standby, say."""
        connection = http.client.HTTPConnection(HOST, self._rest, timeout=5)
        try:
            connection.request("GET", f"/{what}")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    @property
    def log(self) -> str:
        """What it has said last."""
        return self._log.read_text(errors="replace")[-3_000:]


class Patroni(Postgres):
    """A pair with synchronous replication; `restart` lets it fail over."""

    def __init__(self) -> None:
        missing = [name for name in ("patroni", "etcd") if shutil.which(name) is None]
        if missing:
            raise FileNotFoundError(
                f"not installed: {', '.join(missing)} (Debian packages: patroni, etcd-server)"
            )
        self.folder = Path(tempfile.mkdtemp(prefix="sipwright-patroni-", dir="/tmp"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        etcd = free_port(HOST)
        self._etcd = self._start_etcd(etcd)
        self._members = [Member(name, self.folder, etcd) for name in ("one", "two")]
        try:
            for member in self._members:
                member.start()
                _wait(self._has_primary, "there is a primary")
            self._wait_until_whole()
        except BaseException:
            print(*(member.log for member in self._members), sep="\n")
            self.close()
            raise

    def url(self, name: str = "postgres") -> str:
        """Return the URL of a database, with both servers."""
        hosts = ",".join(f"{HOST}:{member.port}" for member in self._members)
        return f"postgresql://postgres:p@/{name}?host={hosts}&target_session_attrs=read-write"

    def restart(self) -> None:
        """Kill the server that takes writes, with its machine; the other one goes on, and gets a new standby."""
        self._wait_until_whole()
        dead = next(member for member in self._members if member.says("primary"))
        dead.kill()
        _wait(self._has_primary, "the other one is the primary")
        dead.start()

    def close(self) -> None:
        """End everything, and remove what it has stored."""
        for member in self._members:
            member.kill()
        self._etcd.kill()
        self._etcd.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_etcd(self, port: int) -> subprocess.Popen[bytes]:
        here, others = f"http://{HOST}:{port}", f"http://{HOST}:{free_port(HOST)}"
        command = [
            "etcd", "--data-dir", str(self.folder / "etcd"), "--unsafe-no-fsync",
            "--listen-client-urls", here, "--advertise-client-urls", here,
            "--listen-peer-urls", others, "--initial-advertise-peer-urls", others,
            "--initial-cluster", f"default={others}",
        ]  # fmt: skip
        with (self.folder / "etcd.log").open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def _has_primary(self) -> bool:
        return any(member.says("primary") for member in self._members)

    def _wait_until_whole(self) -> None:
        _wait(lambda: any(member.says("sync") for member in self._members), "there is a standby in step")


def _wait(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {PATIENCE:g} s")
        time.sleep(0.1)

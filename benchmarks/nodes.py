"""What registrations and calls cost on PostgreSQL, and a call whose two phones are at different nodes.

A registration and a call are measured at one node, beside Kamailio with its bindings in the same kind of database
(`db_mode=1`) where Debian's kamailio-postgres-modules are installed. Then there are two nodes: of a call that crosses
them, the caller's node has the call, and the callee's is the edge that leads to its phone. What PostgreSQL itself
spends is a row of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

from meter import cpu_seconds
from servers import HOST, WIDE_LIMITS, WIDE_LIMITS_SINCE_0_1, Kamailio, Server, Sipwright
from workloads import Cost, call, register, service

__all__ = ["measure_nodes"]

TABLES = Path("/usr/share/kamailio/postgres")
HEARD_WITHIN = 3.0
"""Seconds after which each node knows where the phones of the other one are."""

Costs = dict[tuple[str, str], list[Cost]]
"""What each round has cost, by what was done and by whom."""


class Database:
    """A PostgreSQL server on loopback, with everything as it comes, so that it keeps what it has promised."""

    def __init__(self, port: int) -> None:
        self._programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1].parent
        self._folder = Path(tempfile.mkdtemp(prefix="sipwright-bench-pg-"))
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as_user:
            shutil.chown(self._folder, "postgres")
        self.port = port
        self._data = str(self._folder / "data")
        self._do("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses={HOST} -c port={port} -k {self._folder}"
        self._do("pg_ctl", "-D", self._data, "-l", str(self._folder / "log"), "-o", options, "-w", "start")

    def url(self, name: str, kind: str = "postgresql") -> str:
        """Return where one of its databases is."""
        return f"{kind}://postgres:any@{HOST}:{self.port}/{name}"

    @property
    def pid(self) -> int:
        """The process at the head of the family."""
        return int((Path(self._data) / "postmaster.pid").read_text().split()[0])

    def make(self, name: str, *scripts: Path) -> None:
        """Make a database, and what some files of SQL say in it."""
        self._do("createdb", "-h", HOST, "-p", str(self.port), "-U", "postgres", name)
        for script in scripts:
            self._do(
                "psql",
                "-q",
                "-h",
                HOST,
                "-p",
                str(self.port),
                "-U",
                "postgres",
                "-d",
                name,
                "-f",
                str(script),
            )

    def close(self) -> None:
        """End it, and remove what it has stored."""
        self._do("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _do(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments]
        silent = subprocess.DEVNULL
        subprocess.run(command, check=True, cwd=self._folder, stdout=silent, stderr=silent, timeout=60)


class Node(Sipwright):
    """A switch that shares its database with others."""

    def __init__(self, port: int, name: str, url: str) -> None:
        super().__init__(port, name=name)
        self._variables = {"SIPWRIGHT_DATABASE__URL": url, "SIPWRIGHT_NODE": name}

    def start(self, users: int) -> None:
        """Start it with accounts, as the first one."""
        with mock.patch.dict("os.environ", self._variables):
            super().start(users)

    def join(self, first: Node) -> None:
        """Start it beside the first one."""
        data = self.folder / "data"
        data.mkdir()
        shutil.copy(first.folder / "data" / "sipwright.key", data)
        with mock.patch.dict("os.environ", self._variables):
            self._run("init", "--admin", "root", "--password", "very secret")
            self.launch(
                self._command("run"), SIPWRIGHT_SIP__UDP=json.dumps([f"{HOST}:{self.port}"]), SIPWRIGHT_SIP__TCP="[]",
                **WIDE_LIMITS, **WIDE_LIMITS_SINCE_0_1,
            )  # fmt: skip


def measure_nodes(port: int, rounds: int, counts: tuple[int, int], rate: int) -> Costs:
    """Return what registrations and calls have cost; `rate` is that of calls, and registrations come twice as often."""
    found: Costs = {}
    registrations, calls = counts
    with ExitStack() as stack:
        database = Database(port + 1)
        stack.callback(database.close)
        database.make("bench")
        first = Node(port, "north", database.url("bench"))
        stack.callback(first.close)
        first.start(rounds * registrations)
        rivals: list[Server] = [first]
        if Kamailio.program() is not None and TABLES.is_dir():
            scripts = [TABLES / "standard-create.sql", TABLES / "usrloc-create.sql"]
            database.make("kamailio", *scripts)
            rivals.append(Kamailio(port + 2, database=database.url("kamailio", "postgres")))
            stack.callback(rivals[1].close)
            rivals[1].start(0)
        for number in range(rounds):
            users = range(number * registrations, (number + 1) * registrations)
            for server in rivals if number % 2 == 0 else rivals[::-1]:
                with _noted(found, server.name, database, "registration") as costs:
                    costs.append(register(server, users, 2 * rate))
                with service(server), _noted(found, server.name, database, "call") as costs:
                    costs.append(call(server, calls, rate))
        second = Node(port + 4, "south", database.url("bench"))
        stack.callback(second.close)
        second.join(first)
        for number in range(rounds):
            _cross(found, (first, second) if number % 2 == 0 else (second, first), database, calls, rate)
    return found


def _cross(found: Costs, nodes: tuple[Node, Node], database: Database, calls: int, rate: int) -> None:
    """Call from a phone at one node to a phone at the other one."""
    near, far = nodes
    with service(far):
        time.sleep(HEARD_WITHIN)
        before = cpu_seconds(far.pid)
        with _noted(found, "the caller's node", database, "call across nodes") as costs:
            costs.append(call(near, calls, rate))
            spent = cpu_seconds(far.pid) - before
        edge = Cost(calls, spent, costs[-1].elapsed, rate)
        found.setdefault(("call across nodes", "the callee's node"), []).append(edge)


@contextmanager
def _noted(found: Costs, who: str, database: Database, what: str) -> Iterator[list[Cost]]:
    """Note what something has cost, and what it has cost the database."""
    before = cpu_seconds(database.pid)
    costs = found.setdefault((what, who), [])
    yield costs
    cost = Cost(costs[-1].count, cpu_seconds(database.pid) - before, costs[-1].elapsed, costs[-1].asked)
    found.setdefault((what, f"PostgreSQL, {who}"), []).append(cost)

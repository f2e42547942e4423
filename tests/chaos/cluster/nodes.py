"""The nodes as processes, on one database."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import signal
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg

from interop.harness import SharedSwitch, until
from sipwright.commands.control import ask

from ..process import WIDE, complaints

__all__ = ["NAMES", "Cluster", "Node"]

NAMES = ("north", "south", "east", "west", "up", "down")

EXPECTED = (
    "another node has taken over from this one",
    "switch stopped, as another node has its calls",
    "sipwright: another node has taken over",
    "a node cannot say that it lives",
    "the database is away",
    "the database cannot be reached",
    "changes cannot be followed",
    "what is said of accounts at other nodes cannot be followed",
    "registrations cannot be read; those that we have go on",
    "registrations at other nodes cannot be followed",
    "what other nodes ask and tell cannot be read",
)
"""What a node has to complain of when it, or the database, is ended: no fault."""


class Node(SharedSwitch):
    """A node that is ended in every way that there is."""

    patience = 60.0

    def __init__(
        self, name: str, url: str, key: Path | None, lost_after: float, port: int,
        settings: Mapping[str, str], program: Path | None = None,
    ) -> None:  # fmt: skip
        if program is not None:
            self.program = program
        super().__init__(name, url, key, lost_after=lost_after, port=port)
        self._settings = {"LOG__LEVEL": "warning", **WIDE, **settings}

    def run_command(self, *arguments: str) -> str:
        """Run a command of this release; what is made before the first start is made by the program that is started.

        A database that this release has brought up to date may be too new for that.
        """
        if self.program is Node.program or self._process is not None:
            return super().run_command(*arguments)
        self._take_key()
        command = [str(self.program), *arguments, "--data", str(self.data)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    async def launch(self) -> None:
        """Start it, and wait until it answers."""
        await asyncio.to_thread(self.start, **self._settings)

    async def kill(self) -> None:
        """End it without a word."""
        await asyncio.to_thread(self.stop, signal.SIGKILL)

    async def terminate(self) -> None:
        """Let it end as a service manager does."""
        await asyncio.to_thread(self.stop, signal.SIGTERM)

    def signal(self, how: signal.Signals) -> None:
        """Stop it, or let it go on."""
        assert self._process is not None
        self._process.send_signal(how)

    @property
    def is_stopped(self) -> bool:
        """Whether it stands still, as after SIGSTOP (`man 5 proc_pid_stat`)."""
        assert self._process is not None
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    async def ends(self, patience: float) -> bool:
        """Return whether it ends by itself within so many seconds; it is over then in any case."""
        try:
            await asyncio.to_thread(until, lambda: not self.is_running(), "it ends", patience)
        except TimeoutError:
            await self.kill()
            return False
        self._process = None
        return True

    async def command(self, *arguments: str) -> Any:
        """Run a command that answers in JSON on its data folder."""
        return json.loads(await asyncio.to_thread(self.run_command, *arguments, "--json"))

    async def status(self) -> dict[str, Any]:
        """Ask it how it is, also when it has something to complain of."""
        return await asyncio.to_thread(ask, self.data, "status")

    async def take_over(self, other: Node) -> int:
        """Go on at once with the calls of another node; return how many those are."""
        calls: int = (await self.command("node", "takeover", other.name))["calls"]
        return calls


class Cluster:
    """Several nodes, and what is asked of all of them."""

    def __init__(
        self, url: str, ports: Iterable[int], lost_after: float, plans: Mapping[str, str],
        accounts: Iterable[tuple[str, str, str]], providers: Mapping[str, str], settings: Mapping[str, str],
        program: Path | None = None, keep: Path | None = None,
    ) -> None:  # fmt: skip
        """Make a node for each port, with accounts, dialplans and providers in the database.

        Their logs are left in the folder `keep`.
        """
        self.url = url
        self._keep = keep
        self.nodes: list[Node] = []
        key = None
        for name, port in zip(NAMES, ports, strict=False):
            self.nodes.append(Node(name, url, key, lost_after, port, settings, program))
            key = self.nodes[0].key
        first = self.nodes[0]
        first.set_dialplans(plans)
        first.add_accounts(accounts)
        for provider, server in providers.items():
            first.add_provider(provider, server)

    async def open(self) -> None:
        """Start all of them."""
        for node in self.nodes:
            await node.launch()

    def at(self, address: tuple[str, int]) -> Node:
        """Return the node at an address."""
        return next(node for node in self.nodes if node.address == address)

    def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Ask the database."""
        numbers = itertools.count(1)
        query = re.sub(r"\?", lambda _: f"${next(numbers)}", query)

        async def ask() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.url)
            try:
                return [dict(row) for row in await connection.fetch(query, *arguments)]
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as threads:
            return threads.submit(asyncio.run, ask()).result()

    def tracebacks(self) -> list[str]:
        """Return the complaints in the logs, but for what they have to say of nodes and databases that end."""
        return [
            f"{node.name}: {complaint}"
            for node in self.nodes
            for complaint in complaints(node.log_text())
            if not complaint.startswith(EXPECTED)
        ]

    def close(self) -> None:
        """End all of them, and remove what they have stored."""
        for node in self.nodes:
            if node.is_running():
                node.signal(signal.SIGCONT)
            if self._keep is not None:
                (self._keep / f"{node.name}.log").write_text(node.log_text())
            node.close()

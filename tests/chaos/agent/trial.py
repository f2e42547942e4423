"""The nodes, what happens to them, and what is looked at in the end."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from interop.harness.network import free_port
from sipwright.sip.uri import Uri

from ..cluster.nodes import Cluster, Node
from ..cluster.registrar import GRANTED, Registrar
from ..ledger import Ledger
from ..process import HOST, PASSWORD
from ..talk import until

if TYPE_CHECKING:
    from ..load import Load

__all__ = ["MISHAPS", "Options", "Trial"]

TURN = 0.25
"""Seconds between two looks whether the provider has its turn."""

ENDS_WITHIN = 10.0
"""For how many seconds a node that was taken for dead may go on."""

LONGEST_ABSENCE = 12.0

THERE_WITHIN, SHARED_WITHIN = 120.0, 30.0
"""Seconds within which all users are there at first, and are shared out again in the end."""


OF_DEAF_PROVIDER = "part is down"
"""What a node says of each user whose provider does not answer it, as after a start with thirty at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What can be chosen: nodes, users, for how long something happens to nodes, and how often, in seconds."""

    nodes: int = 3
    users: int = 30
    seconds: float = 600.0
    lost_after: float = 5.0
    seed: int = 1
    pauses: tuple[float, float] = (10.0, 22.0)
    mishaps: Sequence[str] = ()
    is_quiet: bool = False


class Trial:
    """One run; what it has found is in its ledger."""

    def __init__(self, options: Options, database: str) -> None:
        self.options = options
        self.ledger = Ledger()
        self.dice = random.Random(options.seed)
        ports = [free_port(HOST) for _ in range(options.nodes)]
        self.address = HOST, ports[0]
        # A line knows of the load that it is part of what is set above.
        self.registrar = Registrar(cast("Load", self), free_port(HOST), options.users, options.lost_after)
        self._ports, self._database = ports, database
        self._away: dict[Node, asyncio.Task[None]] = {}
        self._began = time.monotonic()

    async def run(self) -> Ledger:
        """Do it all."""
        await self.registrar.open()
        self._cluster = await asyncio.to_thread(self._make_cluster)
        turns = asyncio.create_task(self._feel_turns())
        try:
            await self._cluster.open()
            if not await until(self._are_all_there, THERE_WITHIN):
                self.ledger.fault("client", "", "not all are registered at first")
            self._say("all are registered")
            await self._go_wrong()
            await self._look_at_the_end()
        finally:
            turns.cancel()
            for task in self._away.values():
                task.cancel()
            await self.registrar.close()
            self._cluster.close()
        return self.ledger

    def _make_cluster(self) -> Cluster:
        made = Cluster(self._database, self._ports, self.options.lost_after, {}, (), {}, {})
        server = f"{HOST}:{self.registrar.port}"
        for user in self.registrar.clients:
            made.nodes[0].add_provider(user, server, user, PASSWORD, "--register")
        return made

    def said(self, request: bytes) -> bytes:
        """Return what has to be the same whenever a request comes again: all of it."""
        return request

    def _are_all_there(self) -> bool:
        now = time.monotonic()
        return all(client.bound(now) for client in self.registrar.clients.values())

    async def _feel_turns(self) -> None:
        while True:
            due = time.monotonic() + TURN
            await asyncio.sleep(TURN)
            self.ledger.turn(due, time.monotonic())

    async def _go_wrong(self) -> None:
        """Let something happen to one node after another, while another one is left."""
        options, until_when = self.options, time.monotonic() + self.options.seconds
        while time.monotonic() < until_when:
            well = [node for node in self._cluster.nodes if node not in self._away]
            if len(well) > 1:
                what, node = self.dice.choice(options.mishaps or sorted(MISHAPS)), self.dice.choice(well)
                self._say(f"{what} {node.name}")
                self.ledger.counts[f"times {what}"] += 1
                self._away[node] = asyncio.create_task(self._happen(what, node))
            await asyncio.sleep(self.dice.uniform(*options.pauses))
        while self._away:
            await asyncio.gather(*self._away.values())

    async def _happen(self, what: str, node: Node) -> None:
        try:
            await MISHAPS[what](self, node)
        finally:
            del self._away[node]

    async def _kill(self, node: Node) -> None:
        await node.kill()
        await self._absent(node)

    async def _terminate(self, node: Node) -> None:
        await node.terminate()
        await self._absent(node)

    async def _absent(self, node: Node) -> None:
        await asyncio.sleep(self.dice.uniform(0.0, min(LONGEST_ABSENCE, 3 * self.options.lost_after)))
        await node.launch()

    async def _doze(self, node: Node) -> None:
        """Stop a node for half of the time after which it is lost, in which nobody goes on with what it has."""
        await self._stand_still(node, self.options.lost_after / 2)
        if not node.is_running():
            self.ledger.fault("zombie", node.name, "ended though nobody had taken over")
            await node.ends(0.0)
            await node.launch()

    async def _sleep(self, node: Node) -> None:
        await self._stand_still(node, 3 * self.options.lost_after)
        if not await node.ends(ENDS_WITHIN):
            self.ledger.fault("zombie", node.name, f"went on for {ENDS_WITHIN:g} s")
        await node.launch()

    async def _stand_still(self, node: Node, seconds: float) -> None:
        node.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            node.signal(signal.SIGCONT)

    async def _look_at_the_end(self) -> None:
        """Note who is not registered once all nodes are back, and which node nobody is registered by."""
        await until(lambda: not self._idle(), max(SHARED_WITHIN, GRANTED))
        for name in self._idle():
            self.ledger.fault("client", name, "nobody is registered by it in the end")
        self._say("all nodes are back")
        self.registrar.check()
        for complaint in self._cluster.tracebacks():
            if not complaint.partition(": ")[2].startswith(OF_DEAF_PROVIDER):
                self.ledger.fault("log", "", complaint)

    def _idle(self) -> list[str]:
        shares = self._shares()
        return [node.name for node in self._cluster.nodes if not shares[node.name]]

    def _shares(self) -> Counter[str]:
        """Return how many users each node has registered, by the contacts that are bound."""
        now, names = time.monotonic(), {node.port: node.name for node in self._cluster.nodes}
        bound = [uri for client in self.registrar.clients.values() for uri in client.bound(now)]
        return Counter(names.get(Uri.parse(uri).port or 0, "nobody that is known") for uri in bound)

    def _say(self, what: str) -> None:
        if not self.options.is_quiet:
            shares = ", ".join(f"{name} {count}" for name, count in sorted(self._shares().items()))
            print(
                f"{time.monotonic() - self._began:6.1f} s  {what:20} registered by {shares or 'none'}",
                flush=True,
            )


MISHAPS = {
    "kill": Trial._kill, "terminate": Trial._terminate, "doze": Trial._doze, "sleep": Trial._sleep,
}  # fmt: skip

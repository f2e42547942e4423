"""The load of `make chaos` on several nodes, of which one after another dies."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sipwright.transport.flow import Address

from ..ledger import Outage
from ..line import Line
from ..load import Load, Options
from ..process import HOST, PASSWORD
from ..scripts import ACCOUNTS, dialplans
from .bus import NatsServer
from .database import Postgres
from .ending import check_end
from .harm import HARMS, Harm
from .lamps import Lamps
from .nodes import Cluster, Node
from .registrar import Registrar
from .transfers import Transfers

__all__ = ["ClusterLoad", "ClusterOptions"]

HEARD_WITHIN = 2.0
"""Seconds after which all nodes know of a registration."""

WATCHED = ("pa", "pb", "pc", "wa", "xa", "xc")
"""Accounts that have a lamp."""

_BACK = re.compile(rb";(?:flow|rport)=[^;\r\n]*|\nRecord-Route:[^\n]*")
"""How the edge of a node names the way back, which is another one when another node has the call, or acts for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions(Options):
    """What can be chosen: how many nodes, how many rounds of which harms, and after how long a node is lost.

    Where somebody says that a node is dead, its calls have to answer again within `told_within` seconds. The harms take
    turns, each `interval` seconds after the one before has begun, and so do the nodes that they are done to. So many
    users are `registered` at a provider. What the nodes have logged is left in the folder `keep`.
    """

    nodes: int = 3
    rounds: int = 30
    harms: tuple[str, ...] = ("kill", "lose", "pause", "database", "restart", "drain")
    lost_after: float = 10.0
    told_within: float = 2.0
    registered: int = 6
    program: Path | None = None
    keep: Path | None = None


class ClusterLoad(Load):
    """One run; `run` returns the ledger."""

    options: ClusterOptions
    switch: Cluster

    def __init__(
        self,
        options: ClusterOptions,
        database: Postgres,
        name: str = "postgres",
        bus: NatsServer | None = None,
    ) -> None:
        super().__init__(options)
        self.database = database
        self.bus = bus
        self._name = name
        self._node_ports = [self.address[1], *(next(self.ports) for _ in range(options.nodes - 1))]
        addresses = self.addresses
        self._standing = [Line(self, next(self.ports), ()) for _ in addresses]
        self._registrar = Registrar(self, next(self.ports), options.registered, options.lost_after)
        self.lamps = Lamps(self, next(self.ports), WATCHED)
        self.lines += [*self._standing, self._registrar, self.lamps]
        self._first_homes = {}
        for number, line in enumerate(self.lines):
            self._first_homes[line] = line.home = addresses[number % len(addresses)]
        for line, address in zip(self._standing, addresses, strict=True):
            self._first_homes[line] = line.home = address

    @property
    def addresses(self) -> list[Address]:
        return [(self.address[0], port) for port in self._node_ports]

    def _make_switch(self, providers: dict[str, str]) -> Cluster:
        settings = self.outside.settings
        if self.bus is not None:
            settings |= {"CLUSTER__NATS": self.bus.url}
        cluster = Cluster(
            self.database.url(self._name), self._node_ports, self.options.lost_after,
            dialplans(self.outside.web, self.options.longer), ACCOUNTS, providers, settings,
            self.options.program, self.options.keep,
        )  # fmt: skip
        server = f"{HOST}:{self._registrar.port}"
        for user in self._registrar.clients:
            cluster.nodes[0].add_provider(user, server, user, PASSWORD, "--register")
        return cluster

    def said(self, request: bytes) -> bytes:
        """Return a request without the way back to the node that has its call."""
        return _BACK.sub(b"", request)

    async def _until_ready(self) -> None:
        """Let every node hear of the phones that have registered at others."""
        await asyncio.sleep(HEARD_WITHIN)

    def _beside(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        if self.options.program is not None:
            return []  # what another release has not promised
        transfers = Transfers(self, self._standing)
        return [self.texts.send_all, self.replays.replay_all, transfers.transfer_all]

    async def _check_end(self) -> None:
        await check_end(self)

    async def _do_harm(self) -> None:
        """Let something die again and again."""
        options, harm = self.options, Harm(self)
        await asyncio.sleep(2.0)
        for number in range(options.rounds):
            began = time.monotonic()
            what = options.harms[number % len(options.harms)]
            await harm.look()
            nodes = [node for node in self.switch.nodes if node.is_running()]
            if len(nodes) < 2:
                await harm.recover()
                nodes = self.switch.nodes
            node = nodes[number % len(nodes)]
            going_on = len(self._calls)
            await HARMS[what](harm, node)
            which = f"round {number + 1} of {options.rounds}: {what} {node.name}"
            self._say(f"{which}, {going_on} calls, {self.ledger.last_resumed}")
            if what != "lose":
                await harm.recover()
            await asyncio.sleep(max(1.0, began + options.interval - time.monotonic()))
        await harm.recover()
        self._registrar.check()

    # What phones notice.

    def line_at(self, node: Node) -> Line:
        """Return a line without phones whose calls are at a node."""
        return self._standing[self.switch.nodes.index(node)]

    def heir_of(self, node: Node) -> Node:
        """Return the node that has the address of another one after its death."""
        nodes = self.switch.nodes
        place = nodes.index(node)
        others = [*nodes[place + 1 :], *nodes[:place]]
        return next(other for other in others if other.is_running())

    def adopter_of(self, node: Node) -> Node | None:
        """Return the node that has the calls of another one."""
        query = "select owner from boots where node = ? order by number desc limit 1"
        owner = self.switch.rows(query, node.name)[0]["owner"]
        return None if owner == node.name else next(n for n in self.switch.nodes if n.name == owner)

    def state_of(self, node: Node) -> str:
        """Return how a node stands, as it has said itself."""
        return str(self.switch.rows("select state from nodes where name = ?", node.name)[0]["state"])

    def follow(self, node: Node, heir: Node) -> None:
        """Let the address of a node move to another one, and with it all that is sent there."""
        for line in self.lines:
            line.follow(node.address, heir.address)

    def came_back(self, node: Node) -> None:
        """Let the phones that had begun at a node go there again with what is new."""
        for line in self.lines:
            line.came_back(node.address)
        for line, home in self._first_homes.items():
            if home == node.address:
                line.go_to(home)

    def begin_outage(self, *, is_kill: bool = True, harm: str = "", is_felt: bool = True) -> Outage:
        """Note that something is away from now on, of which phones may feel something or not."""
        outage = Outage(time.monotonic(), is_kill=is_kill, harm=harm, is_felt=is_felt)
        self.ledger.outages.append(outage)
        return outage

    def end_outage(self, outage: Outage) -> None:
        """Note that it is back."""
        outage.until = time.monotonic()

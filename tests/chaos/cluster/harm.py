"""What is done to nodes, and what their phones notice of it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..talk import until
from .nodes import Node
from .standing import StandingCall

if TYPE_CHECKING:
    from .load import ClusterLoad

__all__ = ["HARMS", "Harm"]

NOTICED_AFTER = 0.3
"""Seconds after the death of a node in which its address is somewhere else, where something looks after that."""

PAUSED_FOR = 15.0
CUT_FOR = 8.0
WITHOUT_BUS_FOR = 8.0

AWAY_FOR = 60.0
"""For how long the database is away where no phone is to feel anything of that."""

DRAINS_WITHIN = 20.0
"""Seconds after the return of the database in which it has what has waited on the disks of the nodes."""

ENDS_WITHIN = 10.0
"""For how many seconds a node that was taken for dead may go on."""

DRAINED_WITHIN = 30.0
LOOKED_AT_EVERY = 0.1


class Harm:
    """Does one thing after another to the nodes of a load."""

    def __init__(self, load: ClusterLoad) -> None:
        self._load = load
        self._dead: list[Node] = []

    async def kill(self, node: Node) -> None:
        """Kill a node; a machine beside it is told at once, and the node is started again."""
        await self._without(node, node.kill, is_told=True)
        await self._start(node)

    async def lose(self, node: Node) -> None:
        """Kill a node of which nobody says that it is dead, and leave it so until the next round."""
        await self._without(node, node.kill, is_told=False)
        self._dead.append(node)

    async def pause(self, node: Node) -> None:
        """Stop a node for so long that others go on with its calls; when it goes on, it has to end by itself."""
        began = time.monotonic()

        async def stop() -> None:
            node.signal(signal.SIGSTOP)

        await self._without(node, stop, is_told=False)
        await asyncio.sleep(max(0.0, began + PAUSED_FOR - time.monotonic()))
        if not node.is_stopped:
            self._load.ledger.fault("zombie", node.name, "was stopped, and let go on by somebody else")
            return
        node.signal(signal.SIGCONT)
        if not await node.ends(ENDS_WITHIN):
            self._load.ledger.fault("zombie", node.name, f"went on for {ENDS_WITHIN:g} s")
        await self._start(node)

    async def restart(self, node: Node) -> None:
        """Kill a node that is started again before anybody takes over: it keeps its calls."""
        outage = self._load.begin_outage()
        await node.kill()
        await node.launch()
        self._load.end_outage(outage)

    async def drain(self, node: Node) -> None:
        """Let a node hand everything over, and start it again; nobody's address moves before it has ended."""
        await self._without(node, lambda: self._drain(node), is_told=None)
        await self._start(node)

    async def _drain(self, node: Node) -> None:
        command = asyncio.create_task(asyncio.to_thread(node.run_command, "node", "drain"))
        # What comes from now on waits until another node has all.
        await until(
            lambda: command.done() or self._load.state_of(node) != "up", DRAINED_WITHIN, LOOKED_AT_EVERY
        )
        self._load.ledger.outages[-1].since = time.monotonic()
        await command
        if not await node.ends(DRAINED_WITHIN):
            self._load.ledger.fault("zombie", node.name, "was drained, and did not end")

    async def upgrade(self, node: Node) -> None:
        """Bring the database up to date, drain a node of another release, and start it in this one."""
        await asyncio.to_thread(node.run_command, "init")
        await self._without(node, lambda: self._drain(node), is_told=None)
        node.program = type(node).program
        await self._start(node)

    async def database(self, node: Node) -> None:
        """End the database as a crash would, and start it again."""
        outage = self._load.begin_outage(harm="database")
        await asyncio.to_thread(self._load.database.restart)
        await asyncio.sleep(1.0)  # the pause after which a committer tries again
        self._load.end_outage(outage)

    async def away(self, node: Node) -> None:
        """End the database, and start it again a minute later: phones go on as if it was there."""
        load = self._load
        outage = load.begin_outage(is_kill=False, harm="database", is_felt=False)
        await asyncio.to_thread(load.database.kill)
        await asyncio.sleep(AWAY_FOR)
        waited = max([(await one.status())["storage"]["on_disk_bytes"] for one in load.switch.nodes])
        await asyncio.to_thread(load.database.start)
        load.end_outage(outage)
        load.ledger.counts["bytes that waited on one disk for the database, at most"] = max(
            waited, load.ledger.counts["bytes that waited on one disk for the database, at most"]
        )
        deadline = time.monotonic() + DRAINS_WITHIN
        for one in load.switch.nodes:
            while (storage := (await one.status())["storage"])["on_disk_bytes"] or storage["is_behind"]:
                if time.monotonic() > deadline:
                    load.ledger.fault("queue", one.name, f"{storage['on_disk_bytes']} bytes wait on its disk")
                    break
                await asyncio.sleep(LOOKED_AT_EVERY)

    async def nats(self, node: Node) -> None:
        """Kill the server of the bus, and start it again some seconds later: nothing depends on it."""
        bus = self._load.bus
        assert bus is not None
        await asyncio.to_thread(bus.kill)
        await asyncio.sleep(WITHOUT_BUS_FOR)
        bus.start()

    async def cut(self, node: Node) -> None:
        """Let nothing through between a node and the next one for some seconds."""
        other = self._load.heir_of(node)
        outage = self._load.begin_outage(harm="cut")
        rules = [f"udp sport {a.port} udp dport {b.port} drop" for a, b in ((node, other), (other, node))]
        await _nft(
            "add table inet chaos", "add chain inet chaos out { type filter hook output priority 0 ; }"
        )
        await _nft(*(f"add rule inet chaos out {rule}" for rule in rules))
        await asyncio.sleep(CUT_FOR)
        await _nft("delete table inet chaos")
        self._load.end_outage(outage)

    async def recover(self) -> None:
        """Start again what was left dead."""
        dead, self._dead = self._dead, []
        for node in dead:
            await self._start(node)

    async def look(self) -> None:
        """See whether a node has ended that nobody has done anything to, and start it again."""
        for node in self._load.switch.nodes:
            if node not in self._dead and not node.is_running():
                self._load.ledger.fault("zombie", node.name, "was taken for dead, and was not")
                self._load.follow(node, self._load.heir_of(node))
                await self._start(node)

    async def _start(self, node: Node) -> None:
        await node.launch()
        self._load.came_back(node)

    async def _without(self, node: Node, end: Callable[[], Awaitable[None]], *, is_told: bool | None) -> None:
        """End a node, let its phones follow to the one that has its calls, and see how soon these answer."""
        load = self._load
        call = StandingCall(load, load.line_at(node))
        await call.begin()
        outage = load.begin_outage(is_kill=is_told is not None)
        began = outage.since
        await end()
        within = load.options.lost_after + 2.0 if is_told is False else load.options.told_within
        if is_told is None:
            began = time.monotonic()
        asking = asyncio.create_task(call.answers(began, within, f"{node.name} died"))
        heir = load.heir_of(node)
        if is_told:
            await asyncio.sleep(NOTICED_AFTER)
            await heir.take_over(node)
            load.follow(node, heir)
        else:
            patience = load.options.lost_after + 15.0
            if not await until(lambda: load.adopter_of(node) is not None, patience):
                load.ledger.fault("late", node.name, "nobody has taken over")
            heir = load.adopter_of(node) or heir
            load.follow(node, heir)
        load.end_outage(outage)
        await asking
        await call.end()


async def _nft(*commands: str) -> None:
    for command in commands:
        await asyncio.to_thread(subprocess.run, ["nft", *command.split()], check=True)


HARMS: dict[str, Callable[[Harm, Node], Awaitable[None]]] = {
    "kill": Harm.kill,
    "lose": Harm.lose,
    "pause": Harm.pause,
    "restart": Harm.restart,
    "drain": Harm.drain,
    "database": Harm.database,
    "away": Harm.away,
    "cut": Harm.cut,
    "nats": Harm.nats,
    "upgrade": Harm.upgrade,
}

"""Nodes: the switches that share the database; only an admin sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from sipwright.cluster.zone import Doors
from sipwright.control.doors import doors_of
from sipwright.services.leases import node_lease
from sipwright.store.live.leases import read_leases
from sipwright.store.live.node_register import count_calls, count_phones, read_doors, read_nodes
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import NotFound, Unavailable, UseCaseError
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import Noted

__all__ = ["NodeView", "Nodes"]

DNS_KEEPS = 7 * 86_400.0
"""Seconds after which a node that nothing is heard of has no records in the DNS any more."""


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node.

    `state` is ``up``, ``away`` when nothing is heard of it, ``draining``, ``drained``, ``stopped``, or ``lost`` when
    another one has its calls.
    """

    node: str
    state: str
    calls: int
    phones: int
    started_at: float | None
    version: str | None


class Nodes:
    """Shows the nodes."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read", admin=True)
    async def list(self, actor: Actor, *, limit: int = USUAL, cursor: str | None = None) -> Page[NodeView]:
        """List the nodes by name."""
        (after,) = place_of(cursor, "nodes", str) or ("",)
        found = [view for view in await self._all() if view.node > after]
        return paged(
            "nodes",
            limit,
            lambda most: found[:most],
            lambda row: (row.node,),
            lambda row: row,
        )

    @needs("read", admin=True)
    async def get(self, actor: Actor, name: str) -> NodeView:
        """Show a node.

        Raises:
            NotFound: There is none of that name.
        """
        for view in await self._all():
            if view.node == name:
                return view
        raise NotFound(f"there is no node {name!r}")

    @needs("read", admin=True)
    async def doors(self, actor: Actor) -> Sequence[Doors]:
        """Return how phones reach each node that was heard of within a week; this one by its settings."""
        own = doors_of(self._ground.settings)
        found = await self._ground.look(lambda c: read_doors(c, DNS_KEEPS))
        others = [Doors.read(text) for name, text in found.items() if name != self._ground.settings.node]
        return [own, *others]

    @needs("write", admin=True)
    async def takeover(self, actor: Actor, name: str | None = None) -> int:
        """Let the node of this data folder go on with the calls of another one that is no more; return how many.

        Without a name it is the only other one. If that lives after all, it stops.

        Raises:
            NotFound: There is no node of that name.
            Unavailable: No switch runs here.
        """
        done = await self._ground.ask("nodes.takeover", node=name or "")
        await self._ground.record(Noted.of(actor, "nodes.takeover", str(done["node"])))
        return int(done["calls"])

    @needs("write", admin=True)
    async def drain(self, actor: Actor) -> tuple[str, ...]:
        """Let the node of this data folder give its calls to the others, and end; return the names of those.

        Raises:
            Refused: There is no other one.
            Unavailable: No switch runs here.
        """
        done = await self._ground.ask("nodes.drain")
        await self._ground.record(Noted.of(actor, "nodes.drain", str(done["node"])))
        return tuple(done["to"])

    @needs("read", admin=True)
    async def left(self, actor: Actor) -> int:
        """Return how many calls in the database are those of the node of this data folder."""
        return (await self._ground.look(count_calls)).get(self._ground.settings.node, 0)

    async def _all(self) -> Sequence[NodeView]:
        """Return all nodes by name; this one, if the database has none."""
        stored = {view.node: view for view in await self._ground.read(_stored)}
        own = await self._own() or _silent(self._ground.settings.node, stored)
        if (known := stored.get(own.node)) is not None:
            # A switch counts the phones of all nodes, since it knows them, and the calls of all its workers.
            own = replace(own, calls=known.calls, phones=known.phones)
        return [view for _, view in sorted({**stored, own.node: own}.items())]

    async def _own(self) -> NodeView | None:
        try:
            found = await self._ground.ask("status")
        except (Unavailable, UseCaseError):
            return None
        return NodeView(
            str(found["node"]), "up", int(found["calls"]), int(found["phones"]), found["started_at"],
            found["version"],
        )  # fmt: skip


def _silent(name: str, stored: Mapping[str, NodeView]) -> NodeView:
    """Return this node, whose switch does not answer: as the database has it, but that it lives."""
    known = stored.get(name) or NodeView(name, "away", 0, 0, None, None)
    return replace(known, state="away") if known.state in ("up", "draining") else known


def _stored(connection: Connection) -> list[NodeView]:
    rows = read_nodes(connection)
    if not rows:
        return []
    left = {lease.name: lease.left for lease in read_leases(connection, node_lease(""))}
    calls = count_calls(connection)
    return [
        NodeView(
            row.name,
            "away" if row.state == "up" and left.get(node_lease(row.name), 0.0) <= 0.0 else row.state,
            calls.get(row.name, 0),
            count_phones(connection, row.name),
            row.started_at,
            row.version,
        )
        for row in rows
    ]

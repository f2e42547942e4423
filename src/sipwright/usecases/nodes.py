"""Nodes: the switches that share the database; only an admin sees them."""

from __future__ import annotations

from dataclasses import dataclass

from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import NotFound, Unavailable, UseCaseError
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs

__all__ = ["NodeView", "Nodes"]


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node; `state` is ``up`` or ``away``."""

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
        (after,) = place_of(cursor, str) or ("",)
        own = await self._own()
        return paged(
            limit,
            lambda most: [own][:most] if own.node > after else [],
            lambda row: (row.node,),
            lambda row: row,
        )

    @needs("read", admin=True)
    async def get(self, actor: Actor, name: str) -> NodeView:
        """Show a node."""
        own = await self._own()
        if own.node != name:
            raise NotFound(f"there is no node {name!r}")
        return own

    async def _own(self) -> NodeView:
        try:
            found = await self._ground.ask("status")
        except (Unavailable, UseCaseError):
            return NodeView(self._ground.settings.node, "away", 0, 0, None, None)
        return NodeView(
            str(found["node"]), "up", int(found["calls"]), int(found["phones"]), found["started_at"],
            found["version"],
        )  # fmt: skip

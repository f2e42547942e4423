"""Nodes: the switches that share the database; only an admin sees them."""

from __future__ import annotations

from dataclasses import dataclass

from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import Page

__all__ = ["NodeView", "Nodes"]


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node; `state` is ``up`` or ``away``."""

    node: str
    state: str
    calls: int
    started_at: float | None
    version: str | None


class Nodes:
    """Shows the nodes."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(self, actor: Actor) -> Page[NodeView]:
        """List the nodes by name."""
        raise NotImplementedError

    async def get(self, actor: Actor, name: str) -> NodeView:
        """Show a node."""
        raise NotImplementedError

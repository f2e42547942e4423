"""What a node asks of the database about itself and the others (`store/live/node_register.py`)."""

from __future__ import annotations

from typing import Protocol

from sipwright.services.leases import Answer, Ask, Beat, Fence, NodeRow

__all__ = ["Register"]


class Register(Protocol):
    """The nodes, and the leases of what is in progress at them; each method is one transaction."""

    async def find(self, name: str) -> NodeRow | None:
        """Return a node."""

    async def execute(self, ask: Ask) -> Answer:
        """Do what is asked about one lease."""

    async def seize(self, name: str, owner: str, seconds: float) -> int | None:
        """Take the lease of a node whose process is known to be no more; return its fence, None without a row."""

    async def enter(
        self, fence: Fence, name: str, home: str, version: str, edge: str, doors: str = ""
    ) -> int:
        """Note that a node has started; return the number of this boot."""

    async def beat(self, ask: Ask, name: str) -> Beat:
        """Say that a node lives, and look at all others."""

    async def release(self, name: str, owner: str, fence: int) -> bool:
        """Give the lease of a node back, so that another one may go on with what it has at once."""

    async def say(self, name: str, state: str) -> None:
        """Note how a node stands."""

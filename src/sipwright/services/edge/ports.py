"""What the edge asks about the other nodes."""

from __future__ import annotations

from typing import Protocol

from sipwright.transport.flow import Address

__all__ = ["Peers"]


class Peers(Protocol):
    """The nodes of one database."""

    @property
    def name(self) -> str:
        """The name of this node."""

    def is_peer(self, address: Address) -> bool:
        """Return whether another node that lives, or this one, listens there."""

    def is_here(self, node: str) -> bool:
        """Return whether a node is this one, or listens at the same address."""

    def edge_of(self, node: str) -> Address | None:
        """Return where the edge of another node is that lives."""

    def owner_of(self, tag: str) -> str | None:
        """Return the name of the node that has the dialog of a tag which a node has made."""

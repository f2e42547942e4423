"""What the edge asks about the other nodes."""

from __future__ import annotations

from typing import Protocol

from sipwright.transport.flow import Address

__all__ = ["BACK", "BRANCH", "Peers"]

BRANCH = "z9hG4bKedge"
"""How the branches of what is forwarded begin."""

BACK = "flow"
"""The parameter of our Via that names the flow by which the request came."""


class Peers(Protocol):
    """The nodes of one database."""

    @property
    def name(self) -> str:
        """The name of this node."""

    @property
    def heard_within(self) -> float:
        """Within how many seconds this node hears that another one has started."""

    def is_peer(self, address: Address) -> bool:
        """Return whether another node that lives, or this one, listens there."""

    def other_edges(self) -> set[Address]:
        """Return where the edges of all other nodes are that are there."""

    def edge_of(self, node: str) -> Address | None:
        """Return where the edge of a node is, or of the one that acts for it."""

    def is_up(self, node: str) -> bool:
        """Return whether a node is there itself."""

    def acts_for(self, node: str) -> bool:
        """Return whether this node, or one at the same address, is that one or has taken over from it."""

    def moved(self, address: Address) -> Address | None:
        """Return the edge of the node that acts for the one at an address; None if that is there itself."""

    def owner_of(self, tag: str) -> str | None:
        """Return the name of the node that has the dialog of a tag which a node has made."""

    def has_moved(self, tag: str) -> bool:
        """Return whether the dialog of a tag has gone to another node than its boot says."""

    def is_on_its_way(self, tag: str) -> bool:
        """Return whether this node has given the dialog of a tag to another one a moment ago."""

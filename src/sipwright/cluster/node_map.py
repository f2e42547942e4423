"""Which node is where, and has what: as far as this one has heard, of itself and of all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sipwright.cluster.moved_tags import MovedTags
from sipwright.services.leases import NodeRow
from sipwright.transport.flow import Address

__all__ = ["Itself", "NodeMap"]

_THERE = ("up", "draining")
"""The states of nodes whose edge does its work."""

_HANDS_ON = (*_THERE, "drained")
"""And of those whose edge does it as long as no other one acts for it."""


@dataclass(frozen=True, slots=True)
class Itself:
    """What a node says of itself: `home` names its data folder, `edge` is where others reach it, as HOST:PORT.

    `doors` are where phones do (`zone.py`), as written.
    """

    name: str
    home: str
    version: str
    edge: str = ""
    doors: str = ""


class NodeMap:
    """The nodes of a database, by what was heard of them last.

    Attributes:
        itself: What this one says of itself.
        lost_after: After how many seconds without a word a node is lost.
    """

    def __init__(self, itself: Itself, lost_after: float, clock: Callable[[], float]) -> None:
        self.itself = itself
        self.lost_after = lost_after
        self.nodes: dict[str, NodeRow] = {}
        self.owners: dict[int, str] = {}
        """Which node has the calls of a boot."""
        self.on_moved: Callable[[], object] = lambda: None
        """Is called when another node acts for one from now on."""
        self.beside: frozenset[str] = frozenset()
        """The workers that share the ports of this one, with itself: nothing goes to them by the edge."""
        self._edges: dict[str, Address] = {}
        self._told: dict[int, str] = {}
        self._heirs: dict[str, str] = {}
        self._moved: dict[Address, Address] = {}
        self.moved_tags = MovedTags(clock, lost_after)
        """The tags of calls that are not at the node that has the others of their boot."""

    def living(self) -> list[str]:
        """Return the names of the nodes that live, and take calls, by what was heard last."""
        return [
            row.name
            for row in self.nodes.values()
            if row.state == "up" and (row.name == self.itself.name or row.age < self.lost_after)
        ]

    # What the edge asks (`services/edge/ports.py`).

    @property
    def name(self) -> str:
        """The name of this node."""
        return self.itself.name

    def is_peer(self, address: Address) -> bool:
        """Return whether a node, this one or another, listens at an address."""
        return address in self._edges.values()

    def other_edges(self) -> set[Address]:
        """Return where the edges of all other nodes are that are there."""
        there = ((name, edge) for name, edge in self._edges.items() if self.is_up(name))
        return {edge for name, edge in there if not self.is_here(name)}

    def edge_of(self, node: str) -> Address | None:
        """Return where the edge of a node is, or of the one that acts for it.

        One that has given back what it had hands on what still comes until another one has that.
        """
        if node in self.beside:
            return None
        heir = node if self.is_up(node) else self._heirs.get(node, node)
        known = self.nodes.get(heir)
        return self._edges.get(heir) if known is not None and known.state in _HANDS_ON else None

    def is_here(self, node: str) -> bool:
        """Return whether a node is this one, or listens at the same address."""
        return node == self.itself.name or node in self.beside

    def is_up(self, node: str) -> bool:
        """Return whether a node is there itself: as far as is known, nobody has taken over from it."""
        known = self.nodes.get(node)
        return known is not None and known.state in _THERE

    def acts_for(self, node: str) -> bool:
        """Return whether this node, or one at the same address, is that one or has taken over from it."""
        if self.is_here(node):
            return True
        return not self.is_up(node) and self.is_here(self._heirs.get(node, node))

    def moved(self, address: Address) -> Address | None:
        """Return the edge of the node that acts for the one at an address; None if that is there itself."""
        return self._moved.get(address)

    def owner_of(self, tag: str) -> str | None:
        """Return the name of the node that has the dialog of a tag which a node has made."""
        boot = self.moved_tags.boot_of(tag)
        return None if boot is None else self.owners.get(boot)

    def has_moved(self, tag: str) -> bool:
        """Return whether the dialog of a tag has gone to another node than its boot says."""
        return tag in self.moved_tags

    def is_on_its_way(self, tag: str) -> bool:
        """Return whether this node has given the dialog of a tag to another one a moment ago."""
        return self.moved_tags.is_on_its_way(tag)

    def boot_of(self, node: str) -> int | None:
        """Return the newest boot whose calls a node has."""
        return max((boot for boot, owner in self.owners.items() if owner == node), default=None)

    def hear(self, boot: int, node: str) -> None:
        """Know what another worker has said of itself, before the next beat tells."""
        self._told[boot] = node
        self.owners = {boot: node} | self.owners

    def handed_to(self, name: str) -> None:
        """Know who has the calls of this node from now on."""
        self.owners = {
            boot: name if owner == self.itself.name else owner for boot, owner in self.owners.items()
        }

    def took_over(self, name: str) -> None:
        """Know at once what the next beat will tell: whose calls these are now, and that the other node is no more."""
        self.owners = {
            boot: self.itself.name if owner == name else owner for boot, owner in self.owners.items()
        }
        known = self.nodes.get(name)
        if known is not None:
            self.nodes[name] = known._replace(
                state="lost" if known.state in ("up", "draining") else known.state
            )
            heirs = {n: self.itself.name if heir == name else heir for n, heir in self._heirs.items()}
            self._follow(heirs | {name: self.itself.name})

    def _follow(self, heirs: dict[str, str]) -> None:
        """Know who acts for whom."""
        self._heirs = heirs
        living = {edge for name, edge in self._edges.items() if self.is_up(name)}
        moved = {
            edge: to
            for name, edge in self._edges.items()
            if edge not in living and (to := self.edge_of(name)) not in (None, edge)
        }
        is_news = any(self._moved.get(edge) != to for edge, to in moved.items())
        self._moved = moved
        if is_news:
            self.on_moved()

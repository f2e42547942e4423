"""Leases as values: what is asked of the database about one, and what it answers.

A lease says who may act. `cluster/lease.py` has its rules, `store/live/leases.py` the statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Answer", "Ask", "Beat", "Fence", "LeaseRow", "NodeRow", "node_lease"]


class NodeRow(NamedTuple):
    """A node as it stands in the database; `age` is how many seconds ago it was last heard of.

    `state` is what it has said itself: ``up``, ``draining``, ``drained``, ``stopped``; or ``lost``, when another node
    has taken its calls. `boot` is the number of its lease's fence when it was started.
    """

    name: str
    home: str
    boot: int
    state: str
    version: str
    edge: str
    started_at: float
    age: float


class Fence(NamedTuple):
    """What a write names that only the owner of a lease may do: a lower number than the row has changes nothing."""

    lease: str
    number: int


class LeaseRow(NamedTuple):
    """A lease as it stands in the database; `left` is how many seconds are left of it by the clock there."""

    name: str
    owner: str
    fence: int
    until: float
    left: float


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of the database about one lease, as one transaction.

    `renew` names the fence that is held; `seen` is the row that may be replaced, which must not have changed. With
    neither, the lease is only looked at. A lease that nobody has yet is taken with `is_new`.
    """

    name: str
    owner: str
    seconds: float
    renew: int | None = None
    seen: LeaseRow | None = None
    is_new: bool = False

    @property
    def only_looks(self) -> bool:
        """Whether nothing is to change."""
        return self.renew is None and self.seen is None and not self.is_new


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the lease is the asker's now, and the row as it stands."""

    is_granted: bool
    row: LeaseRow | None


class Beat(NamedTuple):
    """What a node learns whenever it says that it lives: of its own lease, and of the others.

    `owners` says which node has the calls of a boot, by the number that stands in its tags; `heirs` who has those
    of the last boot of a node: itself, or the one that has taken over from it. `moved` are the tags of calls that have
    gone elsewhere, each with the boot that it leads to.
    """

    answer: Answer
    nodes: list[NodeRow]
    leases: list[LeaseRow]
    owners: dict[int, str]
    heirs: dict[str, str] = {}
    moved: dict[str, int] = {}


def node_lease(node: str) -> str:
    """Return the name of the lease that the calls and scripts of a node are held by."""
    return f"node:{node}"

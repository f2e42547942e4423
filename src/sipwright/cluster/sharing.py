"""Who does what of work that any node could do, without asking each other: rendezvous hashing.

Each node scores a thing by a hash of both names, and the thing is that of the highest score. So shares are about even,
and a node that comes or goes moves only what is, or was, its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

__all__ = ["chosen"]


def chosen(thing: str, nodes: Iterable[str]) -> str | None:
    """Return the node that a thing belongs to; None without any node."""
    return max(nodes, key=lambda node: (_score(thing, node), node), default=None)


def _score(thing: str, node: str) -> bytes:
    return blake2b(f"{node}\n{thing}".encode(), digest_size=8).digest()

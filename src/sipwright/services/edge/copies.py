"""Requests that this edge has handed on to a node which is lost, and that their phones repeat to this one.

Where this node goes on with the calls of the lost one, it has the transactions of that, and knows them by the Via that
this edge has put on top, which a copy that comes from the phone has not. Without that it would be a second request of
the dialog, under a CSeq number that was used.
"""

from __future__ import annotations

from hashlib import blake2b

from sipwright.services.edge.handed_on import known_by
from sipwright.services.edge.ports import BRANCH
from sipwright.sip import Request
from sipwright.sip.headers import Via
from sipwright.stack import Stack

__all__ = ["Copies", "branch_of"]

LOOKED_FOR = 40.0
"""Seconds after a take-over in which copies come: a request is repeated for 64*T1 (RFC 3261 §17.1.2.2)."""


def branch_of(request: Request) -> str:
    """Return the branch that an edge gives a request, each time that it comes (§16.11)."""
    return BRANCH + blake2b(known_by(request).encode(), digest_size=10).hexdigest()


class Copies:
    """Finds the transactions that they are of."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._names: set[str] = set()
        self._until = 0.0

    def handed_on(self, via: str) -> None:
        """Note how this edge calls itself towards other nodes."""
        self._names.add(via.partition(";")[0])

    def moved(self) -> None:
        """Take note that a node is lost."""
        self._until = self._stack.clock() + LOOKED_FOR

    def take(self, request: Request) -> bool:
        """Let the transaction of a copy have it, which says once more what it has said; False when there is none."""
        now, layer = self._stack.clock(), self._stack.layer
        if now >= self._until:
            return False
        branch = branch_of(request)
        vias = (Via.parse(f"{name};branch={branch}") for name in self._names)
        return any(layer.repeats((branch, via.host, via.port, request.method), request, now) for via in vias)

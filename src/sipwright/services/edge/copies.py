"""Requests that an edge has handed on to another node, and that their phones repeat to this one once a node is lost.

Where this edge has handed one on to the lost node, whose calls are here by now, there are the transactions of that,
known by the Via that this edge has put on top. Where the lost node has handed one on to this, what was answered has
gone to that, and the transaction here is known by the Via of that. A copy that comes from the phone has neither, and
one that comes by a third node has the Via of that. Without this it would be a second request of the dialog, under a
CSeq number that was used, or of no dialog any more.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from sipwright.services.edge.handed_on import known_by
from sipwright.services.edge.ports import BRANCH
from sipwright.sip import Request
from sipwright.sip.headers import Via
from sipwright.stack import Incoming, Stack
from sipwright.transport.flow import Flow

__all__ = ["Copies", "branch_of"]

SentBy = tuple[str, int | None]
"""Host and port of a Via."""

LOOKED_FOR = 40.0
"""Seconds after a take-over in which copies come: a request is repeated for 64*T1 (RFC 3261 §17.1.2.2)."""


def branch_of(request: Request) -> str:
    """Return the branch that an edge gives a request, each time that it comes (§16.11)."""
    return BRANCH + blake2b(known_by(request).encode(), digest_size=10).hexdigest()


class Copies:
    """Finds the transactions that they are of."""

    def __init__(self, stack: Stack, by_edge: Callable[[Flow], Flow | None]) -> None:
        """Get ready; `by_edge` gives the way to a phone by the edge of this node, which takes the Via off again."""
        self._stack = stack
        self._by_edge = by_edge
        self._own: set[SentBy] = set()
        self._others: set[SentBy] = set()
        self._until = 0.0

    def handed_on(self, via: str) -> None:
        """Note how this edge calls itself towards other nodes."""
        top = Via.parse(via)
        self._own.add((top.host, top.port))

    def came_by(self, via: Via) -> None:
        """Note how the edge of another node calls itself, which has handed something on to this one."""
        self._others.add((via.host, via.port))

    def moved(self) -> None:
        """Take note that a node is lost."""
        self._until = self._stack.clock() + LOOKED_FOR

    def take(self, incoming: Incoming) -> bool:
        """Let the transaction of a copy have it, which says once more what it has said; False when there is none."""
        if self._stack.clock() >= self._until:
            return False
        branch = branch_of(incoming.request)
        if self._repeats(self._own, branch, incoming):
            return True
        return self._repeats(self._others, branch, incoming, self._by_edge(incoming.reply_flow))

    def take_handed_on(self, incoming: Incoming) -> bool:
        """Do so with what another edge has handed on than the first time, which is no more; `incoming` has its flow."""
        branch = incoming.request.top_via.branch or ""
        return branch.startswith(BRANCH) and self._repeats(self._others, branch, incoming, incoming.flow)

    def _repeats(self, edges: set[SentBy], branch: str, incoming: Incoming, flow: Flow | None = None) -> bool:
        request, layer, now = incoming.request, self._stack.layer, self._stack.clock()
        return any(layer.repeats((branch, *edge, request.method), request, now, flow) for edge in edges)

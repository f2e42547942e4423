"""The flow to a phone whose connection is gone, until the phone connects again.

Nobody can connect to a phone behind a NAT. What is sent to it meanwhile waits here, and whoever holds this flow (a leg,
a transaction that waits for an answer) goes on with the new connection without knowing.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from sipwright.sip.transaction import TERMINATED, ClientTransaction
from sipwright.transport.flow import Flow, FlowKey

__all__ = ["ReconnectingFlow", "connection_of"]

MOST_KEPT = 32
"""Messages that wait for one phone; of more, the oldest are dropped, as on a network."""

ByEdge = Callable[[Flow], Flow | None]
"""Gives the way to a peer by the edge of this node; None where there is none."""

_for_edge = re.compile(rb"[A-Z]+ [^\r\n]*\r\nVia: SIP/2\.0/UDP ").match
"""Finds a request that was written for an edge, as no other goes to a peer on a connection with such a Via."""


Watch = Callable[[ClientTransaction, Flow], object]
"""Lets a transaction hear of the end of a connection."""


def connection_of(flow: Flow, tx: ClientTransaction) -> Flow | None:
    """Return the connection whose end a transaction is to hear of; None while there is none, until there is one."""
    return flow.connection_for(tx) if isinstance(flow, ReconnectingFlow) else flow


def _by_no_edge(flow: Flow) -> Flow | None:
    """Return no way: there is no edge where a node is alone."""
    return None


class ReconnectingFlow(Flow):
    """Keeps what it is given until `resume` says over which connection the peer came back.

    A request that was written for the edge of a node goes by one again, though the connection is to this node now: the
    peer may have heard it so, and then knows it by the Via of the edge and by no other (RFC 3261 §17.2.3, §8.2.2.2).
    Its transactions hear of the end of the connection that it has gone on over, with which may be lost what they sent.
    """

    __slots__ = ("_by_edge", "_kept", "_successor", "_waiting", "_watch", "since")

    is_reliable = True

    def __init__(self, key: FlowKey, by_edge: ByEdge = _by_no_edge, watch: Watch | None = None) -> None:
        super().__init__(*key)
        self._by_edge = by_edge
        self._watch = watch
        self._waiting: list[ClientTransaction] = []
        self._kept: deque[bytes] = deque(maxlen=MOST_KEPT)
        self._successor: Flow | None = None
        self.since = 0.0
        """When its peer went away, for whoever gives up at some time."""

    @property
    def is_closed(self) -> bool:
        """Never: whoever went away may come back."""
        return False

    @property
    def is_lost(self) -> bool:
        """The peer has no connection at present."""
        return self._successor is None or self._successor.is_closed

    @property
    def is_open(self) -> bool:
        """The peer has come back."""
        return not self.is_lost

    def send(self, data: bytes) -> None:
        """Send over the new connection, or keep it until there is one."""
        successor = self._successor
        if successor is None or successor.is_closed:
            self._kept.append(data)
        else:
            self._way(data, successor).send(data)

    def withdraw(self, data: bytes) -> None:
        """Let something wait no longer: an INVITE that is answered would be a new call to its phone."""
        kept = [each for each in self._kept if each != data]
        self._kept.clear()
        self._kept.extend(kept)

    @property
    def has_kept(self) -> bool:
        """Something waits for the peer."""
        return bool(self._kept)

    def connection_for(self, tx: ClientTransaction) -> Flow | None:
        """Return the connection that a transaction goes over; where there is none it hears of the next one's end."""
        if not self.is_lost:
            return self._successor
        self._waiting = [each for each in self._waiting if each.state != TERMINATED]
        self._waiting.append(tx)
        return None

    def resume(self, flow: Flow) -> None:
        """Go on over `flow`, beginning with what has waited."""
        self._successor = flow
        self.local, self.remote, self.key = flow.local, flow.remote, flow.key
        self.sent_by, self.sent_protocol = flow.sent_by, flow.sent_protocol
        while self._kept and not flow.is_closed:
            try:
                self._way(self._kept[0], flow).send(self._kept[0])
            except OSError:
                return  # it waits for the next connection
            self._kept.popleft()
        waiting, self._waiting = self._waiting, []
        if self._watch is not None and flow.is_reliable:
            for tx in waiting:
                self._watch(tx, flow)

    def _way(self, data: bytes, flow: Flow) -> Flow:
        return (self._by_edge(flow) or flow) if _for_edge(data) else flow

"""What is said once more between nodes, since nobody repeats it: INVITEs of which only a 100 was heard, and ringing.

Who has said 100 hears its INVITE no more by Timer A, and says only once that it rings (RFC 3261 §17.1.1.2, §13.3.1.1).
That goes by the edge of another node, over UDP: when that is stopped, starts again or cannot be reached in this moment,
the caller hears nothing until somebody answers. A copy of the INVITE is answered with what was said last (§17.2.1).
§17.1.1.2 leaves it at a SHOULD NOT, as to other peers; here the edge is ours, and most calls need none. What a caller
at another node was told is told again for the same reason; after a minute it would be in any case (§13.3.1.1).
"""

from __future__ import annotations

from sipwright.services.edge.routed_flow import RoutedFlow
from sipwright.sip.transaction import CALLING, ClientTransaction, ServerTransaction, Transaction
from sipwright.stack import Stack
from sipwright.transport.flow import parse_flow_key

__all__ = ["Reminders", "routed_way"]

EVERY = 4.0
"""Seconds between two looks: T2. A phone that rings has most likely said so by then."""

SAID_AGAIN_AT = (2, 4, 8)
"""The looks at which something is said once more: 4 to 8 s after it was said, 8 s later and 16 s later."""


def routed_way(tx: Transaction) -> RoutedFlow | None:
    """Return the way to a phone by the edge of another node, if what was said may be repeated by who acts for that.

    A connection has ended with its node, which may have passed on what it brought: no 430 is to overtake the answer.
    """
    way = tx.flow
    is_udp = isinstance(way, RoutedFlow) and parse_flow_key(way.plain_key).protocol == "udp"
    return way if isinstance(way, RoutedFlow) and is_udp else None


class Reminders:
    """Looks for them, as long as there are any."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._looks: dict[tuple[Transaction, bytes], int] = {}
        self._is_armed = False

    def arm(self, data: bytes) -> None:
        """Take note of what is sent to a phone at another node."""
        if not self._is_armed and data.startswith((b"INVITE ", b"SIP/2.0 1")):
            self._is_armed = True
            self._stack.call_later(EVERY, self._look)

    def _look(self) -> None:
        before = self._looks
        self._is_armed = False
        self._looks = {each: before.get(each, 0) + 1 for each in self._said()}
        for (tx, said), looks in self._looks.items():
            if looks in SAID_AGAIN_AT:
                self._say_again(tx, said)
        if self._looks and not self._is_armed:
            self._is_armed = True
            self._stack.call_later(EVERY, self._look)

    def _said(self) -> list[tuple[Transaction, bytes]]:
        """Return what nothing has come of yet; what has an RSeq is repeated until it is heard (RFC 3262 §3)."""
        layer = self._stack.layer
        asked: list[tuple[Transaction, bytes]] = [(tx, tx.wire) for tx in layer.unanswered()]
        told = [(tx, tx.last_response) for tx in layer.told() if tx.last_response is not None]
        asked += [(tx, said) for tx, said in told if said[8:11] != b"100" and b"\r\nRSeq:" not in said]
        return [each for each in asked if isinstance(each[0].flow, RoutedFlow)]

    def _say_again(self, tx: Transaction, said: bytes) -> None:
        layer = self._stack.layer
        if isinstance(tx, ServerTransaction):
            layer.send(said, tx.flow)
        elif isinstance(tx, ClientTransaction) and tx.state != CALLING:
            tx.flow = layer.way_again(said, tx.flow)
            layer.send(said, tx.flow)

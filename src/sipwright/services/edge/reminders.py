"""INVITEs to phones at other nodes that are said once more, as what the phone has said of them may be lost.

Who has said 100 hears its INVITE no more by Timer A, and says only once that it rings (RFC 3261 §17.1.1.2, §13.3.1.1).
That goes by the edge of the other node, over UDP: when that is stopped, starts again or cannot be reached in this
moment, the caller hears nothing until somebody answers. A copy of the INVITE is answered with what was said last
(§17.2.1). §17.1.1.2 leaves it at a SHOULD NOT, as to other peers; here the edge is ours, and most calls need none.
"""

from __future__ import annotations

from sipwright.services.edge.routed_flow import RoutedFlow
from sipwright.sip.transaction import CALLING, ClientTransaction, Transaction
from sipwright.stack import Stack
from sipwright.transport.flow import parse_flow_key

__all__ = ["Reminders", "routed_way"]

EVERY = 4.0
"""Seconds between two looks: T2. A phone that rings has most likely said so by then."""

SAID_AGAIN_AT = (2, 4, 8)
"""The looks at which an INVITE is said once more: 4 to 8 s after it was sent, 8 s later and 16 s later."""


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
        self._looks: dict[ClientTransaction, int] = {}
        self._is_armed = False

    def arm(self) -> None:
        """Take note that an INVITE is sent to a phone at another node."""
        if not self._is_armed:
            self._is_armed = True
            self._stack.call_later(EVERY, self._look)

    def _look(self) -> None:
        layer, before = self._stack.layer, self._looks
        self._is_armed = False
        self._looks = {tx: before.get(tx, 0) + 1 for tx in layer.unanswered() if routed_way(tx)}
        for tx, looks in self._looks.items():
            if looks in SAID_AGAIN_AT and tx.state != CALLING:
                tx.flow = layer.way_again(tx.wire, tx.flow)
                layer.send(tx.wire, tx.flow)
        if self._looks:
            self.arm()

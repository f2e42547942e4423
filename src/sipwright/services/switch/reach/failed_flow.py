"""Phones whose connection to another node has ended: the edge there answers 430 (Flow Failed, RFC 5626 §5.3.1).

While it may come back (`model/patience.py`), what it is to be told is sent again to where it is by then. A phone whose
connection was to this node is waited for in `reconnect.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipwright.sip import Response
from sipwright.sip.transaction import PROCEEDING, ClientInvite, ClientTransaction, ClientUser
from sipwright.transport.flow import parse_flow_key, place_of

from ..call.leg import Leg
from ..model.leg_state import LegState
from ..model.patience import Patience

__all__ = ["AGAIN_AFTER", "ReturningUser", "is_connection_elsewhere"]

AGAIN_AFTER = 0.5


def is_connection_elsewhere(key: str | None) -> bool:
    """Return whether a flow, named by its key, is a connection of a phone to another node."""
    if key is None or "!" not in key:
        return False
    return parse_flow_key(place_of(key)[1]).protocol != "udp"


class Sender(Protocol):
    """Who sends a request of a leg again."""

    def wait_on(self, user: ReturningUser, transaction: ClientTransaction) -> ClientTransaction:
        """Put a transaction in the place of one that was refused, which hears what a copy of its request comes to."""

    def send_again(self, user: ReturningUser, transaction: ClientTransaction) -> None:
        """Send what a transaction has sent, in a new one, to where the phone is by then."""


class ReturningUser:
    """The user of a request inside a dialog that is sent again while the phone of its leg is away.

    A re-INVITE that Timer A has repeated may have come to the phone by its next connection, before the edge of the one
    before refuses it. So its answer is waited for meanwhile, and no ACK to the refusal is sent, which would be one to
    that answer for the phone. The edge needs none: it keeps no state, and says nothing twice (RFC 3261 §16.11).
    """

    __slots__ = ("_call_later", "_clock", "_patience", "_sender", "_waits", "holds_ack", "leg", "user")

    def __init__(
        self, leg: Leg, user: ClientUser | None, sender: Sender, clock: Callable[[], float],
        call_later: Callable[..., object], *, holds_ack: bool = False,
    ) -> None:  # fmt: skip
        """Stand for a user, who sends the ACK to a failure itself with `holds_ack`."""
        self.leg = leg
        self.user = user
        self.holds_ack = holds_ack
        self._waits: ClientTransaction | None = None
        self._sender = sender
        self._clock = clock
        self._call_later = call_later
        self._patience = Patience()

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take a response; that the flow has failed is not passed on while the phone may come back."""
        now = self._clock()
        if not self.leg.is_finished and self._patience.lasts(response, now):
            if self._waits is None:
                self._call_later(AGAIN_AFTER, self._again)
            self._waits = self._sender.wait_on(self, transaction)
            return
        if isinstance(transaction, ClientInvite) and response.status == 430:
            transaction.ack = b""
        if self.user is not None:
            self.user.on_response(transaction, response)
        if isinstance(transaction, ClientInvite) and not self.holds_ack:
            transaction.acknowledge(now)

    def _again(self) -> None:
        """Send it again, unless a copy of a re-INVITE has been answered meanwhile, or nobody wants it any more."""
        waits, self._waits = self._waits, None
        assert waits is not None
        if not isinstance(waits, ClientInvite):
            self._sender.send_again(self, waits)
        elif waits.state == PROCEEDING and waits.expires_at is None:
            if self.leg.state is LegState.ANSWERED:
                self._sender.send_again(self, waits)
            else:
                waits.cancel(self._clock())

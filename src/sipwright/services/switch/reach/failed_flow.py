"""Phones whose connection to another node has ended: the edge there answers 430 (Flow Failed, RFC 5626 §5.3.1).

While it may come back (`model/patience.py`), what it is to be told is sent again to where it is by then. A phone whose
connection was to this node is waited for in `reconnect.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from sipwright.sip import Response
from sipwright.sip.transaction import ClientInvite, ClientTransaction, ClientUser
from sipwright.transport.flow import parse_flow_key, place_of

from ..call.leg import Leg
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

    def send_again(self, user: ReturningUser, transaction: ClientTransaction) -> None:
        """Send what a transaction has sent, in a new one, to where the phone is by then."""


class ReturningUser:
    """The user of a request inside a dialog that is sent again while the phone of its leg is away."""

    __slots__ = ("_call_later", "_clock", "_patience", "_sender", "leg", "user")

    def __init__(
        self, leg: Leg, user: ClientUser | None, sender: Sender, clock: Callable[[], float],
        call_later: Callable[..., object],
    ) -> None:  # fmt: skip
        self.leg = leg
        self.user = user
        self._sender = sender
        self._clock = clock
        self._call_later = call_later
        self._patience = Patience()

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take a response; that the flow has failed is not passed on while the phone may come back."""
        now = self._clock()
        if not self.leg.is_finished and self._patience.lasts(response, now):
            if isinstance(transaction, ClientInvite):
                transaction.acknowledge(now)
            self._call_later(AGAIN_AFTER, partial(self._sender.send_again, self, transaction))
        elif self.user is not None:
            self.user.on_response(transaction, response)

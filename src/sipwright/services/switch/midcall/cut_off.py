"""Requests inside a dialog whose connection has ended: whether their peer is away, and whether they are said again."""

from __future__ import annotations

from sipwright.sip import Response
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack import ReconnectingFlow

from ..call.leg import was_cut_off

__all__ = ["is_away", "is_said_again", "withdraw"]


def is_away(client: ClientTransaction | None) -> bool:
    """Return whether a request waits for a phone that has no connection at present."""
    return client is not None and isinstance(client.flow, ReconnectingFlow) and client.flow.is_lost


def withdraw(client: ClientTransaction) -> None:
    """Let a phone that is away not hear a request any more when it is back."""
    if isinstance(client.flow, ReconnectingFlow):
        client.flow.withdraw(client.wire)


def is_said_again(transaction: ClientTransaction, response: Response, *, was_before: bool) -> bool:
    """Return whether a request is said again as it was, since its connection has ended (RFC 3261 §18.4).

    Its peer may have heard it, and repeats what it has answered. One that was said again before is only where its phone
    has to come back each time.
    """
    is_first = not was_before or isinstance(transaction.flow, ReconnectingFlow)
    return is_first and was_cut_off(transaction, response)

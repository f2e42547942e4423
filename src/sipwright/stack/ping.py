"""The question whether a server is there: an OPTIONS outside of any dialog (RFC 3261 §11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipwright.sip.build import make_request
from sipwright.sip.message import Request
from sipwright.sip.transaction import ClientTransaction, ClientUser
from sipwright.transport.flow import Flow

__all__ = ["Asker", "ping"]


class Asker(Protocol):
    """The stack that asks."""

    random_token: Callable[[], str]

    def new_via(self, flow: Flow) -> str:
        """Return a Via for a new request on a flow."""

    def local_contact(self, flow: Flow) -> str:
        """Return the Contact value under which the peer of a flow reaches us."""

    def start_client(self, request: Request, flow: Flow, user: ClientUser | None) -> ClientTransaction:
        """Send a request in a transaction of its own."""


def ping(stack: Asker, uri: str, flow: Flow, user: ClientUser) -> ClientTransaction:
    """Ask the server at the end of a flow; whatever it says to `user`, it is there."""
    options = make_request(
        "OPTIONS", uri, from_=stack.local_contact(flow), to=f"<{uri}>", call_id=stack.random_token(), cseq=1,
        from_tag=stack.random_token(), via=stack.new_via(flow),
        headers=(("Accept", "application/sdp"),),
    )  # fmt: skip
    return stack.start_client(options, flow, user)

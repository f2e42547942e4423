"""Answers to the challenges of providers (RFC 3261 §22.2): nobody else is told anything that is made from a secret."""

from __future__ import annotations

from collections.abc import Callable

from sipwright.services.ports import Directory
from sipwright.sip import Request, Response
from sipwright.stack import answer_challenge

from ..call.callee import Callee
from ..call.leg import Leg
from ..model.destination import Destination

__all__ = ["Credentials"]


class Credentials:
    """What providers may be told of those who own them."""

    __slots__ = ("_accounts", "_token")

    def __init__(self, accounts: Directory, token: Callable[[], str]) -> None:
        self._accounts = accounts
        self._token = token

    def for_leg(self, leg: Leg, request: Request, response: Response) -> tuple[str, str] | None:
        """Return the header that answers a provider's challenge with that provider's credentials.

        Nobody but a provider gets an answer, and only for its own leg (RFC 3261 §22).
        """
        return self.for_destination(leg.destination, request, response) if isinstance(leg, Callee) else None

    def for_destination(
        self, destination: Destination, request: Request, response: Response
    ) -> tuple[str, str] | None:
        """Return the header that answers the challenge of a destination, if it is a provider with that realm."""
        if response.status not in (401, 407) or destination.provider is None:
            return None
        provider = self._accounts.provider(*destination.provider)
        if provider is None:
            return None
        return answer_challenge(provider, request.method, request.uri_text, response, self._token())

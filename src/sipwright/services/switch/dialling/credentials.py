"""Credentials for providers (RFC 3261 §22): nobody else is told anything that is made from a secret."""

from __future__ import annotations

from collections.abc import Callable

from sipwright.memo import Bounded
from sipwright.services.ports import Directory, Provider
from sipwright.sip import Request, Response
from sipwright.sip.client_auth import ClientAuth, ProtectionSpace
from sipwright.stack import learn_challenge, sign_request

__all__ = ["Credentials"]

REMEMBERED = 4_096

Server = tuple[int, str, str, str | None]
"""A provider and where it is: what one server has accepted is never sent to another."""


class Credentials:
    """What providers may be told of those who own them, and what each has accepted last.

    That goes along with the next call at once, which saves a round trip for as long as the nonce lives (§22.3).
    """

    __slots__ = ("_accepted", "_accounts", "_token")

    def __init__(self, accounts: Directory, token: Callable[[], str]) -> None:
        self._accounts = accounts
        self._token = token
        self._accepted: Bounded[Server, tuple[ProtectionSpace, ...]] = Bounded(REMEMBERED)

    def in_advance(self, provider: Provider) -> ClientAuth | None:
        """Return what a provider has accepted last, if anything is known."""
        if not self._accepted:
            return None
        spaces = self._accepted.get(self._server(provider))
        return None if spaces is None else ClientAuth(spaces)

    def sign(self, provider: Provider, auth: ClientAuth, request: Request) -> None:
        """Add to a request of ours what the provider is known to want."""
        found = self._accounts.provider(*provider)
        if found is not None:
            sign_request(auth, found, request, self._token)

    def challenged(
        self, provider: Provider, auth: ClientAuth, request: Request, response: Response, rounds: int
    ) -> bool:
        """Take a 401 or 407; True when the request is to be sent again, signed anew."""
        found = self._accounts.provider(*provider)
        if found is None:
            return False
        self._accepted.pop(self._server(provider), None)
        return learn_challenge(auth, found, request, response, rounds)

    def answered(self, provider: Provider, auth: ClientAuth, response: Response) -> None:
        """Take what any other final response says about what the request was signed with."""
        if response.status in (401, 407) or response.local:
            return
        if response.is_success:
            auth.take(response)
        if response.status == 403:  # which some say to a nonce that they do not like
            self._accepted.pop(self._server(provider), None)
        elif auth.spaces:
            self._accepted.keep(self._server(provider), tuple(auth.spaces))

    def _server(self, provider: Provider) -> Server:
        found = self._accounts.provider(*provider)
        return (*provider, "", None) if found is None else (*provider, found.server, found.outbound_proxy)

"""Whose credentials answer the challenges of a server, as a user agent client does it (RFC 3261 §22.2).

What has been asked for, and what goes along because of it, is in `sip/client_auth.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from sipwright.errors import UserError
from sipwright.sip import Request, Response, digest
from sipwright.sip.client_auth import MOST_ROUNDS, ClientAuth

__all__ = ["Credentials", "learn_challenge", "sign_request"]

log = structlog.get_logger(__name__)


class Credentials(Protocol):
    """Who we are to a provider that challenges us."""

    @property
    def name(self) -> str:
        """What dial strings call it."""

    @property
    def username(self) -> str:
        """Our name there."""

    @property
    def auth_username(self) -> str | None:
        """Our name for its challenges, where that differs."""

    @property
    def password(self) -> str:
        """Our password there."""

    @property
    def realm(self) -> str | None:
        """The only realm whose challenges are answered."""


def learn_challenge(
    auth: ClientAuth, credentials: Credentials, request: Request, response: Response, rounds: int,
    refusals: int = MOST_ROUNDS,
) -> bool:  # fmt: skip
    """Take a 401 or 407 (`ClientAuth.learn`); True when the request is to be sent again, signed anew.

    It is not when every challenge is of another realm than the configured one, or when the password cannot be
    decrypted; both are logged.
    """
    try:
        return auth.learn(request, response, _secrets(credentials), rounds, refusals)
    except UserError as error:
        log.error("provider cannot be answered", provider=credentials.name, error=str(error),
                  what_to_do="set its password again: 'sipwright provider set'")  # fmt: skip
        return False


def sign_request(
    auth: ClientAuth, credentials: Credentials, request: Request, token: Callable[[], str]
) -> None:
    """Add what a server is known to want of us to a request; `token` gives a cnonce when one is needed."""
    if not auth.spaces:
        return
    try:
        username = credentials.auth_username or credentials.username
        auth.sign(request, username, _secrets(credentials), token())
    except UserError:
        pass  # whoever is asked then refuses it


def _secrets(credentials: Credentials) -> Callable[[str, str], str | None]:
    username = credentials.auth_username or credentials.username

    def ha1_for(realm: str, algorithm: str) -> str | None:
        if not username:
            return None  # a trunk that knows us by our address
        if credentials.realm and realm != credentials.realm:
            log.warning(
                "challenge of another realm",
                provider=credentials.name,
                realm=realm,
                wanted=credentials.realm,
            )
            return None
        return digest.ha1(username, realm, credentials.password, algorithm)

    return ha1_for

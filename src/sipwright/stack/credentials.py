"""Answering a challenge with somebody's credentials, as a user agent client does (RFC 3261 §22.2)."""

from __future__ import annotations

from typing import Protocol

import structlog

from sipwright.errors import UserError
from sipwright.sip import Response, digest

__all__ = ["Credentials", "answer_challenge", "challenge_headers"]

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


def challenge_headers(response: Response) -> tuple[str, str]:
    """Name the header that a 401 or 407 challenges with, and the one that answers it."""
    if response.status == 401:
        return "WWW-Authenticate", "Authorization"
    return "Proxy-Authenticate", "Proxy-Authorization"


def answer_challenge(
    credentials: Credentials, method: str, uri: str, response: Response, cnonce: str
) -> tuple[str, str] | None:
    """Return the header that answers the 401 or 407 to a request, if there is one.

    There is none when every challenge is of another realm than the configured one, which is logged, or when the
    password cannot be decrypted, which was told when it was read.
    """
    asked, answered = challenge_headers(response)
    username = credentials.auth_username or credentials.username

    def ha1_for(realm: str, algorithm: str) -> str | None:
        if credentials.realm and realm != credentials.realm:
            log.warning(
                "challenge of another realm",
                provider=credentials.name,
                realm=realm,
                wanted=credentials.realm,
            )
            return None
        return digest.ha1(username, realm, credentials.password, algorithm)

    try:
        value = digest.answer(response.headers.get_all(asked), method, uri, username, ha1_for, cnonce)
    except UserError:
        return None
    return None if value is None else (answered, value)

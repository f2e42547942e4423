"""Answering the challenge of a provider with what its owner has typed in (RFC 3261 §22)."""

from __future__ import annotations

import structlog

from sipwright.sip import Request, Response, digest

from .router import ProviderAccount

__all__ = ["answer_to"]

log = structlog.get_logger(__name__)


def answer_to(
    provider: ProviderAccount, request: Request, response: Response, cnonce: str
) -> tuple[str, str] | None:
    """Return the header that answers a 401 or 407; None when the provider is configured for another realm."""
    asked, answered = ("www-authenticate", "Authorization") if response.status == 401 else (
        "proxy-authenticate", "Proxy-Authorization")  # fmt: skip
    username = provider.auth_username or provider.username

    def ha1_for(realm: str, algorithm: str) -> str | None:
        if provider.realm and realm != provider.realm:
            log.warning(
                "challenge of another realm", provider=provider.name, realm=realm, wanted=provider.realm
            )
            return None
        return digest.ha1(username, realm, provider.password, algorithm)

    challenges = response.headers.get_all(asked)
    value = digest.answer(challenges, request.method, request.uri_text, username, ha1_for, cnonce)
    return None if value is None else (answered, value)

"""What is issued to people and programs to prove who they are with; it is shown once, and kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

__all__ = [
    "TOKEN_START",
    "code_digest",
    "csrf_of",
    "digest_of",
    "is_csrf",
    "looks_like_token",
    "new_code",
    "new_secret",
    "new_token",
]

TOKEN_START = "sw_"
"""How API tokens begin: by this they are found where somebody has published one by mistake."""

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_TOKEN = re.compile(rf"(?:{TOKEN_START})?[A-Za-z0-9_-]{{43}}")


def new_secret() -> str:
    """Make what nobody guesses: 256 bits."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """Make an API token."""
    return TOKEN_START + new_secret()


def new_code() -> str:
    """Make a code of 79 bits that a person can type: no letter looks like another one."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def looks_like_token(text: str) -> bool:
    """Return whether a text can be a token or the cookie of a session: for all others nobody asks the database."""
    return len(text) < 64 and _TOKEN.fullmatch(text) is not None


def digest_of(issued: str) -> str:
    """Return the hash that something issued is kept as.

    Secrets and tokens are long and random: nobody finds one by trying, so that one round of SHA-256 is enough.
    """
    return hashlib.sha256(issued.encode(errors="surrogatepass")).hexdigest()


def code_digest(code: str) -> str:
    """Return the hash that a code is kept as, however it is typed."""
    return digest_of("".join(letter for letter in code[:100].lower() if letter in _LETTERS))


def csrf_of(token: str) -> str:
    """Return what a page shows beside the cookie of its session, to prove that a change comes from one of ours."""
    return hmac.new(token.encode(errors="surrogatepass"), b"csrf", "sha256").hexdigest()


def is_csrf(given: str | None, token: str) -> bool:
    """Return whether a request has what the pages of its session show."""
    return given is not None and hmac.compare_digest(given.encode(errors="replace"), csrf_of(token).encode())

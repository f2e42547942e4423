"""What people may call things, and one sentence when they may not."""

from __future__ import annotations

import re
import unicodedata

from sipwright.store.errors import StoreError

__all__ = [
    "LONGEST_PASSWORD",
    "account_name",
    "domain_name",
    "key_name",
    "mail_address",
    "password_text",
    "plan_name",
    "provider_name",
    "script_secret_name",
    "secret_text",
    "split_name",
    "token_name",
    "user_name",
]

LONGEST_PASSWORD = 1_000
"""Letters of a password to log in with: who sends megabytes has none of them hashed."""

_ACCOUNT = re.compile(r"[\w.!~*'()#+$=-]{1,128}")
_LABEL = re.compile(r"[^\W_][\w.-]{0,63}")
_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
_FREE = re.compile(r"[^\s/](?:[^/]{0,62}[^\s/])?")
_MAIL = re.compile(
    r"[\w.!#$%&'*+=?^`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.ASCII
)
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_IPV6 = re.compile(r"[0-9a-f:.]*:[0-9a-f:.]*")

_MOST_TOLD = 60


def account_name(text: str) -> str:
    """Check the user part of a SIP address; ``@``, spaces and brackets would not survive in a URI."""
    if not _ACCOUNT.fullmatch(text):
        raise StoreError(
            f"{_told(text)} cannot be an account name; use up to 128 letters, digits and . - _ + * #", "name"
        )
    return text


def domain_name(text: str) -> str:
    """Check a SIP domain, and give it in lower case: host names have no case."""
    lowered = text.strip().lower().strip("[]")
    if len(lowered) > 253 or not (_HOST.fullmatch(lowered) or _IPV6.fullmatch(lowered)):
        raise StoreError(
            f"{_told(text)} cannot be a SIP domain; write a host name such as sip.example.org", "domain"
        )
    return lowered.rstrip(".")


def user_name(text: str) -> str:
    """Check the name that a person logs in with."""
    return _label(text, "a user name")


def plan_name(text: str) -> str:
    """Check the name of a dialplan."""
    return _label(text, "a dialplan name")


def provider_name(text: str) -> str:
    """Check the name of a provider, and give it in lower case, as dial strings find it after their ``@``."""
    if text.lower() == "local":
        raise StoreError("'local' cannot be a provider name: in dial strings it means this switch", "name")
    if "." in text:
        raise StoreError(
            f"{_told(text)} cannot be a provider name; a name with a dot is a host in dial strings", "name"
        )
    return _label(text, "a provider name").lower()


def token_name(text: str) -> str:
    """Check the name of an API token."""
    return _free(text, "a token")


def key_name(text: str) -> str:
    """Check the name of an SSH key."""
    return _free(text, "a key")


def mail_address(text: str) -> str:
    """Check a mail address, and give it in lower case, in which it is looked for."""
    lowered = text.strip().lower()
    if len(lowered) > 254 or ".." in lowered or not _MAIL.fullmatch(lowered):
        raise StoreError(f"{_told(text)} is not a mail address; write one such as carol@example.org", "email")
    return lowered


def script_secret_name(text: str) -> str:
    """Check the name of a secret of scripts."""
    if not _SECRET.fullmatch(text):
        raise StoreError(
            f"{_told(text)} cannot be the name of a secret; use up to 64 letters, digits and _, such as API_KEY",
            "name",
        )
    return text


def secret_text(text: str, what: str = "the password") -> str:
    """Check a password: not empty, and nothing that cannot be typed."""
    if not text:
        raise StoreError(f"{what} is empty; give one", "password")
    if not text.isprintable():
        raise StoreError(f"{what} has control characters or broken text in it; give another", "password")
    return text


def password_text(text: str) -> str:
    """Check a password to log in with, and give it as it is hashed: keyboards write é in two ways (RFC 8265 4.2)."""
    if len(text) > LONGEST_PASSWORD:
        raise StoreError(
            f"the password is longer than {LONGEST_PASSWORD} letters; give a shorter one", "password"
        )
    return unicodedata.normalize("NFC", secret_text(text))


def split_name(name: str, domain: str | None = None) -> tuple[str, str | None]:
    """Split ``name@domain``; a domain may not be given twice in two ways."""
    username, at, named = name.partition("@")
    if at and domain is not None and domain.lower() != named.lower():
        raise StoreError(
            f"{_told(name)} names another domain than {_told(domain)}; give one of the two", "domain"
        )
    return username, named if at else domain


def _free(text: str, what: str) -> str:
    if not text.isprintable() or not _FREE.fullmatch(text):
        raise StoreError(
            f"{_told(text)} cannot be the name of {what}; use up to 64 letters, no / among them", "name"
        )
    return text


def _label(text: str, what: str) -> str:
    if not _LABEL.fullmatch(text):
        raise StoreError(
            f"{_told(text)} cannot be {what}; use up to 64 letters, digits and . - _, a letter or digit first",
            "name",
        )
    return text


def _told(text: str) -> str:
    """Return what somebody has written as a sentence quotes it: who has sent megabytes knows them."""
    return repr(text if len(text) <= _MOST_TOLD else f"{text[:_MOST_TOLD]}…")

"""What people may call things, and one sentence when they may not."""

from __future__ import annotations

import re

from sipwright.store.errors import StoreError

__all__ = [
    "account_name",
    "domain_name",
    "plan_name",
    "provider_name",
    "secret_text",
    "split_name",
    "user_name",
]

_ACCOUNT = re.compile(r"[\w.!~*'()#+$=-]{1,128}")
_LABEL = re.compile(r"[^\W_][\w.-]{0,63}")
_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
_IPV6 = re.compile(r"[0-9a-f:.]*:[0-9a-f:.]*")


def account_name(text: str) -> str:
    """Check the user part of a SIP address; ``@``, spaces and brackets would not survive in a URI."""
    if not _ACCOUNT.fullmatch(text):
        raise StoreError(f"{text!r} cannot be an account name; use letters, digits and . - _ + * #", "name")
    return text


def domain_name(text: str) -> str:
    """Check a SIP domain, and give it in lower case: host names have no case."""
    lowered = text.strip().lower().strip("[]")
    if len(lowered) > 253 or not (_HOST.fullmatch(lowered) or _IPV6.fullmatch(lowered)):
        raise StoreError(
            f"{text!r} cannot be a SIP domain; write a host name such as sip.example.org", "domain"
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
            f"{text!r} cannot be a provider name; a name with a dot is a host in dial strings", "name"
        )
    return _label(text, "a provider name").lower()


def secret_text(text: str, what: str = "the password") -> str:
    """Check a password: not empty, and nothing that cannot be typed."""
    if not text:
        raise StoreError(f"{what} is empty; give one", "password")
    if not text.isprintable():
        raise StoreError(f"{what} has control characters or broken text in it; give another", "password")
    return text


def split_name(name: str, domain: str | None = None) -> tuple[str, str | None]:
    """Split ``name@domain``; a domain may not be given twice in two ways."""
    username, at, named = name.partition("@")
    if at and domain is not None and domain.lower() != named.lower():
        raise StoreError(f"{name!r} names another domain than {domain!r}; give one of the two", "domain")
    return username, named if at else domain


def _label(text: str, what: str) -> str:
    if not _LABEL.fullmatch(text):
        raise StoreError(
            f"{text!r} cannot be {what}; use letters, digits and . - _, a letter or digit first", "name"
        )
    return text

"""Etags: what a thing is now in a few letters, so that nobody changes what somebody else has changed meanwhile."""

from __future__ import annotations

import re
from dataclasses import fields
from hashlib import sha256
from typing import Any

from sipwright.usecases.errors import Changed, Conflict

_TAG = re.compile(r'(W/)?"([^"]*)"')

__all__ = ["etag_of", "is_among", "is_named", "refuse_if_there", "require"]


def etag_of(*values: Any) -> str:
    """Return the etag of what some values make up."""
    return sha256(repr(values).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def require(view: Any, if_match: str | None, what: str) -> None:
    """Let a change pass if the thing is still what it was when the one who wants it looked.

    Args:
        view: The thing as it is now, with its ``etag``.
        if_match: The etag that it had, or several as ``If-Match`` has them (RFC 9110 §13.1.1); ``*`` is any.
        what: What it is, for people.

    Raises:
        Changed: It has changed.
    """
    if if_match is not None and not is_named(view.etag, if_match):
        raise Changed(f"{what} was changed meanwhile; look at it again", view.etag)


def refuse_if_there(view: Any, if_none_match: str | None, what: str) -> None:
    """Refuse to make what is there already, as ``If-None-Match`` has it (RFC 9110 §13.1.2).

    Raises:
        Conflict: It is there.
    """
    if if_none_match is not None and is_among(view.etag, if_none_match):
        raise Conflict(f"{what} is there already")


def is_named(etag: str, if_match: str) -> bool:
    """Return whether ``If-Match`` names an etag: a weak one says nothing about a change (RFC 9110 §8.8.3.2)."""
    if if_match.strip() in ("*", etag):  # people write it as the body has it, too
        return True
    return any(tag == etag and not weak for weak, tag in _TAG.findall(if_match))


def is_among(etag: str, if_none_match: str) -> bool:
    """Return whether ``If-None-Match`` names an etag, weak or not."""
    if if_none_match.strip() in ("*", etag):
        return True
    return any(tag == etag for _, tag in _TAG.findall(if_none_match))


def shown(view: Any) -> dict[str, Any]:
    """Return a view for the audit: what people set of it."""
    return {part.name: getattr(view, part.name) for part in fields(view) if part.name not in _NOT_SET}


_NOT_SET = ("id", "etag", "bindings", "fault", "state")

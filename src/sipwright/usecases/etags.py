"""Etags: what a thing is now in a few letters, so that nobody changes what somebody else has changed meanwhile."""

from __future__ import annotations

from dataclasses import fields
from hashlib import sha256
from typing import Any

from sipwright.usecases.errors import Changed

__all__ = ["etag_of", "require"]


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
    if if_match is None or if_match.strip() == "*":
        return
    wanted = [text.strip().removeprefix("W/").strip('"') for text in if_match.split(",")]
    if view.etag not in wanted:
        raise Changed(f"{what} was changed meanwhile; look at it again", view.etag)


def shown(view: Any) -> dict[str, Any]:
    """Return a view for the audit: what people set of it."""
    return {part.name: getattr(view, part.name) for part in fields(view) if part.name not in _NOT_SET}


_NOT_SET = ("id", "etag", "bindings", "fault", "state")

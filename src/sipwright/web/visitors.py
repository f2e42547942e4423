"""Who comes to the web: by which cookie we know them, from where they come, and below which path a proxy shows us."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from sipwright.usecases.visitor import Visitor

__all__ = ["COOKIE", "prefix_of", "visitor_of"]

COOKIE = "sipwright_session"
"""What a browser shows that has logged in, to the pages and to REST alike."""


def visitor_of(connection: HTTPConnection, face: str) -> Visitor:
    """Return who comes to a face, before they have proved who they are."""
    address = connection.client.host if connection.client is not None else None
    return Visitor(face, address, connection.headers.get("user-agent", "")[:200] or None)


def prefix_of(connection: HTTPConnection) -> str:
    """Return below which path we are shown, ``""`` where that is none: what a proxy says of it is in there already."""
    prefix: str = connection.scope.get("root_path", "")
    return prefix

"""The sockets of pages: each speaks for what was shown to its own session, and for nothing else.

The name of a page stands in the address of its socket, and so perhaps in the log of a proxy: by itself it opens
nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from weakref import WeakSet

from nicegui.client import Client
from socketio.exceptions import ConnectionRefusedError  # type: ignore[import-untyped]  # it has no types
from starlette.requests import HTTPConnection

from sipwright.web.visitors import COOKIE

__all__ = ["guard_sockets", "silence"]

_SAID_OF_A_PAGE = ("handshake", "event", "javascript_response", "ack", "log")
_RELOAD = "Implicit handshake failed"
"""What the library of the pages takes for a reason to load the page again, which then asks for a log-in."""

_silenced: WeakSet[Client] = WeakSet()


def silence(client: Client) -> None:
    """Hear nothing more of a page whose session is over: a browser of ours leaves it, others only pretend to."""
    _silenced.add(client)


def guard_sockets(server: Any) -> None:
    """Let whatever is said over a socket be heard only by the pages of its session."""
    handlers = server.handlers["/"]
    if getattr(handlers["connect"], "is_guarded", False):  # NiceGUI has one server a process
        return
    for name in _SAID_OF_A_PAGE:
        handlers[name] = _heard_by_theirs(server, handlers[name])
    handlers["connect"] = _connecting(handlers["connect"])


def _heard_by_theirs(server: Any, inner: Callable[..., Any]) -> Callable[..., Any]:
    async def said(sid: str, message: Any = None) -> Any:
        name = message.get("client_id") if isinstance(message, dict) else None
        if not _is_theirs(server.get_environ(sid), name):
            return False
        found = inner(sid, message)
        return await found if inspect.isawaitable(found) else found

    return said


def _connecting(inner: Callable[..., Any]) -> Callable[..., Any]:
    async def connect(sid: str, environ: dict[str, Any], *given: Any) -> None:
        names = parse_qs(environ.get("QUERY_STRING", "")).get("client_id")
        if names and not _is_theirs(environ, names[0]):
            raise ConnectionRefusedError(_RELOAD)
        await inner(sid, environ, *given)

    connect.is_guarded = True  # type: ignore[attr-defined]  # `guard` looks whether it is there
    return connect


def _is_theirs(environ: Any, name: Any) -> bool:
    """Return whether a socket may speak for a page: both have the cookie of one session, and that goes on.

    A page that was shown to somebody without a session, which none of ours is, is nobody's.
    """
    client = Client.instances.get(name) if isinstance(name, str) else None
    if client is None or client._request is None or client in _silenced or environ is None:
        return False
    cookie: str | None = HTTPConnection(environ["asgi.scope"]).cookies.get(COOKIE)
    shown_to: str | None = client.request.cookies.get(COOKIE)
    return cookie is not None and cookie == shown_to

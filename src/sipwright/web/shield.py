"""What goes round every request: bodies that are bounded, headers that tell browsers to be careful, and no fault shown.

Each of them is a plain ASGI application, as a response that streams for hours passes through all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sipwright.web.problems import problem

__all__ = ["BoundedBodies", "CarefulBrowsers", "HeadsOnly", "NoBanned", "NoFaults"]

log = structlog.get_logger(__name__)

LARGEST_PASSED_OVER = 16 * 1024 * 1024
"""Bytes of a refused body that are read and thrown away, so that its sender gets to the answer."""

LARGEST_BODY = 2 * 1024 * 1024

_FOR_ALL = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_LATER = (b"retry-after", b"2")
_API = b"default-src 'none'; frame-ancestors 'none'"
_DOCS = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
# The pages' own library compiles its templates in the browser and puts its styles into elements.
_PAGES = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    b"img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' %s; worker-src 'self' blob:; "
    b"object-src 'none'; frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)


class NoFaults:
    """Answer 500 where something of ours is wrong, with nothing of it inside; the log has it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        is_begun = False

        async def noting(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            log.debug("a client has gone before it had said what it wants", path=scope["path"])
        except Exception:
            if scope["type"] == "lifespan":
                raise
            log.exception("a request has failed", method=scope.get("method"), path=scope["path"])
            if scope["type"] == "http" and not is_begun:
                await _refuse(send, 500, "something is wrong with the server; its log says what")
            elif is_begun and scope["type"] == "http":
                raise ConnectionAbortedError from None  # the connection ends: half an answer is none


class CarefulBrowsers:
    """Say in each answer what a browser may do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def saying(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(line for line in _lines(scope, message["status"]) if line[0] not in present),
                ]
            await send(message)

        await self._app(scope, receive, saying)


def _lines(scope: Scope, status: int) -> list[tuple[bytes, bytes]]:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    lines = list(_FOR_ALL)
    if status == 503:
        lines.append(_LATER)
    if scope["scheme"] == "https":
        lines.append(_HSTS)
    if not path.startswith("/api/"):
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        sockets = (
            b"ws%s://%s" % (b"s" if scope["scheme"] == "https" else b"", host) if _is_host(host) else b""
        )
        return [*lines, (b"content-security-policy", _PAGES % sockets)]
    policy = _DOCS if path.startswith("/api/v1/docs") else _API
    return [*lines, (b"content-security-policy", policy), (b"cache-control", b"no-store")]


def _is_host(text: bytes) -> bool:
    return bool(text) and all(chr(byte).isalnum() or byte in b".-:[]" for byte in text)


class HeadsOnly:
    """Answer HEAD as GET without what it would send (RFC 9110 §9.3.2), also where that would never end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def beginning(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})

        await self._app({**scope, "method": "GET"}, receive, beginning)


class NoBanned:
    """Refuse whoever is banned, before anything of the request is read."""

    def __init__(self, app: ASGIApp, is_banned: Callable[[str], bool]) -> None:
        self._app = app
        self._is_banned = is_banned

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        client = scope.get("client")
        if scope["type"] == "lifespan" or client is None or not self._is_banned(client[0]):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _refuse(send, 403, "nobody from your address is let in; an admin can change that")
        else:
            await send({"type": "websocket.close", "code": 1008})


class BoundedBodies:
    """Refuse a body that is too large before it is in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(length) > LARGEST_BODY:
            await _refuse_body(scope, receive, send)
            return
        left = LARGEST_BODY

        async def counting() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, _too_large())
            return message

        await self._app(scope, counting, send)


async def _refuse(send: Send, status: int, said: str) -> None:
    head, body = problem(status, said)
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def _refuse_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a body by its length, and let who sends it all the same finish: nothing of it is kept.

    To close while it comes would reset the connection, and many clients only look for an answer when all is sent.
    """
    head, body = problem(413, _too_large())
    await send({"type": "http.response.start", "status": 413, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    left = 0 if any(name == b"expect" for name, _ in scope["headers"]) else LARGEST_PASSED_OVER
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.body", "body": b""})


def _too_large() -> str:
    return f"the body has more than {LARGEST_BODY:,} bytes; send less"

"""The door: who looks at a page has logged in, or is sent to do so; and who has, is let in."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sipwright.web.visitors import COOKIE, prefix_of, visitor_of

if TYPE_CHECKING:
    from sipwright.usecases import Actor, UseCases
    from sipwright.usecases.gate import LoggedIn

__all__ = ["Door", "is_from_elsewhere", "let_in", "safe_target"]

_NO_TARGETS = ("//", "/\\", "/login", "/logout", "/signup", "/reset")


class Door:
    """Lets those in who have a session, as a dependency of each page: others are not worth a page of their own."""

    def __init__(self, usecases: UseCases) -> None:
        self._usecases = usecases

    async def __call__(self, request: Request) -> None:
        """Find out who asks for a page.

        Raises:
            HTTPException: They are nobody yet, and are sent to log in.
        """
        actor = await self.actor(request)
        if actor is None:
            path = request.url.path.removeprefix(request.scope.get("root_path", ""))
            query = f"?{request.url.query}" if request.url.query else ""
            here = quote(path + query, safe="/")
            raise HTTPException(303, headers={"Location": f"{prefix_of(request)}/login?next={here}"})
        request.scope["sipwright.actor"] = actor

    async def actor(self, request: Request) -> Actor | None:
        """Return who asks, None for somebody without a session."""
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        return await self._usecases.login.by_session(visitor_of(request, "web"), token)


def is_from_elsewhere(request: Request) -> bool:
    """Return whether a browser says that another site has made it send this (CSRF)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")


def safe_target(wanted: str) -> str:
    """Return where to go after logging in: a path of ours, whatever a link says."""
    if not wanted.startswith("/") or wanted.startswith(_NO_TARGETS) or "\\" in wanted:
        return "/"
    return wanted if wanted.isprintable() else "/"


def let_in(request: Request, session: LoggedIn, target: str) -> Response:
    """Return the way on for who has a session now."""
    response = RedirectResponse(prefix_of(request) + target, 303)
    response.set_cookie(
        COOKIE,
        session.token,
        max_age=max(60, int(session.expires_at - time.time())),
        path=prefix_of(request) or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return response

"""Who asks: by a token (`Authorization: Bearer`), or by the cookie of a session, which for changes needs more.

A browser sends a cookie whoever has made it ask, so a change with a cookie also carries ``X-CSRF-Token``, which only
our own pages know.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.requests import HTTPConnection

from sipwright.usecases.actor import Actor
from sipwright.usecases.issued import is_csrf
from sipwright.usecases.usecases import UseCases
from sipwright.web.problems import Problem
from sipwright.web.visitors import COOKIE, visitor_of

__all__ = ["CSRF_HEADER", "Asking", "Uses", "actor_of", "documented", "usecases_of"]

CSRF_HEADER = "X-CSRF-Token"
_SAFE = ("GET", "HEAD", "OPTIONS")
_KNOWN = "sipwright.actor"

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="A token of `sipwright token add`.")
_cookie = APIKeyCookie(
    name=COOKIE,
    auto_error=False,
    scheme_name="session",
    description=f"The session of the pages; changes also need the header {CSRF_HEADER}.",
)


def usecases_of(connection: HTTPConnection) -> UseCases:
    """Return the use cases of the application."""
    found: UseCases = connection.app.state.usecases
    return found


async def actor_of(connection: HTTPConnection) -> Actor:
    """Return who asks; whoever looks again at the same request does not look them up again.

    Raises:
        Problem: They have not said, or are not let in.
    """
    known: Actor | None = connection.scope.get(_KNOWN)
    if known is not None:
        return known
    actor = connection.scope[_KNOWN] = await find_actor(connection)
    if actor is None:
        raise Problem(
            401,
            "say who you are: Authorization: Bearer TOKEN, with a token of 'sipwright token add NAME'",
            headers={"WWW-Authenticate": 'Bearer realm="sipwright"'},
        )
    return actor


async def find_actor(connection: HTTPConnection) -> Actor | None:
    """Return who asks, None where that is nobody whom we know."""
    login = usecases_of(connection).login
    visitor = visitor_of(connection, "rest")
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme:
        return await login.by_token(visitor, token.strip()) if scheme.lower() == "bearer" else None
    cookie = connection.cookies.get(COOKIE)
    if cookie is None:
        return None
    actor = await login.by_session(visitor, cookie)
    is_change = connection.scope.get("method") not in (*_SAFE, None)
    if actor is not None and is_change and not is_csrf(connection.headers.get(CSRF_HEADER), cookie):
        raise Problem(
            403, f"a change with the cookie of a session needs the header {CSRF_HEADER} of its page"
        )
    return actor


async def documented(
    actor: Annotated[Actor, Depends(actor_of)],
    _token: Annotated[object, Depends(_bearer)],
    _session: Annotated[object, Depends(_cookie)],
) -> Actor:
    """Return who asks, where the document is to say so."""
    return actor


Asking = Annotated[Actor, Depends(documented)]
"""Who asks; a route without it has no wall, and a test finds it."""

Uses = Annotated[UseCases, Depends(usecases_of)]
"""What can be done."""

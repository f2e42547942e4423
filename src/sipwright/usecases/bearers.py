"""Bearers: whom a session or a token stands for, remembered for a moment.

Every request of a page asks this. What somebody has revoked, or whose role has changed, is so for everybody before
two seconds have gone by, in this process at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from sipwright.memo import Bounded
from sipwright.store.admin import api_tokens, sessions
from sipwright.store.admin.sessions import Bearer
from sipwright.usecases.actor import ALL_SCOPES, Actor
from sipwright.usecases.errors import UseCaseError
from sipwright.usecases.ground import Ground
from sipwright.usecases.visitor import Visitor

__all__ = ["Bearers", "lifetime"]

Kind = Literal["session", "token"]

KEPT = 1.5
"""Seconds for which a bearer is remembered."""

SEEN_EVERY = 60.0
"""Seconds after which it is written again that a session or a token is in use."""

MOST = 10_000


class Bearers:
    """Finds whom a session or a token stands for."""

    def __init__(self, ground: Ground, timer: Callable[[], float] = time.monotonic) -> None:
        self._ground = ground
        self._timer = timer
        self._known: Bounded[tuple[Kind, str | int], tuple[float, Bearer]] = Bounded(MOST)
        self.revoked = 0

    def forget(self) -> None:
        """Forget everybody: something was revoked, which `revoked` counts for those who follow something for long."""
        self._known.clear()
        self.revoked += 1

    async def find(self, kind: Kind, which: str | int, visitor: Visitor) -> Actor | None:
        """Find an actor by the hash or the number of a session or a token that is good now."""
        now = self._timer()
        known = self._known.get((kind, which))
        if known is not None and known[0] > now:
            return _actor(kind, known[1], visitor)
        revoked = self.revoked
        bearer = await self._read(kind, which)
        if bearer is None:
            self._known.pop((kind, which), None)
            return None
        if self.revoked == revoked:  # else it may be what has been revoked while it was read
            self._known.keep((kind, which), (now + KEPT, bearer))
        await self._touch(kind, bearer)
        return _actor(kind, bearer, visitor)

    async def _read(self, kind: Kind, which: str | int) -> Bearer | None:
        now = self._ground.unix_time()
        store = sessions if kind == "session" else api_tokens
        if isinstance(which, int):
            return await self._ground.look(lambda c: store.find(c, now, id=which))
        return await self._ground.look(lambda c: store.find(c, now, token_hash=which))

    async def _touch(self, kind: Kind, bearer: Bearer) -> None:
        """Write that somebody is there; a database that cannot be written to stops nobody who only reads."""
        now = self._ground.unix_time()
        if bearer.seen_at is not None and now - bearer.seen_at < SEEN_EVERY:
            return
        try:
            if kind == "session":
                until = lifetime(self._ground, bearer.created_at)
                await self._ground.keep(lambda c: sessions.touch(c, bearer.id, now, until))
            else:
                await self._ground.keep(lambda c: api_tokens.touch(c, bearer.id, now))
        except UseCaseError:
            pass


def lifetime(ground: Ground, created_at: float) -> float:
    """Return until when a session goes on that is used now."""
    login = ground.settings.login
    return min(ground.unix_time() + login.session_hours * 3600.0, created_at + login.session_days * 86_400.0)


def _actor(kind: Kind, bearer: Bearer, visitor: Visitor) -> Actor:
    return Actor(
        bearer.user_id,
        bearer.user,
        bearer.role,
        visitor.face,
        visitor.address,
        ALL_SCOPES if bearer.scopes is None else ALL_SCOPES & bearer.scopes,
        session=bearer.id if kind == "session" else None,
        token=bearer.id if kind == "token" else None,
    )

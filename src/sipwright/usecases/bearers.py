"""Bearers: whom a session or a token stands for, remembered until something is revoked.

Every request of a page asks this, and whoever follows something for long asks it again and again. All of them look
at one place, the feed of changes, and one of them reads it for all: what somebody has revoked, or whose role has
changed, is so for everybody before two seconds have gone by, in this process at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Literal

from sipwright.memo import Bounded
from sipwright.store.admin import api_tokens, sessions
from sipwright.store.admin.changes import Change, ChangeFeed
from sipwright.store.admin.sessions import Bearer
from sipwright.usecases.actor import ALL_SCOPES, Actor
from sipwright.usecases.errors import UseCaseError
from sipwright.usecases.ground import Ground
from sipwright.usecases.visitor import Visitor

__all__ = ["Bearers", "lifetime"]

Kind = Literal["session", "token"]

LOOK_AGAIN = 0.9
"""Seconds for which nobody looks whether something was revoked elsewhere; who follows looks once a second himself."""

KEPT = 30.0
"""Seconds after which a bearer is read again, whatever the feed says: a node of an older version tells less there."""

SEEN_EVERY = 45.0
"""Seconds after which it is written that a session or a token is in use, when it is read next: once a minute or so."""

MOST = 10_000


class Bearers:
    """Finds whom a session or a token stands for."""

    def __init__(self, ground: Ground, timer: Callable[[], float] = time.monotonic) -> None:
        self._ground = ground
        self._timer = timer
        self._known: Bounded[tuple[Kind, str | int], tuple[float, Bearer]] = Bounded(MOST)
        self._feed: ChangeFeed | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looked_at, self._looked_for = float("-inf"), -1
        self.revoked = 0

    def forget(self) -> None:
        """Believe nobody before the feed was read: something was revoked, as `revoked` counts for those who follow."""
        self.revoked += 1

    async def find(self, kind: Kind, which: str | int, visitor: Visitor) -> Actor | None:
        """Find an actor by the hash or the number of a session or a token that is good now."""
        await self._keep_up()
        now = self._timer()
        known = self._known.get((kind, which))
        if known is not None and known[0] > now and self._is_good(known[1]):
            return _actor(kind, known[1], visitor)
        revoked = self.revoked
        bearer = await self._read(kind, which)
        if bearer is None:
            self._known.pop((kind, which), None)
            return None
        if self.revoked == revoked:  # else it may be what has been revoked while it was read
            self._known.keep((kind, which), (now + min(KEPT, self._seen_every), bearer))
        await self._touch(kind, bearer)
        return _actor(kind, bearer, visitor)

    # What was revoked.

    async def _keep_up(self) -> None:
        """Wait until the feed was read after what was revoked here, and not long ago."""
        since = self._timer() - LOOK_AGAIN
        while self._looked_for != self.revoked or self._looked_at <= since:
            # One that is done is none, though it has yet to be told to us: to wait for it would let nobody else run.
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look(), name="revoked")
                self._looking.add_done_callback(self._looked)
            await asyncio.shield(
                self._looking
            )  # for all who wait: that one of them has gone is nothing to the others

    async def _look(self) -> None:
        began, revoked = self._timer(), self.revoked
        if self._feed is None:
            feed = ChangeFeed()
            await self._ground.look(feed.start)
            self._feed = feed
        else:
            found = await self._ground.look(self._feed.poll)
            self._feed.taken(found)
            if self._drop(found.values()):
                self.revoked, revoked = self.revoked + 1, revoked + 1
        self._looked_at, self._looked_for = began, revoked

    def _looked(self, looking: asyncio.Task[None]) -> None:
        if self._looking is looking:
            self._looking = None
        if not looking.cancelled():
            looking.exception()  # told to whoever waits, of whom there may be none any more

    def _drop(self, changes: Iterable[Change]) -> bool:
        """Forget whom changes are about, and return whether they are about somebody."""
        ids: dict[str, list[range]] = {}
        for change in changes:
            ids.setdefault(change.kind, []).append(range(change.first_id, change.last_id + 1))
        if not ids.keys() & {"session", "token", "user"}:
            return False
        gone = [
            key
            for key, (_, bearer) in self._known.items()
            if any(bearer.id in some for some in ids.get(key[0], ()))
            or any(bearer.user_id in some for some in ids.get("user", ()))
        ]
        for key in gone:
            del self._known[key]
        return True

    # Who it is.

    @property
    def _seen_every(self) -> float:
        """A session that is in use is to be written so well before it would end."""
        return min(SEEN_EVERY, self._ground.settings.login.session_hours * 3600.0 / 4)

    def _is_good(self, bearer: Bearer) -> bool:
        return bearer.expires_at is None or self._ground.unix_time() < bearer.expires_at

    async def _read(self, kind: Kind, which: str | int) -> Bearer | None:
        now = self._ground.unix_time()
        store = sessions if kind == "session" else api_tokens
        if isinstance(which, int):
            return await self._ground.look(lambda c: store.find(c, now, id=which))
        return await self._ground.look(lambda c: store.find(c, now, token_hash=which))

    async def _touch(self, kind: Kind, bearer: Bearer) -> None:
        """Write that somebody is there; a database that cannot be written to stops nobody who only reads."""
        now = self._ground.unix_time()
        if bearer.seen_at is not None and now - bearer.seen_at < self._seen_every:
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

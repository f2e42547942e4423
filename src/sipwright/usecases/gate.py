"""The gate: what everything shares by which people get in."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from urllib.parse import quote

import structlog
from sqlalchemy import Connection

from sipwright.memo import Bounded
from sipwright.stack.throttle import Throttle as LineThrottle
from sipwright.store.admin import sessions
from sipwright.store.admin.throttles import Limit
from sipwright.usecases.actor import Actor
from sipwright.usecases.bearers import Bearers, lifetime
from sipwright.usecases.ground import Ground
from sipwright.usecases.issued import csrf_of, digest_of, new_secret
from sipwright.usecases.passwords import Passwords
from sipwright.usecases.throttle import Throttle
from sipwright.usecases.trail import note
from sipwright.usecases.visitor import Visitor

__all__ = ["Gate", "LoggedIn", "name_key"]

log = structlog.get_logger(__name__)

LINE_EVERY = 60.0
_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A person who has logged in; `token` is the cookie of the session, `csrf` what its pages show beside it."""

    actor: Actor
    token: str
    csrf: str
    expires_at: float


class Gate:
    """Passwords, the throttle on who tries them, and who is in."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.passwords = Passwords()
        self.throttle = Throttle(ground)
        self.bearers = Bearers(ground)
        self._lines = LineThrottle(every=LINE_EVERY)
        self._tries: Bounded[tuple[str, str], int] = Bounded()

    def close(self) -> None:
        """Compare no more passwords."""
        self.passwords.close()

    def limits(self, visitor: Visitor, name: str, *, is_known_place: bool = False) -> tuple[Limit, Limit]:
        """Return how often somebody may try a name from an address.

        From where its user has logged in not long ago tries are counted apart, so that a stranger who tries the name
        of somebody shuts the door on strangers only.
        """
        login = self.ground.settings.login
        seconds = max(1, round(login.tries_minutes * 60))
        place = f"@{visitor.network}" if is_known_place else ""
        return (
            Limit(name_key(name) + place, login.tries_per_name, seconds),
            Limit(f"address:{visitor.network}", login.tries_per_address, seconds),
        )

    async def let_in(self, visitor: Visitor, actor: Actor) -> LoggedIn:
        """Begin a session, whose cookie is always a new one."""
        token, now = new_secret(), self.ground.unix_time()
        until = lifetime(self.ground, now)
        came = (visitor.face, visitor.address, visitor.user_agent)

        def work(connection: Connection) -> int:
            number = sessions.add(connection, actor.user_id, digest_of(token), came, now, until)
            note(connection, actor, "login.log_in", actor.name)
            return number

        number = await self.ground.keep(work)
        return LoggedIn(replace(actor, session=number), token, csrf_of(token), until)

    def refused(self, visitor: Visitor, name: str, reason: str, *, user: str | None = None) -> None:
        """Tell the log, and whoever reads the events, that somebody was not let in.

        One line and one event for each address and name in a minute, as in `authentication failed` of phones. The name
        comes from a stranger: whatever could look like another field or another line is escaped as in a URI. If it is
        that of a `user`, they hear of it, too.
        """
        if visitor.address is not None:
            is_looked_at = reason != "too many tries"
            self.ground.hint(
                "guard.suspect", address=visitor.address, face=visitor.face, looked_at=is_looked_at
            )
        shown = quote(name[:_LONGEST_NAME], safe="+*!@", errors="replace")
        told = {"user": shown, "address": visitor.address, "face": visitor.face, "reason": reason}
        key = (visitor.network, shown)
        tries = self._tries.pop(key, 0) + 1
        suppressed = self._lines.admit(key, time.monotonic())
        if suppressed is None:
            self._tries.keep(key, tries)
            return
        log.warning("log-in refused", **told, tries=tries, suppressed=suppressed)
        data = {"what": "log-in", "name": told.pop("user"), **told, "tries": tries}
        self.ground.tell({"type": "security.refused", "user": user or "", "data": data})

    def crowded(self, face: str, refused: int, addresses: list[str]) -> None:
        """Tell whoever reads the events that connections were refused, and who came most often."""
        data = {"what": "connection", "face": face, "tries": refused, "addresses": addresses}
        self.ground.tell({"type": "security.refused", "user": "", "data": data})


def name_key(name: str) -> str:
    """Return what tries of a name are counted under, whether or not there is such a user."""
    return f"name:{digest_of(name)[:32]}"

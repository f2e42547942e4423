"""Login: how people prove who they are, for all faces together.

Whoever is not let in hears the same words after the same time: whether there is such a name, and what was wrong,
nobody can tell. Every try counts for its name and its address before it is looked at, and a right one is given back.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.admin import public_keys, second_factors, sessions, users
from sipwright.store.admin.throttles import Limit
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import CodeNeeded, Throttled, Unauthenticated
from sipwright.usecases.gate import Gate, LoggedIn
from sipwright.usecases.half_session import HalfSession
from sipwright.usecases.issued import digest_of, looks_like_token
from sipwright.usecases.public_key import InvalidKey, read_public_key
from sipwright.usecases.second_factor import is_right_code
from sipwright.usecases.trail import note
from sipwright.usecases.visitor import Visitor

__all__ = ["LoggedIn", "Login"]

REFUSED = "the name, the password or the code is wrong"
WRONG_CODE = "that code is wrong, or was used before; type the one that your app shows now"
TOO_LATE = "that took too long; log in again with name and password"

LONGEST_NAME = 100

CODES, CODES_SECONDS, CODES_A_DAY = 5, 300, 20
"""How many codes may be tried with a right password: in five minutes, and in a day."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept of a name that somebody gives."""

    user_id: int = 0
    role: str = ""
    password_hash: str | None = None
    is_known_place: bool = False
    has_code: bool = False


class Login:
    """Lets people in."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._ground = gate.ground

    async def log_in(self, visitor: Visitor, name: str, password: str, code: str | None = None) -> LoggedIn:
        """Log in with name and password, and with a code where the user has set that up.

        Raises:
            Unauthenticated: Something is wrong.
            CodeNeeded: Only the code is missing; `log_in_with_code` takes it.
            Throttled: There were too many tries of this name, or from this address.
        """
        name = unicodedata.normalize("NFC", name[:LONGEST_NAME]).strip()
        known, limits = await self._begin(visitor, name)
        try:
            verdict = await self._gate.passwords.compare(password, known.password_hash)
        except Throttled:  # nobody has looked at it
            await self._gate.throttle.give_back(limits)
            raise
        if not verdict.is_right:
            raise self._refused(visitor, name, "password", known)
        if known.has_code:
            await self._check_code(visitor, name, known, code, limits)
        if verdict.fresh_hash is not None and known.password_hash is not None:
            old, fresh = known.password_hash, verdict.fresh_hash
            await self._ground.keep(lambda c: users.rehash(c, known.user_id, old, fresh))
        return await self._let_in(visitor, name, known, limits)

    async def log_in_with_code(self, visitor: Visitor, half: str, code: str) -> LoggedIn:
        """Go on with a log-in that only the code was missing for, as `CodeNeeded.half` names it.

        Raises:
            Unauthenticated: It comes too late.
            CodeNeeded: There is still none, or it is wrong.
            Throttled: There were too many tries of this name, or from this address.
        """
        found = HalfSession.opened(half, self._ground.keys, self._ground.unix_time())
        if found is None:
            raise Unauthenticated(TOO_LATE)
        known, limits = await self._begin(visitor, found.name)
        if not found.is_of(known.user_id, visitor.network, known.password_hash):
            raise Unauthenticated(TOO_LATE)
        if known.has_code:
            try:
                await self._check_code(visitor, found.name, known, code, limits)
            except CodeNeeded:
                raise
            except (
                Unauthenticated
            ):  # whoever is here has shown the password: nothing is told that they do not know
                raise CodeNeeded(half, WRONG_CODE) from None
        return await self._let_in(visitor, found.name, known, limits)

    async def knows_key(self, name: str, public_key: str) -> bool:
        """Return whether a user may log in with a key, before they have proved that it is theirs."""
        return await self._find_key(name, public_key) is not None

    async def log_in_with_key(self, visitor: Visitor, name: str, public_key: str) -> LoggedIn:
        """Log in somebody who has proved to the face that a key is theirs; a code is not asked for.

        Raises:
            Unauthenticated: No user of that name has that key.
        """
        found = await self._find_key(name, public_key)
        if found is None:
            raise self._refused(visitor, name, "key")
        user_id, role, key_id = found
        now = self._ground.unix_time()
        await self._ground.keep(lambda c: public_keys.touch(c, key_id, now))
        return await self._gate.let_in(visitor, Actor(user_id, name, role, visitor.face, visitor.address))

    async def by_session(self, visitor: Visitor, token: str) -> Actor | None:
        """Find who is logged in with the cookie of a session."""
        if not looks_like_token(token):
            return None
        return await self._gate.bearers.find("session", digest_of(token), visitor)

    async def by_token(self, visitor: Visitor, token: str) -> Actor | None:
        """Find whose an API token is; who shows one that is none is told of as who gives a wrong password."""
        actor = None
        if looks_like_token(token):
            actor = await self._gate.bearers.find("token", digest_of(token), visitor)
        if actor is None:
            self._gate.refused(visitor, "", "token")
        return actor

    @property
    def revoked(self) -> int:
        """How often something was revoked here: when it changes, what goes on for long asks whether it still may."""
        return self._gate.bearers.revoked

    async def refreshed(self, actor: Actor) -> Actor | None:
        """Return an actor as they are now, None once they are not let in any more; for what goes on for long."""
        visitor = Visitor(actor.face, actor.address)
        if actor.session is not None:
            return await self._gate.bearers.find("session", actor.session, visitor)
        if actor.token is not None:
            return await self._gate.bearers.find("token", actor.token, visitor)
        return actor

    async def log_out(self, actor: Actor) -> None:
        """End the session of somebody."""
        number, now = actor.session, self._ground.unix_time()
        if number is None:
            return

        def work(connection: Connection) -> None:
            if sessions.end(connection, number, now, actor.user_id) is not None:
                note(connection, actor, "login.log_out", actor.name)

        await self._ground.keep(work)
        self._gate.bearers.forget()

    async def _begin(self, visitor: Visitor, name: str) -> tuple[_Known, tuple[Limit, Limit]]:
        """Count a try of a name, and return what is kept of it."""
        known = await self._ground.look(lambda c: self._look_up(c, name, visitor.address))
        limits = self._gate.limits(visitor, name, is_known_place=known.is_known_place)
        await self._take(visitor, name, known, limits)
        return known, limits

    async def _let_in(
        self, visitor: Visitor, name: str, known: _Known, limits: tuple[Limit, Limit]
    ) -> LoggedIn:
        by_name, by_address = limits
        await self._gate.throttle.forget(f"{by_name.key}/")
        await self._gate.throttle.give_back([by_address])
        actor = Actor(known.user_id, name, known.role, visitor.face, visitor.address)
        return await self._gate.let_in(visitor, actor)

    def _look_up(self, connection: Connection, name: str, address: str | None) -> _Known:
        """Read what is kept of a name, with the same queries whether there is such a user or not."""
        found = users.password_of(connection, name if name.isprintable() else "")
        user_id, role, password_hash = found or (0, "", None)
        came = sessions.has_come_from(connection, user_id, address or "", self._ground.unix_time())
        return _Known(user_id, role, password_hash, came, second_factors.is_asked_for(connection, user_id))

    async def _check_code(
        self, visitor: Visitor, name: str, known: _Known, code: str | None, limits: tuple[Limit, Limit]
    ) -> None:
        if not code:
            await self._gate.throttle.give_back(limits)
            half = HalfSession.begin(
                name, known.user_id, visitor.network, known.password_hash, self._ground.unix_time()
            )
            raise CodeNeeded(half.sealed(self._ground.keys))
        place = f"@{visitor.network}" if known.is_known_place else ""
        key = f"code:{known.user_id}.{place}"
        tries = (Limit(key, CODES, CODES_SECONDS), Limit(key, CODES_A_DAY, 86_400))
        await self._take(visitor, name, known, tries)
        keys, now, text = self._ground.keys, self._ground.unix_time(), code
        if not await self._ground.keep(lambda c: is_right_code(c, keys, known.user_id, text, now)):
            raise self._refused(visitor, name, "code", known)
        await self._gate.throttle.forget(f"{key}/")

    async def _take(self, visitor: Visitor, name: str, known: _Known, limits: tuple[Limit, ...]) -> None:
        try:
            await self._gate.throttle.take(limits)
        except Throttled:
            self._refused(visitor, name, "too many tries", known)
            raise

    def _refused(
        self, visitor: Visitor, name: str, reason: str, known: _Known | None = None
    ) -> Unauthenticated:
        is_known = known is not None and known.user_id
        self._gate.refused(visitor, name, reason, user=name if is_known else None)
        return Unauthenticated(REFUSED)

    async def _find_key(self, name: str, text: str) -> tuple[int, str, int] | None:
        try:
            wanted = read_public_key(text)
        except InvalidKey:
            return None

        def work(connection: Connection) -> tuple[int, str, int] | None:
            found = users.password_of(connection, name if name.isprintable() else "")
            if found is None:
                return None
            user_id, role, _ = found
            for row in public_keys.of_user(connection, user_id):
                if row.public_key == wanted.public_key:
                    return user_id, role, row.id
            return None

        return await self._ground.look(work)

"""Me: what everybody may do about themselves.

What somebody else could take the user over with asks for the password once more: a session that was left open, or a
token, is not enough.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.admin import guard_rules, second_factors, sessions, users
from sipwright.store.admin.throttles import Limit
from sipwright.usecases.actor import READ, WRITE, Actor
from sipwright.usecases.errors import Conflict, Invalid
from sipwright.usecases.gate import Gate, name_key
from sipwright.usecases.issued import code_digest
from sipwright.usecases.passwords import chosen
from sipwright.usecases.rights import needs
from sipwright.usecases.second_factor import (
    new_recovery_codes,
    new_totp_secret,
    qr_code,
    step_of,
    totp_uri,
)
from sipwright.usecases.trail import note
from sipwright.usecases.visitor import Visitor

__all__ = ["Me", "MeView", "TotpSetUp"]

WRONG = "this is not your password"

TRIES, TRIES_SECONDS = 10, 300
"""How often somebody who is logged in may be wrong about their own password, or about the code that turns codes on."""


@dataclass(frozen=True, slots=True)
class MeView:
    """The actor's own data; `recovery_codes` is how many they have left."""

    name: str
    role: str
    timezone: str
    email: str | None
    totp: bool
    recovery_codes: int
    created_at: float
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TotpSetUp:
    """What to put into an authenticator app: a secret to type, an address to open, or a QR code (SVG) to point at."""

    secret: str
    uri: str
    qr_code: str


class Me:
    """Shows and changes what is the actor's own."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._ground = gate.ground

    @needs(READ)
    async def get(self, actor: Actor) -> MeView:
        """Show the actor's own data."""

        def work(connection: Connection) -> MeView:
            user = users.by_id(connection, actor.user_id)
            has_code = second_factors.is_asked_for(connection, user.id)
            left = second_factors.codes_left(connection, user.id)
            scopes = tuple(sorted(actor.scopes))
            return MeView(
                user.name, user.role, user.timezone, user.email, has_code, left, user.created_at, scopes
            )

        return await self._ground.look(work)

    @needs(WRITE)
    async def change(
        self,
        actor: Actor,
        *,
        timezone: str | None = None,
        email: str | None = None,
        password: str | None = None,
    ) -> MeView:
        """Change what is given; another mail address, to which a lost password is sent, asks for the password."""
        if email is not None:
            await self._confirm(actor, password or "")

        def work(connection: Connection) -> None:
            before = users.by_id(connection, actor.user_id)
            after = users.change(connection, before.name, None, timezone, {}, email)
            if not actor.is_admin:
                guard_rules.keep_home(connection, before.id, before.timezone, after.timezone)
            old, new = ({"timezone": user.timezone, "email": user.email} for user in (before, after))
            note(connection, actor, "me.change", before.name, old, new)

        await self._ground.change(work)
        return await self.get(actor)

    @needs(WRITE)
    async def set_password(self, actor: Actor, old: str, new: str) -> None:
        """Change the password, and end all other sessions; what was tried of the old one counts no more."""
        chosen(new, actor.name, "new")
        await self._confirm(actor, old, "old")
        if old == new:
            raise Invalid.of("new", "this is the password that you have; choose another one")
        password_hash = await self._gate.passwords.hash(new)
        now = self._ground.unix_time()

        def work(connection: Connection) -> None:
            name = users.by_id(connection, actor.user_id).name
            users.set_password(connection, name, password_hash)
            ended = sessions.end_all(connection, actor.user_id, now, but=actor.session)
            note(connection, actor, "me.set_password", name, None, {"ended_sessions": ended})

        await self._ground.change(work)
        self._gate.bearers.forget()
        await self._gate.throttle.forget(name_key(actor.name))

    @needs(WRITE)
    async def totp_begin(self, actor: Actor, password: str) -> TotpSetUp:
        """Make a secret for one-time codes; they are asked for once `totp_confirm` has seen one."""
        await self._confirm(actor, password)
        secret, now = new_totp_secret(), self._ground.unix_time()

        def work(connection: Connection) -> str:
            if second_factors.is_asked_for(connection, actor.user_id):
                raise Conflict("codes are asked for already; turn that off before you set it up anew")
            second_factors.add(connection, self._ground.keys, actor.user_id, secret, now)
            return users.by_id(connection, actor.user_id).name

        name = await self._ground.keep(work)
        uri = totp_uri(secret, name, "Sipwright")
        return TotpSetUp(secret, uri, qr_code(uri))

    @needs(WRITE)
    async def totp_confirm(self, actor: Actor, code: str) -> tuple[str, ...]:
        """Ask for codes from now on, if that is one; return the recovery codes, which nobody is shown again."""
        limit = self._limit(actor, "totp")
        await self._gate.throttle.take([limit])
        codes, now = new_recovery_codes(), self._ground.unix_time()

        def work(connection: Connection) -> None:
            factor = second_factors.find(connection, self._ground.keys, actor.user_id)
            if factor is None or factor.is_confirmed:
                raise Conflict("there is nothing to confirm; begin to set up codes first")
            step = step_of(factor.secret, code, now)
            if step is None:
                raise Invalid.of("code", "this is not the code that the app shows now; is its clock right?")
            second_factors.confirm(connection, actor.user_id, step, now)
            second_factors.replace_codes(connection, actor.user_id, map(code_digest, codes))
            note(connection, actor, "me.totp_confirm", actor.name, {"totp": False}, {"totp": True})

        await self._ground.keep(work)
        await self._gate.throttle.give_back([limit])
        return tuple(codes)

    @needs(WRITE)
    async def totp_off(self, actor: Actor, password: str) -> None:
        """Ask for no codes any more."""
        await self._confirm(actor, password)

        def work(connection: Connection) -> None:
            if second_factors.remove(connection, actor.user_id):
                note(connection, actor, "me.totp_off", actor.name, {"totp": True}, {"totp": False})

        await self._ground.keep(work)

    @needs(WRITE)
    async def new_recovery_codes(self, actor: Actor, password: str) -> tuple[str, ...]:
        """Make other recovery codes; those that there were are good for nothing any more."""
        await self._confirm(actor, password)
        codes = new_recovery_codes()

        def work(connection: Connection) -> None:
            if not second_factors.is_asked_for(connection, actor.user_id):
                raise Conflict("no codes are asked for; set that up first")
            second_factors.replace_codes(connection, actor.user_id, map(code_digest, codes))
            note(connection, actor, "me.new_recovery_codes", actor.name)

        await self._ground.keep(work)
        return tuple(codes)

    def _limit(self, actor: Actor, what: str) -> Limit:
        return Limit(f"own-{what}:{actor.user_id}.", TRIES, TRIES_SECONDS)

    async def _confirm(self, actor: Actor, password: str, field: str = "password") -> None:
        """Ask for the actor's password once more.

        Raises:
            Invalid: It is not theirs.
            Throttled: There were too many tries.
        """
        limit = self._limit(actor, "password")
        await self._gate.throttle.take([limit])
        found = await self._ground.look(lambda c: users.password_of(c, user_id=actor.user_id))
        verdict = await self._gate.passwords.compare(password, found[2] if found else None)
        if not verdict.is_right:
            visitor = Visitor(actor.face, actor.address)
            self._gate.refused(visitor, actor.name, "own password", user=actor.name)
            raise Invalid.of(field, WRONG)
        await self._gate.throttle.give_back([limit])

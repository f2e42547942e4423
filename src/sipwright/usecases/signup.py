"""Sign-up: how people make a user of their own, where an admin has opened that."""

from __future__ import annotations

import re

from sqlalchemy import Connection

from sipwright.store.admin import invites, users
from sipwright.store.admin.throttles import Limit
from sipwright.store.errors import StoreError
from sipwright.store.schema.names import mail_address
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Conflict, Forbidden, Invalid
from sipwright.usecases.gate import Gate, LoggedIn
from sipwright.usecases.issued import code_digest
from sipwright.usecases.passwords import chosen
from sipwright.usecases.trail import note
from sipwright.usecases.visitor import Visitor

__all__ = ["RESERVED", "SignUp"]

TRIES, AN_HOUR = 10, 3_600
"""How often somebody may try from one address in an hour."""

USERS_AN_HOUR = 100
"""Users that are made in an hour, from wherever."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{1,30})[a-z0-9]")

RESERVED = frozenset(
    """
    abuse admin administrator anonymous api billing guest help hostmaster info local login mail me nobody noreply
    operator postmaster root security sip sipwright staff status support system test user users webmaster www
    """.split()  # noqa: SIM905 (a list of quoted words reads worse)
)
"""Names in which nobody speaks for this switch to strangers, or to its users."""


class SignUp:
    """Makes users for people who have none."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._ground = gate.ground

    @property
    def mode(self) -> str:
        """Who may sign up: nobody (closed), whoever has a code (invite), everybody (open)."""
        return self._ground.settings.web.signup

    async def sign_up(
        self,
        visitor: Visitor,
        name: str,
        password: str,
        *,
        email: str | None = None,
        invite: str | None = None,
    ) -> LoggedIn:
        """Make a user, and log in.

        Whether a name is taken is told only to who may sign up.

        Raises:
            Forbidden: Nobody may, or the code is not good.
            Throttled: There were too many tries.
        """
        if self.mode == "closed":
            raise Forbidden("nobody can sign up here; ask an admin for a user")
        limit = Limit(f"signup:{visitor.network}", TRIES, AN_HOUR)
        await self._gate.throttle.take([limit, Limit("signup", USERS_AN_HOUR, AN_HOUR)])
        digest, now = code_digest(invite or ""), self._ground.unix_time()
        if self.mode == "invite" and not await self._ground.look(lambda c: invites.is_good(c, digest, now)):
            self._gate.refused(visitor, name, "invite")
            raise _no_invite()
        _check(name, password, email)
        password_hash = await self._gate.passwords.hash(password)

        def work(connection: Connection) -> Actor:
            if self.mode == "invite" and not invites.take(connection, digest, now):
                raise _no_invite()
            if users.has_similar(connection, name):
                raise Conflict(f"there is a user {name!r} already; choose another name", "name")
            user = users.add(connection, name, password_hash, email=email)
            actor = Actor(user.id, user.name, user.role, visitor.face, visitor.address)
            note(connection, actor, "signup.sign_up", name, None, {"name": name, "email": user.email})
            return actor

        actor = await self._ground.change(work)
        return await self._gate.let_in(visitor, actor)


def _no_invite() -> Forbidden:
    return Forbidden("this code is not good, or not any more; ask who has given it to you for another one")


def _check(name: str, password: str, email: str | None) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid.of(
            "name", "the name has 3 to 32 letters a-z, digits and . - _, a letter or digit first and last"
        )
    if name in RESERVED:
        raise Invalid.of("name", f"{name!r} is nobody's name; choose another one")
    chosen(password, name)
    if email:
        try:
            mail_address(email)
        except StoreError as error:
            raise Invalid.of("email", str(error)) from None

"""Users: the people who own everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.admin import guard_rules, second_factors, sessions, users
from sipwright.store.schema.entities import User
from sipwright.usecases.actor import READ, WRITE, Actor
from sipwright.usecases.etags import etag_of, require
from sipwright.usecases.gate import Gate, name_key
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note

__all__ = ["UserChange", "UserSpec", "UserView", "Users", "user_view"]


@dataclass(frozen=True, slots=True)
class UserSpec:
    """A user to make."""

    name: str
    password: str
    role: str = "user"
    timezone: str = "UTC"
    email: str | None = None


@dataclass(frozen=True, slots=True)
class UserChange:
    """What is to change of a user: None leaves it, an empty `email` takes the address away.

    `limits` is what their scripts and calls may use, by name; None in it is what the settings say.
    """

    role: str | None = None
    timezone: str | None = None
    email: str | None = None
    limits: Mapping[str, float | None] | None = None


@dataclass(frozen=True, slots=True)
class UserView:
    """A user; `totp` is whether they need a one-time code to log in."""

    name: str
    role: str
    timezone: str
    email: str | None
    totp: bool
    created_at: float
    script_runs: int | None
    script_runs_per_minute: int | None
    script_seconds_per_minute: float | None
    longest_call: float | None
    etag: str


class Users:
    """Keeps the people who own everything: an admin's work."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._ground = gate.ground

    @needs(READ, admin=True)
    async def list(
        self, actor: Actor, *, q: str | None = None, limit: int = USUAL, cursor: str | None = None
    ) -> Page[UserView]:
        """List users in the order in which they came; `q` is a part of the name."""
        (after,) = place_of(cursor, "users", int) or (0,)

        def work(connection: Connection) -> Page[UserView]:
            return paged(
                "users",
                limit,
                lambda most: users.page(connection, most, after, q),
                lambda row: (row[0].id,),
                lambda row: user_view(*row),
            )

        return await self._ground.look(work)

    @needs(READ, admin=True)
    async def get(self, actor: Actor, name: str) -> UserView:
        """Show a user."""
        return await self._ground.look(lambda c: _read(c, name))

    @needs(WRITE, admin=True)
    async def create(self, actor: Actor, spec: UserSpec) -> UserView:
        """Make a user."""
        password_hash = await self._gate.passwords.hash(spec.password)

        def work(connection: Connection) -> UserView:
            users.add(connection, spec.name, password_hash, spec.role, spec.timezone, spec.email)
            after = _read(connection, spec.name)
            note(connection, actor, "users.create", spec.name, None, _shown(after))
            return after

        return await self._ground.change(work)

    @needs(WRITE, admin=True)
    async def change(
        self, actor: Actor, name: str, change: UserChange, *, if_match: str | None = None
    ) -> UserView:
        """Change what is given of a user; the last admin stays one."""

        def work(connection: Connection) -> UserView:
            before = _read(connection, name)
            require(before, if_match, f"user {name}")
            user = users.change(
                connection, name, change.role, change.timezone, change.limits or {}, change.email
            )
            if change.timezone is not None:
                guard_rules.follow_timezone(connection, user.id)
            after = _read(connection, name)
            note(connection, actor, "users.change", name, _shown(before), _shown(after))
            return after

        view = await self._ground.change(work)
        self._gate.bearers.forget()
        return view

    @needs(WRITE, admin=True)
    async def set_password(self, actor: Actor, name: str, password: str) -> None:
        """Give a user a new password, and end their sessions but the one in which this is done.

        What was tried of the old one counts no more.
        """
        password_hash = await self._gate.passwords.hash(password)
        now = self._ground.unix_time()

        def work(connection: Connection) -> None:
            user = users.find(connection, name)
            users.set_password(connection, name, password_hash)
            ended = sessions.end_all(connection, user.id, now, but=actor.session)
            note(connection, actor, "users.set_password", name, None, {"ended_sessions": ended})

        await self._ground.change(work)
        self._gate.bearers.forget()
        await self._gate.throttle.forget(name_key(name))

    @needs(WRITE, admin=True)
    async def totp_off(self, actor: Actor, name: str) -> bool:
        """Ask a user for no codes any more, who has lost them; False when nothing was asked for."""

        def work(connection: Connection) -> bool:
            was_on = second_factors.remove(connection, users.find(connection, name).id)
            if was_on:
                note(connection, actor, "users.totp_off", name, {"totp": True}, {"totp": False})
            return was_on

        return await self._ground.keep(work)

    @needs(WRITE, admin=True)
    async def unlock(self, actor: Actor, name: str) -> None:
        """Forget the failed log-ins of a name: its user may try again at once."""
        user = await self._ground.look(lambda c: users.find(c, name))
        await self._gate.throttle.forget(name_key(name))
        await self._gate.throttle.forget(f"code:{user.id}.")
        await self._ground.keep(lambda c: note(c, actor, "users.unlock", name))

    @needs(WRITE, admin=True)
    async def remove(self, actor: Actor, name: str, *, if_match: str | None = None) -> UserView:
        """Remove a user who owns nothing any more, with their sessions, tokens and keys; the last admin stays."""

        def work(connection: Connection) -> UserView:
            before = _read(connection, name)
            require(before, if_match, f"user {name}")
            users.remove(connection, name)
            note(connection, actor, "users.remove", name, _shown(before))
            return before

        view = await self._ground.change(work)
        self._gate.bearers.forget()
        return view


def user_view(user: User, has_code: bool) -> UserView:
    """Show a user."""
    limits = (
        user.script_runs, user.script_runs_per_minute, user.script_seconds_per_minute, user.longest_call
    )  # fmt: skip
    etag = etag_of(user, has_code)
    return UserView(user.name, user.role, user.timezone, user.email, has_code, user.created_at, *limits, etag)


def _read(connection: Connection, name: str) -> UserView:
    user = users.find(connection, name)
    return user_view(user, second_factors.is_asked_for(connection, user.id))


def _shown(view: UserView) -> dict[str, object]:
    names = (
        "name", "role", "timezone", "email", "script_runs", "script_runs_per_minute", "script_seconds_per_minute",
        "longest_call",
    )  # fmt: skip
    return {name: getattr(view, name) for name in names}

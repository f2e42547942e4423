"""Tokens: what programs prove with whose they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.admin import api_tokens
from sipwright.usecases.actor import ALL_SCOPES, READ, WRITE, Actor
from sipwright.usecases.errors import Forbidden, Invalid
from sipwright.usecases.gate import Gate
from sipwright.usecases.issued import digest_of, new_token
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note
from sipwright.usecases.whose import owner

__all__ = ["IssuedToken", "TokenView", "Tokens"]

MOST_DAYS = 3_650.0


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as it is listed; `used_at` is precise to a minute."""

    name: str
    user: str
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float | None
    used_at: float | None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token that was made just now: nobody is shown it again."""

    name: str
    token: str
    scopes: tuple[str, ...]
    created_at: float
    expires_at: float | None


class Tokens:
    """Makes and revokes tokens."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._ground = gate.ground

    @needs(READ)
    async def list(
        self, actor: Actor, *, user: str | None = None, limit: int = USUAL, cursor: str | None = None
    ) -> Page[TokenView]:
        """List the tokens of the actor, or of a user whom an admin names, the newest first."""
        (below,) = place_of(cursor, "tokens", int) or (None,)

        def work(connection: Connection) -> Page[TokenView]:
            whose = owner(connection, actor, user)
            return paged(
                "tokens",
                limit,
                lambda most: api_tokens.page(connection, most, below, whose.id),
                lambda row: (row.id,),
                _view,
            )

        return await self._ground.look(work)

    @needs(WRITE)
    async def create(
        self,
        actor: Actor,
        name: str,
        *,
        scopes: Collection[str] | None = None,
        days: float | None = None,
        user: str | None = None,
    ) -> IssuedToken:
        """Make a token, which is good for `scopes` and for so many `days`: for all and for ever without them.

        One that is made with a token is good for no more and no longer than that.
        """
        wanted = _checked_scopes(actor, scopes)
        if days is not None and not 0 < days <= MOST_DAYS:
            raise Invalid.of("days", f"days is more than 0 and at most {MOST_DAYS:.0f}")
        token, now = new_token(), self._ground.unix_time()

        def work(connection: Connection) -> api_tokens.TokenRow:
            whose = owner(connection, actor, user)
            until = None if days is None else now + days * 86_400.0
            if actor.token is not None:
                mine = api_tokens.find(connection, now, id=actor.token)
                ends = [end for end in (until, mine.expires_at if mine else now) if end is not None]
                until = min(ends, default=None)
            row = api_tokens.add(connection, whose.id, name, digest_of(token), wanted, now, until)
            after = {"scopes": row.scopes, "expires_at": until}
            note(connection, actor, "tokens.create", f"{whose.name}: {name}", None, after)
            return row

        row = await self._ground.keep(work)
        return IssuedToken(row.name, token, row.scopes, row.created_at, row.expires_at)

    @needs(WRITE)
    async def remove(self, actor: Actor, name: str, *, user: str | None = None) -> TokenView:
        """Revoke a token."""

        def work(connection: Connection) -> api_tokens.TokenRow:
            whose = owner(connection, actor, user)
            row = api_tokens.remove(connection, whose.id, name)
            note(connection, actor, "tokens.remove", f"{whose.name}: {name}", {"scopes": row.scopes})
            return row

        row = await self._ground.keep(work)
        self._gate.bearers.forget()
        return _view(row)


def _checked_scopes(actor: Actor, scopes: Collection[str] | None) -> frozenset[str]:
    if scopes is None:
        return actor.scopes
    wanted = frozenset(scopes)
    if not wanted or not wanted <= ALL_SCOPES:
        raise Invalid.of("scopes", "scopes are some of read, write and call")
    if not wanted <= actor.scopes:
        raise Forbidden("this token makes none with more scopes than it has; log in to make one")
    return wanted


def _view(row: api_tokens.TokenRow) -> TokenView:
    return TokenView(row.name, row.user, row.scopes, row.created_at, row.expires_at, row.used_at)

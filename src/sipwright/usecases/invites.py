"""Invites: codes with which people sign up."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.admin import invites
from sipwright.store.admin.invites import InviteRow
from sipwright.usecases.actor import READ, WRITE, Actor
from sipwright.usecases.errors import Invalid
from sipwright.usecases.ground import Ground
from sipwright.usecases.issued import code_digest, new_code
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note

__all__ = ["InviteRow", "Invites", "IssuedInvite"]

MOST_USES, MOST_DAYS, LONGEST_NOTE = 1_000, 365.0, 200


@dataclass(frozen=True, slots=True)
class IssuedInvite:
    """An invite that was made just now: nobody is shown its code again."""

    id: int
    code: str
    note: str
    uses_left: int
    expires_at: float


class Invites:
    """Makes and takes back invites: an admin's work."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs(READ, admin=True)
    async def list(self, actor: Actor, *, limit: int = USUAL, cursor: str | None = None) -> Page[InviteRow]:
        """List the invites that somebody can still sign up with, the newest first."""
        (below,), now = place_of(cursor, "invites", int) or (None,), self._ground.unix_time()

        def work(connection: Connection) -> Page[InviteRow]:
            return paged(
                "invites",
                limit,
                lambda most: invites.page(connection, now, most, below),
                lambda row: (row.id,),
                lambda row: row,
            )

        return await self._ground.look(work)

    @needs(WRITE, admin=True)
    async def create(self, actor: Actor, *, uses: int = 1, days: float = 7.0, text: str = "") -> IssuedInvite:
        """Make an invite with which so many people may sign up within so many days; the note says for whom."""
        if not 1 <= uses <= MOST_USES:
            raise Invalid.of("uses", f"uses is between 1 and {MOST_USES}")
        if not 0 < days <= MOST_DAYS:
            raise Invalid.of("days", f"days is more than 0 and at most {MOST_DAYS:.0f}")
        if len(text) > LONGEST_NOTE or not text.isprintable():
            raise Invalid.of("note", f"the note is one line of at most {LONGEST_NOTE} letters")
        code, now = new_code(), self._ground.unix_time()
        wanted = InviteRow(0, text, actor.name, uses, now, now + days * 86_400.0)

        def work(connection: Connection) -> InviteRow:
            row = invites.add(connection, code_digest(code), wanted)
            after = {"note": text, "uses": uses, "expires_at": row.expires_at}
            note(connection, actor, "invites.create", str(row.id), None, after)
            return row

        row = await self._ground.keep(work)
        return IssuedInvite(row.id, code, row.note, row.uses_left, row.expires_at)

    @needs(WRITE, admin=True)
    async def remove(self, actor: Actor, id: int) -> InviteRow:
        """Take an invite back."""

        def work(connection: Connection) -> InviteRow:
            row = invites.remove(connection, id)
            note(connection, actor, "invites.remove", str(id), {"note": row.note, "uses_left": row.uses_left})
            return row

        return await self._ground.keep(work)

"""Sessions: who is logged in, and from where."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.admin import sessions
from sipwright.usecases.actor import READ, WRITE, Actor
from sipwright.usecases.errors import NotFound
from sipwright.usecases.gate import Gate
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note
from sipwright.usecases.whose import owner

__all__ = ["SessionView", "Sessions"]


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session; `current` is whether it is the one in which somebody asks, `seen_at` is precise to a minute."""

    id: int
    face: str
    address: str | None
    user_agent: str | None
    created_at: float
    seen_at: float
    expires_at: float
    current: bool


class Sessions:
    """Shows and ends sessions."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._ground = gate.ground

    @needs(READ)
    async def list(
        self, actor: Actor, *, user: str | None = None, limit: int = USUAL, cursor: str | None = None
    ) -> Page[SessionView]:
        """List the sessions of the actor, or of a user whom an admin names, the newest first."""
        (below,), now = place_of(cursor, "sessions", int) or (None,), self._ground.unix_time()

        def work(connection: Connection) -> Page[SessionView]:
            whose = owner(connection, actor, user)
            return paged(
                "sessions",
                limit,
                lambda most: sessions.page(connection, now, most, below, whose.id),
                lambda row: (row.id,),
                lambda row: _view(row, actor),
            )

        return await self._ground.look(work)

    @needs(WRITE)
    async def remove(self, actor: Actor, id: int) -> SessionView:
        """End a session of the actor; an admin ends anybody's."""
        now = self._ground.unix_time()

        def work(connection: Connection) -> sessions.SessionRow:
            row = sessions.end(connection, id, now, None if actor.is_admin else actor.user_id)
            if row is None:
                raise NotFound(f"there is no session {id}; the list shows those that there are")
            note(connection, actor, "sessions.remove", str(id), {"face": row.face, "address": row.address})
            return row

        row = await self._ground.keep(work)
        self._gate.bearers.forget()
        return _view(row, actor)


def _view(row: sessions.SessionRow, actor: Actor) -> SessionView:
    return SessionView(
        row.id, row.face, row.address, row.user_agent, row.created_at, row.seen_at, row.expires_at,
        current=row.id == actor.session,
    )  # fmt: skip

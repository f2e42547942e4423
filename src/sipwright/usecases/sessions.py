"""Sessions: who is logged in, and from where."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from sipwright.store.admin import sessions
from sipwright.usecases.actor import READ, WRITE, Actor
from sipwright.usecases.errors import NotFound
from sipwright.usecases.gate import Gate
from sipwright.usecases.page import USUAL, Page, checked_limit, cursor_of, place_of
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
        most, (below,) = checked_limit(limit), place_of(cursor, int) or (None,)
        now = self._ground.unix_time()
        rows = await self._ground.look(
            lambda c: sessions.page(c, now, most + 1, below, owner(c, actor, user).id)
        )
        views = tuple(_view(row, actor) for row in rows[:most])
        return Page(views, cursor_of(rows[most - 1].id) if len(rows) > most else None)

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

    @needs(WRITE)
    async def remove_others(self, actor: Actor) -> int:
        """End all sessions of the actor but the one in which they ask, and return how many there were."""
        now = self._ground.unix_time()

        def work(connection: Connection) -> int:
            ended = sessions.end_all(connection, actor.user_id, now, but=actor.session)
            note(connection, actor, "sessions.remove_others", actor.name, None, {"ended_sessions": ended})
            return ended

        ended = await self._ground.keep(work)
        self._gate.bearers.forget()
        return ended


def _view(row: sessions.SessionRow, actor: Actor) -> SessionView:
    return SessionView(
        row.id, row.face, row.address, row.user_agent, row.created_at, row.seen_at, row.expires_at,
        current=row.id == actor.session,
    )  # fmt: skip

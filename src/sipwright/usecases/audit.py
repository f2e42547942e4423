"""Audit: who has changed what, when and from where."""

from __future__ import annotations

from sqlalchemy import Connection

from sipwright.store.admin import audit
from sipwright.store.admin.audit import AuditRow
from sipwright.usecases.actor import READ, Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs

__all__ = ["Audit", "AuditRow"]


class Audit:
    """Shows who has changed what."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs(READ, admin=True)
    async def list(
        self,
        actor: Actor,
        *,
        user: str | None = None,
        action: str | None = None,
        since: float | None = None,
        limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[AuditRow]:
        """List changes, the newest first; `action` is how the action begins: ``accounts.`` or ``users.remove``."""
        await self._ground.record_what_waits()
        (below,) = place_of(cursor, "audit", int) or (None,)

        def work(connection: Connection) -> Page[AuditRow]:
            return paged(
                "audit",
                limit,
                lambda most: audit.page(connection, most, below, user=user, action=action, since=since),
                lambda row: (row.id,),
                lambda row: row,
            )

        return await self._ground.look(work)

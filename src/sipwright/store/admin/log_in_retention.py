"""Forgetting what nobody logs in with any more, and who has changed what long ago."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from sipwright.store.admin import invites, sessions, throttles
from sipwright.store.database import Database
from sipwright.store.schema.people_tables import audit

__all__ = ["forget_log_ins"]

AT_ONCE = 50
"""Rows that one transaction deletes: whoever else writes waits for no longer than that takes."""


async def forget_log_ins(database: Database, now: float, keep_audit: float) -> int:
    """Delete what is over, and the audit of more than so many seconds ago; 0 keeps it for ever.

    Returns:
        How many rows of the audit were deleted.
    """

    def over(connection: Connection) -> int:
        throttles.prune(connection, now)
        invites.prune(connection, now)
        return sessions.prune(connection, now)

    while await database.write(over, of_nodes=False) >= AT_ONCE:
        pass
    gone = 0
    while keep_audit and (
        count := await database.write(lambda c: _prune_audit(c, now - keep_audit), of_nodes=False)
    ):
        gone += count
    return gone


def _prune_audit(connection: Connection, before: float) -> int:
    query = select(audit.c.id).where(audit.c.at < before).order_by(audit.c.at).limit(AT_ONCE)
    found = connection.scalars(query).all()
    if found:
        connection.execute(delete(audit).where(audit.c.id.in_(found)))
    return len(found)

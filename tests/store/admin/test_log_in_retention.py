"""What nobody logs in with any more is forgotten; what is good stays."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from sipwright.store import Store
from sipwright.store.admin import audit, invites, sessions, throttles
from sipwright.store.admin.log_in_retention import forget_log_ins
from sipwright.store.schema import people_tables

DAY = 86_400.0
NOW = 1_000 * DAY


async def test_what_is_over_is_deleted_and_the_rest_stays(store: Store):
    def fill(connection: Connection) -> None:
        for number in range(120):
            audit.record(connection, NOW - 400 * DAY, (1, "admin", "cli", None), "a", str(number))
            sessions.add(connection, 1, f"old{number}", ("web", None, None), NOW - 99 * DAY, NOW - 98 * DAY)
        audit.record(connection, NOW - DAY, (1, "admin", "cli", None), "a", "new")
        sessions.add(connection, 1, "new", ("web", None, None), NOW - DAY, NOW + DAY)
        for name, until in (("old", NOW - 1), ("new", NOW + 1)):
            invites.add(connection, name, invites.InviteRow(0, "", "admin", 1, 0.0, until))
            invites.add_reset(connection, 1, name, until)
        throttles.take(connection, [throttles.Limit("old", 5, 10)], NOW - 100)
        throttles.take(connection, [throttles.Limit("new", 5, 1_000)], NOW - 100)

    await store.database.write(fill)
    assert await forget_log_ins(store.database, NOW, 0.0) == 0
    assert await forget_log_ins(store.database, NOW, 365 * DAY) == 120

    for table in ("audit", "sessions", "invites", "password_resets", "throttles"):
        query = select(func.count()).select_from(getattr(people_tables, table))
        assert await store.database.read(lambda c, q=query: c.scalar(q)) == 1, table

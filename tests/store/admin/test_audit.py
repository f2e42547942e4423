"""The audit: rows that say who has changed what, without secrets, a page at a time."""

from __future__ import annotations

from sqlalchemy import Connection

from sipwright.store import Store
from sipwright.store.admin import audit

ALICE = (2, "alice", "web", "192.0.2.7")


async def test_a_row_says_when_who_from_where_and_what(store: Store):
    values = ({"in_plan": None}, {"in_plan": "night"})
    await store.database.write(lambda c: audit.record(c, 5.0, ALICE, "account.change", "alice", values))

    (row,) = await store.database.read(lambda c: audit.page(c, 10))
    assert (row.at, row.user_id, row.user, row.face, row.address) == (5.0, *ALICE)
    assert (row.action, row.subject, row.before, row.after) == ("account.change", "alice", *values)


async def test_no_secret_gets_into_a_row(store: Store):
    after = {
        "name": "x",
        "password": "p",
        "ha1_hash": "h",
        "parts": [{"token": "t", "kept": 1}],
        "totp_secret": "s",
    }
    await store.database.write(lambda c: audit.record(c, 5.0, ALICE, "a", "b", (None, after)))

    (row,) = await store.database.read(lambda c: audit.page(c, 10))
    assert (row.before, row.after) == (None, {"name": "x", "parts": [{"kept": 1}]})


async def test_rows_come_a_page_at_a_time_and_by_what_is_asked_for(store: Store):
    def fill(connection: Connection) -> None:
        for number in range(5):
            who = ALICE if number % 2 else (1, "admin", "cli", None)
            audit.record(connection, float(number), who, f"user.{number}", "x")

    await store.database.write(fill)
    first = await store.database.read(lambda c: audit.page(c, 2))
    second = await store.database.read(lambda c: audit.page(c, 2, first[-1].id))
    assert [row.at for row in (*first, *second)] == [4.0, 3.0, 2.0, 1.0]

    by_user = await store.database.read(lambda c: audit.page(c, 9, user="alice"))
    assert [row.at for row in by_user] == [3.0, 1.0]
    by_action = await store.database.read(lambda c: audit.page(c, 9, action="user.3"))
    assert [row.at for row in by_action] == [3.0]
    assert [row.at for row in await store.database.read(lambda c: audit.page(c, 9, since=3.0))] == [4.0, 3.0]


async def test_long_and_broken_text_is_kept_as_far_as_it_goes(store: Store):
    after = {"source": "x" * 50_000, "zzz": 1}
    work = (5.0, ALICE, "dialplan.set", "\udc80\0" + "n" * 400, (None, after))
    await store.database.write(lambda c: audit.record(c, *work))

    (row,) = await store.database.read(lambda c: audit.page(c, 1))
    assert row.subject == "\udc80\0" + "n" * 298
    assert row.after is not None
    assert len(row.after["text"]) == audit.LONGEST

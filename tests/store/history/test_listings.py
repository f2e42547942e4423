"""What is going on, for people to look at."""

from __future__ import annotations

from administering import Administering
from sipwright.store import (
    Store,
)


async def test_bindings_are_listed_by_account_until_they_expire(store: Store):
    alice = await store.add_account("alice", "secret")
    bob = await store.add_account("bob", "secret")
    for account, expires_at in ((bob, 4e9), (alice, 4e9), (alice, 1.0)):
        contact = f"sip:{account.username}@{expires_at}"
        row = (account.id, contact, None, "udp/x", None, "c", 1, expires_at, "UA", None, None, 1e9)
        store.writer.put("binding", (account.id, contact), row)
    await store.writer.drain()

    every = ["alice@example.org", "bob@example.org"]
    assert [row["account"] for row in await store.list_bindings()] == every
    assert [row["account"] for row in await store.list_bindings("admin")] == every
    assert [row["account"] for row in await store.list_bindings(account="bob")] == every[1:]
    assert [row["account"] for row in await store.list_bindings(account="bob@Example.org")] == every[1:]
    assert await store.list_bindings(account="bob@example.net") == []


async def test_calls_and_cdrs_are_listed(store: Store):
    alice = await store.add_account("alice", "secret")
    for number, user_id in ((1, alice.user_id), (2, 99)):
        at = 1e9 + number
        call = (f"c{number}", "n", user_id, alice.id, "out", "RINGING", "a", "b", at, None, b"{}", None)
        store.writer.put("call", f"c{number}", call)
        head = (f"c{number}", 0, "out", alice.id, user_id, "sip:a@x", "sip:b@x", "b", "main", 1, at)
        store.writer.put(
            "cdr", (f"c{number}", 0), (*head, None, None, at, 486, "Busy", "callee", "x", None, None)
        )
    await store.writer.drain()

    assert [row["id"] for row in await Administering(store).list_calls()] == ["c1", "c2"]
    assert [row["id"] for row in await Administering(store).list_calls("admin")] == ["c1"]
    assert [row["call_id"] for row in await Administering(store).list_cdrs()] == ["c2", "c1"]
    assert [row["call_id"] for row in await Administering(store).list_cdrs(limit=1)] == ["c2"]
    assert [row["call_id"] for row in await Administering(store).list_cdrs(since=1e9 + 1.5)] == ["c2"]
    (row,) = await Administering(store).list_cdrs("admin")
    assert (row["account"], row["user"], row["status"]) == ("alice@example.org", "admin", 486)

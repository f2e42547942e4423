"""Where phones are, as people look at it."""

from __future__ import annotations

from sipwright.store import Store


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

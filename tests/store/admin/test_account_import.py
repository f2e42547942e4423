"""Importing accounts: all of them, or none."""

from __future__ import annotations

import pytest

from administering import Administering
from sipwright.sip.digest import ha1
from sipwright.store import (
    AccountSpec,
    Store,
    StoreError,
)


async def test_an_import_adds_and_changes(store: Store):
    await store.add_user("carol", "password")
    await store.set_dialplan("carol", "main", "respond(486)")
    await store.add_account("alice", "old")
    steps: list[tuple[int, int]] = []
    result = await store.import_accounts(
        [
            AccountSpec("alice", "new", line=1),
            AccountSpec("1001@EXAMPLE.org", "secret", "carol", "main", "main", line=2),
        ],
        progress=lambda done, total: steps.append((done, total)),
    )
    assert (result.added, result.changed, steps) == (1, 1, [(2, 2)])

    accounts = {account.username: account for account in await store.list_accounts()}
    carol = await Administering(store).find_user("carol")
    assert accounts["alice"].ha1 == {"MD5": ha1("alice", "example.org", "new")}
    assert (accounts["1001"].user_id, accounts["1001"].out_plan is None) == (carol.id, False)


async def test_changed_accounts_far_apart_are_announced_apart(store: Store):
    await store.import_accounts([AccountSpec(f"u{number}", "p") for number in range(300)])
    await store.catch_up()
    await store.import_accounts([AccountSpec("u0", "q"), AccountSpec("u299", "q")])

    changes = [(change.kind, change.last_id - change.first_id) for change in await store.catch_up()]
    assert changes == [("unlocked", 0), ("unlocked", 0), ("account", 0), ("account", 0)]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (AccountSpec("a b", "p", line=7), "line 7: 'a b' cannot be an account name"),
        (AccountSpec("bob@example.net", "p", line=7), "line 7: the SIP domain 'example.net' is not served"),
        (AccountSpec("bob", "", line=7), "line 7: the password is empty"),
        (AccountSpec("bob", "p", "nobody", line=7), "line 7: there is no user 'nobody'"),
        (AccountSpec("bob", "p", None, "none", line=7), "line 7: user 'admin' has no dialplan 'none'"),
        (AccountSpec("alice", "p", line=7), "line 7: alice is in line 1 too"),
    ],
)
async def test_one_wrong_line_refuses_the_whole_import(store: Store, spec: AccountSpec, message: str):
    with pytest.raises(StoreError, match=rf"{message}.*nothing was imported"):
        await store.import_accounts([AccountSpec("alice", "p", line=1), spec])

    assert await store.list_accounts() == []

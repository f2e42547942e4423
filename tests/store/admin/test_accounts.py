"""Accounts: what is kept of them, and the sentences that refuse."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import select

from administering import Administering
from sipwright.sip.digest import ha1
from sipwright.store import (
    AccountChange,
    AlreadyExistsError,
    NotFoundError,
    Store,
    StoreError,
)
from sipwright.store.admin import accounts, users
from sipwright.store.schema import tables
from store.looks import stored


async def test_of_a_password_only_encrypted_hashes_are_kept(store: Store):
    account = await store.add_account("alice", "secret")
    (row,) = await stored(store, select(tables.accounts))

    assert account.ha1 == {"MD5": ha1("alice", "example.org", "secret")}
    for column, digest in (("ha1_md5", hashlib.md5), ("ha1_sha256", hashlib.sha256)):
        sealed = bytes(getattr(row, column))
        plain = digest(b"alice:example.org:secret").digest()
        assert plain not in sealed
        assert store.keys.open(sealed, f"accounts:{column}:alice@example.org") == plain
    assert b"secret" not in repr(row).encode()
    assert "sealed" not in repr(account)


async def test_an_account_can_be_changed_piece_by_piece(store: Store):
    await store.set_dialplan(None, "main", "respond(486)")
    await store.add_account("alice", "secret", in_plan="main")
    changed = await Administering(store).change_account(
        "alice", AccountChange(password="other", out_plan="main", in_plan="", is_enabled=False)
    )
    assert changed.ha1 == {"MD5": ha1("alice", "example.org", "other")}
    assert (changed.out_plan is None, changed.in_plan, changed.is_enabled) == (False, None, False)

    changed = await Administering(store).change_account(
        "alice@example.org", AccountChange(algorithm="sha-256")
    )
    assert changed.ha1 == {"SHA-256": ha1("alice", "example.org", "other", "SHA-256")}
    assert (
        await Administering(store).change_account("alice", AccountChange(algorithm=""))
    ).algorithm == "MD5"
    assert await Administering(store).change_account("alice", AccountChange()) == await store.find_account(
        "alice"
    )


async def test_accounts_are_listed_by_owner(store: Store):
    await store.add_user("carol", "password")
    await store.add_account("alice", "secret")
    await store.add_account("1001", "secret", user="carol")

    assert [account.username for account in await store.list_accounts()] == ["alice", "1001"]
    of_carol = await store.database.read(lambda c: accounts.read_all(c, store.keys, users.id_of(c, "carol")))
    assert [account.username for account in of_carol] == ["1001"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "alice"}, "there is an account alice@example.org already"),
        ({"name": "a b"}, "cannot be an account name"),
        ({"name": ""}, "cannot be an account name"),
        ({"name": 500 * "x"}, f"^'{60 * 'x'}…' cannot be an account name; use up to 128 letters"),
        ({"name": "bob@example.net"}, "'sipwright domain add example.net'"),
        ({"name": "bob@example.org", "domain": "example.net"}, "names another domain"),
        ({"name": "bob", "password": ""}, "is empty"),
        ({"name": "bob", "password": "a\nb"}, "control characters"),
        ({"name": "bob", "user": "nobody"}, "there is no user 'nobody'"),
        ({"name": "bob", "out_plan": "none"}, "'sipwright dialplan set none FILE'"),
        ({"name": "bob", "algorithm": "SHA-1"}, "use one of MD5, SHA-256, SHA-512-256"),
    ],
)
async def test_an_account_that_cannot_be_added_says_why(
    store: Store, arguments: dict[str, str], message: str
):
    await store.add_account("alice", "secret")
    arguments = {"password": "secret", **arguments}
    name, password = arguments.pop("name"), arguments.pop("password")

    with pytest.raises(StoreError, match=message):
        await store.add_account(name, password, **arguments)
    assert len(await store.list_accounts()) == 1


async def test_a_removed_account_is_gone_with_its_bindings(store: Store):
    account = await store.add_account("alice", "secret")
    row = (account.id, "c", 1.0, "udp/x", None, "call", 1, 2e9, None, None, None, 1e9)
    store.writer.put("binding", (account.id, "c"), row)
    await store.writer.drain()
    await store.remove_account("alice")

    assert await stored(store, select(tables.bindings)) == []
    with pytest.raises(NotFoundError, match="'sipwright account list'"):
        await store.find_account("alice")


async def test_a_constraint_of_the_database_is_a_typed_error(store: Store):
    await store.add_account("alice", "secret")

    with pytest.raises(AlreadyExistsError):
        await store.add_account("alice", "secret")

"""Users: what is kept of them, and the sentences that refuse."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import select

from administering import Administering
from sipwright.store import (
    NotFoundError,
    Store,
    StoreError,
)
from sipwright.store.admin import users
from sipwright.store.schema import tables
from store.looks import stored


async def test_a_user_is_added_with_a_hash_and_can_change_it(store: Store):
    carol = await store.add_user("carol", "first")
    assert (carol.role, carol.timezone) == ("user", "UTC")
    await Administering(store).set_user_password("carol", "second")
    query = select(tables.users.c.password_hash).where(tables.users.c.name == "carol")
    ((password_hash,),) = await stored(store, query)

    assert password_hash.startswith("$argon2id$")
    assert PasswordHasher().verify(password_hash, "second")
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(password_hash, "first")


async def test_users_that_cannot_be_added_or_removed_say_why(store: Store):
    await store.database.write(lambda c: users.add(c, "carol", "no hash"))
    for name, role, timezone, message in (
        ("carol", "user", "UTC", "there is a user 'carol' already"),
        ("c d", "user", "UTC", "cannot be a user name"),
        ("dave", "root", "UTC", "is not a role"),
        ("dave", "user", "Mars/Olympus", "is not a time zone"),
    ):
        with pytest.raises(StoreError, match=message):
            await store.database.write(lambda c, n=name, r=role, t=timezone: users.add(c, n, "no hash", r, t))

    await store.add_account("alice", "secret", user="carol")
    with pytest.raises(StoreError, match="still owns 1 account; remove that first"):
        await Administering(store).remove_user("carol")
    await store.remove_account("alice")
    await Administering(store).remove_user("carol")
    with pytest.raises(StoreError, match="is the last admin"):
        await Administering(store).remove_user("admin")
    with pytest.raises(NotFoundError, match="'sipwright user list'"):
        await Administering(store).find_user("carol")
    assert [user.name for user in await store.list_users()] == ["admin"]

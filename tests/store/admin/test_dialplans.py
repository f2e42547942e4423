"""Dialplans and their versions."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from administering import Administering
from sipwright.store import (
    AccountChange,
    NotFoundError,
    Store,
    StoreError,
)
from sipwright.store.admin import dialplans, users
from sipwright.store.schema import tables
from store.looks import stored


async def test_each_new_text_is_a_version_and_the_newest_is_live(store: Store):
    assert [await store.set_dialplan(None, "main", source) for source in ("a", "b", "b", "a")] == [1, 2, 2, 3]
    plan = await Administering(store).find_dialplan("main")
    assert (plan.version, plan.source) == (3, "a")
    assert (await Administering(store).find_dialplan("main", version=2)).source == "b"
    assert [one.is_live for one in await store.list_dialplan_versions(plan)] == [False, False, True]
    with pytest.raises(NotFoundError, match="has no version 4"):
        await Administering(store).find_dialplan("main", version=4)


async def test_dialplans_belong_to_users(store: Store):
    await store.database.write(lambda c: users.add(c, "carol", "no hash"))
    await store.set_dialplan(None, "main", "a")
    await store.set_dialplan("carol", "main", "c")

    assert (await Administering(store).find_dialplan("main", "carol")).source == "c"
    assert [plan.source for plan in await store.list_dialplans()] == ["a", "c"]
    of_carol = await store.database.read(lambda c: dialplans.read_all(c, users.id_of(c, "carol")))
    assert [plan.source for plan in of_carol] == ["c"]
    with pytest.raises(StoreError, match="cannot be a dialplan name"):
        await store.set_dialplan(None, "no/slash", "a")


async def test_a_dialplan_in_use_stays(store: Store):
    await store.set_dialplan(None, "main", "a")
    await store.add_account("alice", "secret", out_plan="main")
    with pytest.raises(StoreError, match="account 'alice' runs dialplan 'main'"):
        await store.remove_dialplan("main")

    await Administering(store).change_account("alice", AccountChange(out_plan=""))
    await store.remove_dialplan("main")
    with pytest.raises(NotFoundError, match="'sipwright dialplan list'"):
        await Administering(store).find_dialplan("main")
    assert await stored(store, select(tables.dialplan_versions)) == []

"""Dialplans that import others: which, and in which versions."""

from __future__ import annotations

import pytest

from administering import Administering
from sipwright.store import Store, StoreError
from sipwright.store.admin import users
from sipwright.store.history import plan_modules

OUT = "from plans.common import ring\n"


async def test_a_running_node_has_what_is_live_and_only_of_the_same_user(store: Store):
    await store.database.write(lambda c: users.add(c, "carol", "no hash"))
    await store.set_dialplan(None, "out", OUT)
    await store.set_dialplan("carol", "common", "ring = 3\n")
    await store.catch_up()
    plan = await Administering(store).find_dialplan("out")
    known = store.directory.dialplan(plan.id)
    assert known is not None
    assert known.modules == ()

    await store.set_dialplan(None, "common", "from plans.deep import ring\n")
    await store.set_dialplan(None, "deep", "ring = 1\n")
    await store.catch_up()
    begun = store.directory.dialplan(plan.id)
    await store.set_dialplan(None, "deep", "ring = 2\n")
    await store.catch_up()
    later = store.directory.dialplan(plan.id)

    assert begun is not None
    assert later is not None
    assert [(one.name, one.version) for one in begun.modules] == [("deep", 1), ("common", 1)]
    assert next(one.source for one in later.modules) == "ring = 2\n"
    pins = tuple((one.name, one.id, one.version) for one in begun.modules)
    assert await store.database.read(lambda c: plan_modules.read_pinned(c, pins)) == begun.modules


async def test_what_others_import_stays_and_says_which(store: Store):
    await store.set_dialplan(None, "common", "ring = 1\n")
    await store.set_dialplan(None, "out", OUT)
    await store.set_dialplan(None, "in", "import plans.common\n")
    await store.set_dialplan(None, "other", "log('plans.common')\n")
    with pytest.raises(StoreError, match="dialplan 'common' is imported by 'in', 'out'"):
        await store.remove_dialplan("common")

    await store.remove_dialplan("out")
    await store.set_dialplan(None, "in", "x = 1\n")
    await store.remove_dialplan("common")

"""Secrets of scripts: whose they are, and that nobody is shown one."""

from __future__ import annotations

import pytest

from sipwright.store.admin import script_secrets
from sipwright.usecases.errors import Invalid, NotFound


async def test_a_user_sees_the_names_of_their_own_alone(usecases, admin, carol):
    kept = await usecases.secrets.put(carol, "API_KEY", "hush hush")
    await usecases.secrets.put(admin, "OTHER", "hush hush")

    assert (kept.name, kept.user) == ("API_KEY", "carol")
    assert [one.name for one in await usecases.secrets.list(carol)] == ["API_KEY"]
    assert [one.name for one in await usecases.secrets.list(admin, user="carol")] == ["API_KEY"]
    with pytest.raises(NotFound):
        await usecases.secrets.remove(carol, "OTHER")
    with pytest.raises(NotFound):
        await usecases.secrets.list(carol, user="admin")
    with pytest.raises(Invalid):
        await usecases.secrets.put(carol, "a-b", "hush hush")


async def test_a_secret_is_replaced_and_forgotten(usecases, carol):
    await usecases.secrets.put(carol, "K", "the first")
    await usecases.secrets.put(carol, "K", "the second")
    ground = usecases.ground
    found = await ground.read(lambda c: script_secrets.read(c, ground.keys, carol.user_id, "K"))
    await usecases.secrets.remove(carol, "K")

    assert found == "the second"
    assert list(await usecases.secrets.list(carol)) == []

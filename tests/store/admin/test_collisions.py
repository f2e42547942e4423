"""No account takes the calls of somebody else's provider."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from sipwright.store import Store, StoreError
from sipwright.store.admin import collisions
from sipwright.store.admin.specs import AccountSpec, ProviderSpec
from sipwright.store.schema import tables


async def add_provider(store: Store, name: str, user: str | None = None) -> None:
    await store.add_provider(ProviderSpec(name, "s", "u", "p"), user)


@pytest.fixture
async def people(store: Store) -> Store:
    """Alice belongs to the admin, who has a provider; mallory is somebody else."""
    await store.add_user("mallory", "x")
    await store.add_account("alice", "x")
    await add_provider(store, "trunk")
    return store


async def test_an_account_cannot_have_the_name_by_which_a_provider_calls_another(people: Store):
    for user in (None, "mallory"):
        with pytest.raises(
            StoreError, match=r"'trunk.alice' cannot be an account name: the provider 'trunk' calls"
        ):
            await people.add_account("trunk.alice", "x", user=user)


async def test_other_names_with_a_dot_are_free(people: Store):
    await people.ensure_domains(["other.example"])
    for name in ("john.alice", "trunk.bob", "Trunk.alice", "my.trunk.alice", "trunk.alice@other.example"):
        await people.add_account(name, "x", user="mallory")
    await add_provider(people, "john", "mallory")  # who owns no account that john.alice could stand for

    assert await people.database.read(collisions.existing) == []


async def test_an_account_cannot_come_after_the_one_that_would_take_its_calls(people: Store):
    await people.add_account("trunk.bob", "x", user="mallory")

    with pytest.raises(
        StoreError, match=r"its provider 'trunk' would call 'trunk.bob', which is another account"
    ):
        await people.add_account("bob", "x")
    await people.add_account("bob", "x", user="mallory")


async def test_a_provider_cannot_come_after_it_either(people: Store):
    await people.add_account("second.alice", "x", user="mallory")

    with pytest.raises(StoreError, match=r"its calls for 'alice' would go to the account 'second.alice'"):
        await add_provider(people, "second")
    await add_provider(people, "second", "mallory")


async def test_an_import_is_judged_as_a_whole(people: Store):
    def specs(*lines: str) -> list[AccountSpec]:
        parts = [line.partition("/") for line in lines]
        return [
            AccountSpec(name, "x", user or None, line=number)
            for number, (name, _, user) in enumerate(parts, 1)
        ]

    for names, line in (
        (("carol", "trunk.alice/mallory"), 2),
        (("trunk.dave/mallory", "dave"), 1),
        (("dave", "trunk.dave/mallory"), 1),
    ):
        with pytest.raises(StoreError, match=rf"line {line}: .*nothing was imported"):
            await people.import_accounts(specs(*names))
    result = await people.import_accounts(
        specs("carol", "john.alice/mallory", "trunk.erin/mallory", "erin/mallory")
    )
    assert result.added == 4


async def test_what_is_there_already_is_told(people: Store):
    taker = await people.add_account("trunk.nobody", "x", user="mallory")
    rename = update(tables.accounts).where(tables.accounts.c.id == taker.id).values(username="trunk.alice")
    await people.database.write(lambda connection: connection.execute(rename))

    assert await people.database.read(collisions.existing) == [("trunk", "alice", "trunk.alice")]

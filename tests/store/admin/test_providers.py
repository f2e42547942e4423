"""Providers: what is kept of them, and the sentences that refuse."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from sipwright.store import (
    NotFoundError,
    ProviderChange,
    ProviderSpec,
    Store,
    StoreError,
)
from sipwright.store.schema import tables
from store.looks import stored


async def test_a_provider_password_is_encrypted_and_comes_back(store: Store):
    added = await store.add_provider(
        ProviderSpec("BlueFace", "sip.b.example:5062", "u", "pä55", register=True, realm="b")
    )
    found = await store.find_provider("blueFACE")
    assert found == added
    assert (found.name, found.password, found.register, found.realm) == ("blueface", "pä55", True, "b")
    ((sealed,),) = await stored(store, select(tables.providers.c.password))
    assert "pä55".encode() not in bytes(sealed)

    assert [one.name for one in await store.list_providers("admin")] == ["blueface"]
    await store.remove_provider("blueface")
    assert await store.list_providers() == []


async def test_what_is_given_of_a_provider_changes_and_nothing_else(store: Store):
    """An empty text takes away what may be missing."""
    spec = ProviderSpec("b", "s", "u", "p", auth_username="a", realm="r", outbound_proxy="sip:proxy.example")
    before = await store.add_provider(spec)
    change = ProviderChange(password="new", realm="", outbound_proxy="", is_enabled=False)
    changed = await store.change_provider("b", change)

    assert changed.password == "new"
    assert (changed.realm, changed.outbound_proxy, changed.is_enabled) == (None, None, False)
    assert (changed.server, changed.username, changed.auth_username) == ("s", "u", "a")
    assert await store.change_provider("b", ProviderChange()) == changed
    assert (before.name, before.id) == (changed.name, changed.id)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (ProviderChange(server=""), "cannot be the provider's server"),
        (ProviderChange(username=""), "cannot be the provider's username"),
        (ProviderChange(outbound_proxy="a b"), "cannot be the provider's proxy"),
        (ProviderChange(password=""), "the password is empty"),
    ],
)
async def test_a_provider_that_cannot_be_changed_says_why(store: Store, change: ProviderChange, message: str):
    before = await store.add_provider(ProviderSpec("b", "s", "u", "p"))

    with pytest.raises(StoreError, match=message):
        await store.change_provider("b", change)
    assert await store.find_provider("b") == before


@pytest.mark.parametrize(
    ("name", "server", "message"),
    [
        ("local", "s", "means this switch"),
        ("a.b", "s", "is a host in dial strings"),
        ("a b", "s", "cannot be a provider name"),
        ("blueface", "s", "has a provider 'blueface' already"),
        ("other", "s t", "cannot be the provider's server"),
        ("other", "", "cannot be the provider's server"),
    ],
)
async def test_a_provider_that_cannot_be_added_says_why(store: Store, name: str, server: str, message: str):
    await store.add_provider(ProviderSpec("blueface", "s", "u", "p"))

    with pytest.raises(StoreError, match=message):
        await store.add_provider(ProviderSpec(name, server, "u", "p"))
    with pytest.raises(NotFoundError, match="'sipwright provider list'"):
        await store.find_provider("other")

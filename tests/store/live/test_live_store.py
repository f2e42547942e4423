"""The store of a running node."""

from __future__ import annotations

from sipwright.store import Store


async def test_a_database_on_a_server_may_be_that_of_several_nodes(store: Store):
    assert store.is_shared is (store.database.dialect != "sqlite")

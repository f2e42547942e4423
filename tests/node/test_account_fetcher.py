"""Accounts that are needed beside requests, where not all of them fit into memory."""

import asyncio

from node.serving import directory
from sipwright.node.account_fetcher import AT_ONCE, AccountFetcher
from sipwright.store import StoreError


class Store:
    """Has accounts 1 and 2 in its database, and in memory those that were asked for."""

    def __init__(self, *, is_complete=False, is_away=False):
        self.known = {}
        self.is_away = is_away
        self.directory = directory(is_complete=is_complete, account_by_id=self.known.get)
        self.asked = []

    async def load_account_by_id(self, account_id):
        self.asked.append(account_id)
        await asyncio.sleep(0)
        if self.is_away:
            raise StoreError("the database is away")
        if account_id in (1, 2):
            self.known[account_id] = f"account {account_id}"


async def fetched(store, *account_ids):
    """What whoever waits is told, or nothing when nobody has to wait."""
    told = asyncio.get_running_loop().create_future()
    fetcher = AccountFetcher(store)
    return await told if fetcher(account_ids, told.set_result) else None


async def test_where_all_accounts_are_in_memory_nobody_waits():
    assert await fetched(Store(is_complete=True), 1, 2) is None


async def test_what_is_there_is_not_fetched():
    store = Store()
    store.known.update({1: "one", 2: "two"})

    assert (await fetched(store, 1, 2), store.asked) == (None, [])


async def test_all_are_fetched_before_whoever_waits_goes_on():
    store = Store()

    assert await fetched(store, 1, 2, 3) is True
    assert (sorted(store.known), store.asked) == ([1, 2], [1, 2, 3])


async def test_whoever_waits_is_told_that_nobody_could_look():
    assert await fetched(Store(is_away=True), 1) is False


async def test_no_more_are_fetched_at_once_than_a_few():
    store = Store()
    fetcher = AccountFetcher(store)
    loop = asyncio.get_running_loop()
    told = [loop.create_future() for _ in range(100)]
    for account_id, one in enumerate(told):
        assert fetcher((account_id,), one.set_result)
    await asyncio.sleep(0)
    assert len(store.asked) <= AT_ONCE
    await asyncio.gather(*told)

    assert len(store.asked) == 100

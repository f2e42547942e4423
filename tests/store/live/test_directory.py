"""The directory in memory, and how changes reach it."""

from __future__ import annotations

import asyncio
import inspect
import time
from pathlib import Path

from sqlalchemy import insert, text
from structlog.testing import capture_logs

from administering import Administering
from sipwright.store import AccountChange, AccountSpec, Administration, Change, ProviderSpec, Store
from sipwright.store.admin.changes import ChangeFeed, record_change
from sipwright.store.schema import tables


async def test_a_name_is_found_in_its_domain_only(store: Store):
    await store.ensure_domains(["example.net"])
    await store.add_account("alice", "secret")
    await store.add_account("alice@example.net", "other")
    await store.catch_up()
    directory = store.directory

    found = directory.account("alice", "example.org")
    assert found is not None
    assert found.aor == "alice@example.org"
    assert directory.account_by_id(found.id) is found
    assert directory.account("alice", "example.net") is not found
    assert directory.account("Alice", "example.org") is None
    assert directory.account("alice", "example.com") is None
    assert directory.account_by_id(99) is None
    assert directory.default_domain is not None
    assert directory.default_domain.name == "example.org"
    assert sorted(directory.domains) == ["example.net", "example.org"]


async def test_changes_of_every_kind_arrive(store: Store):
    directory = store.directory
    await store.set_dialplan(None, "main", "respond(486)")
    account = await store.add_account("alice", "secret", out_plan="main")
    provider = await Administering(store).add_provider(ProviderSpec("blueface", "sip.b.example", "u", "p"))
    heard: list[Change] = []
    directory.listeners.append(heard.append)
    await store.catch_up()
    assert {change.kind for change in heard} == {"dialplan", "account", "provider"}
    assert account.out_plan is not None
    plan = directory.dialplan(account.out_plan)
    assert plan is not None
    assert (plan.name, plan.version, plan.source) == ("main", 1, "respond(486)")
    assert directory.provider(account.user_id, "BlueFace") == directory.provider_by_id(provider.id)
    assert [found.name for found in directory.providers()] == ["blueface"]

    await store.set_dialplan(None, "main", "respond(480)")
    await Administering(store).change_account("alice", AccountChange(out_plan=""))
    await Administering(store).remove_provider("blueface")
    await store.catch_up()
    plan = directory.dialplan(plan.id)
    assert plan is not None
    assert plan.version == 2
    changed = directory.account("alice", "example.org")
    assert changed is not None
    assert changed.out_plan is None
    assert directory.provider(account.user_id, "blueface") is None
    assert directory.provider_by_id(provider.id) is None

    await store.remove_account("alice")
    await store.remove_dialplan("main")
    await store.catch_up()
    assert directory.account("alice", "example.org") is None
    assert directory.dialplan(plan.id) is None
    snapshot = directory.snapshot()
    assert (snapshot.users, snapshot.domains, snapshot.accounts, snapshot.is_complete) == (1, 1, 0, True)


async def test_an_account_that_was_removed_and_added_again_is_the_new_one(store: Store):
    await store.add_account("alice", "secret")
    await store.catch_up()
    await store.remove_account("alice")
    added = await store.add_account("alice", "other")
    await store.catch_up()

    assert store.directory.account("alice", "example.org") == added
    assert store.directory.snapshot().accounts == 1


async def test_the_domains_algorithm_decides_which_hash_is_at_hand(store: Store):
    await store.add_account("alice", "secret")
    await store.add_account("bob", "secret", algorithm="sha-512-256")
    await Administering(store).change_domain("example.org", algorithm="SHA-256")
    await store.catch_up()
    alice, bob = (store.directory.account(name, "example.org") for name in ("alice", "bob"))

    assert alice is not None
    assert bob is not None
    assert (alice.algorithm, list(alice.ha1)) == ("SHA-256", ["SHA-256"])
    assert (bob.algorithm, list(bob.ha1)) == ("SHA-512-256", ["SHA-512-256"])
    assert len(alice.ha1["SHA-256"]) == 64


async def test_everything_is_there_when_a_node_starts(url: str, store: Store, key_file: Path):
    await store.add_account("alice", "secret")
    node = await Store.open(url, key_file)

    assert node.directory.account("alice", "example.org") is not None
    assert await node.catch_up() == []
    await node.close()


async def test_accounts_beyond_the_limit_are_loaded_when_needed(url: str, store: Store, key_file: Path):
    for name in ("alice", "bob", "carol"):
        await store.add_account(name, "secret")
    node = await Store.open(url, key_file, account_limit=2)
    assert not node.directory.is_complete
    assert node.directory.account("alice", "example.org") is None

    for name in ("alice", "bob", "carol"):
        assert await node.load_account(name, "example.org") == await node.find_account(name)
    assert node.directory.account("alice", "example.org") is None
    assert node.directory.account("carol", "example.org") is not None
    assert await node.load_account("dave", "example.org") is None
    assert await node.load_account("alice", "example.com") is None

    await Administering(store).change_account("carol", AccountChange(is_enabled=False))
    await store.remove_account("bob")
    await Administering(store).change_account("alice", AccountChange(is_enabled=False))
    await node.catch_up()
    carol = node.directory.account("carol", "example.org")
    assert carol is not None
    assert not carol.is_enabled
    assert node.directory.account("bob", "example.org") is None
    assert node.directory.account("alice", "example.org") is None
    await node.close()


async def test_a_directory_that_grows_beyond_its_limit_is_no_longer_complete(
    url: str, store: Store, key_file: Path
):
    node = await Store.open(url, key_file, account_limit=1)
    await store.add_account("alice", "secret")
    await node.catch_up()
    assert node.directory.is_complete
    assert await node.load_account("bob", "example.org") is None

    await store.add_account("bob", "secret")
    await node.catch_up()
    assert not node.directory.is_complete
    assert await node.load_account("alice", "example.org") is not None
    await node.close()


async def test_an_import_reaches_a_running_node(url: str, store: Store, key_file: Path):
    node = await Store.open(url, key_file)
    specs = [AccountSpec(f"u{number}", f"p{number}") for number in range(1_200)]
    result = await store.import_accounts(specs)
    assert (result.added, result.changed) == (1_200, 0)
    changes = await node.catch_up()

    assert len(changes) == 3
    assert node.directory.snapshot().accounts == 1_200
    await node.close()


async def test_a_change_by_another_process_arrives_within_two_seconds(url: str, store: Store, key_file: Path):
    administration = await Administration.open(url, key_file)
    arrived = asyncio.Event()
    store.directory.listeners.append(lambda change: arrived.set())
    follower = asyncio.create_task(store.follow_changes())
    await asyncio.sleep(0)
    await administration.add_account("alice", "secret")
    await asyncio.wait_for(arrived.wait(), 60.0)

    assert store.directory.account("alice", "example.org") is not None
    assert inspect.signature(store.follow_changes).parameters["every"].default <= 1.0
    follower.cancel()
    await administration.close()


async def test_an_outage_of_the_database_is_logged_once_and_followed_through(store: Store):
    await store.database.write(lambda c: c.execute(text("ALTER TABLE changes RENAME TO gone")))
    with capture_logs() as logs:
        follower = asyncio.create_task(store.follow_changes(every=0.0))
        deadline = time.monotonic() + 60.0
        while not logs and time.monotonic() < deadline:
            await store.database.read(lambda c: c.execute(text("SELECT 1")))
        await store.database.write(lambda c: c.execute(text("ALTER TABLE gone RENAME TO changes")))
        arrived = asyncio.Event()
        store.directory.listeners.append(lambda change: arrived.set())
        await store.add_account("alice", "secret")
        await asyncio.wait_for(arrived.wait(), 60.0)
        follower.cancel()

    assert [entry["event"] for entry in logs] == ["changes cannot be followed; what is known stays in force"]


# --- the feed ---


async def test_a_change_that_commits_late_below_the_newest_number_is_seen(store: Store):
    feed = ChangeFeed()

    def late(connection):  # type: ignore[no-untyped-def]
        connection.execute(insert(tables.changes).values(seq=100, kind="account", key="7", at=0.0))

    def later(connection):  # type: ignore[no-untyped-def]
        connection.execute(insert(tables.changes).values(seq=99, kind="account", key="6", at=0.0))

    await store.database.read(feed.start)
    await store.database.write(late)
    assert await store.database.read(feed.poll) == {100: Change("account", 7, 7)}
    feed.taken([100])
    await store.database.write(later)
    assert await store.database.read(feed.poll) == {99: Change("account", 6, 6)}
    assert await store.database.read(feed.poll) == {99: Change("account", 6, 6)}
    feed.taken([99])
    assert await store.database.read(feed.poll) == {}


async def test_numbers_that_have_settled_are_not_read_again(store: Store):
    feed = ChangeFeed()
    await store.database.read(feed.start)
    await store.database.write(lambda c: record_change(c, "account", 5, 9))
    found = await store.database.read(feed.poll)
    assert list(found.values()) == [Change("account", 5, 9)]
    feed.taken(found)
    feed._seen = dict.fromkeys(feed._seen, time.monotonic() - 61.0)
    feed.taken([])

    assert feed._seen == {}
    await store.database.write(lambda c: record_change(c, "domain", 1))
    assert list((await store.database.read(feed.poll)).values()) == [Change("domain", 1, 1)]

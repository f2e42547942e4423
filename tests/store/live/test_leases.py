"""What any database has to do for leases and fences: each test runs on all of them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import Float, Interval, cast, func, select, text
from sqlalchemy.exc import DBAPIError

from sipwright.cluster.lease import Holder
from sipwright.services.leases import Ask, Fence
from sipwright.store import Store
from sipwright.store.errors import FencedError
from sipwright.store.live import script_values
from sipwright.store.live.leases import Leases, database_time, execute, hold_fence, seize


@pytest.fixture
def leases(store: Store) -> Leases:
    """The leases of each database in turn."""
    return Leases(store.database)


def new(owner: str = "a", seconds: float = 60.0, name: str = "roll-ups") -> Ask:
    """Ask for a lease that nobody has had."""
    return Ask(name, owner, seconds, is_new=True)


async def test_a_lease_that_nobody_has_had_is_made(leases: Leases):
    began = time.monotonic()
    answer = await leases.execute(new(seconds=60.0))
    took = time.monotonic() - began

    assert answer.is_granted
    assert answer.row is not None
    assert answer.row[:3] == ("roll-ups", "a", 1)
    assert 59.0 - took < answer.row.left <= 60.0


async def test_only_one_of_many_makes_it(leases: Leases):
    answers = await asyncio.gather(*(leases.execute(new(owner)) for owner in "abcde"))
    (granted,) = (answer for answer in answers if answer.is_granted)

    assert {answer.row.owner for answer in answers if answer.row} == {granted.row.owner}


async def test_one_that_is_looked_at_stays_as_it_is(leases: Leases):
    assert (await leases.execute(Ask("roll-ups", "a", 60.0))).row is None
    await leases.execute(new())
    answer = await leases.execute(Ask("roll-ups", "b", 60.0))

    assert (answer.is_granted, answer.row.owner) == (False, "a")


async def test_the_owner_renews_it_under_the_same_fence(leases: Leases):
    first = (await leases.execute(new(seconds=10.0))).row
    answer = await leases.execute(Ask("roll-ups", "a", 60.0, renew=1))

    assert (answer.is_granted, answer.row.fence) == (True, 1)
    assert answer.row.until > first.until + 40.0


async def test_the_owner_renews_it_after_its_end_if_nobody_wanted_it(leases: Leases):
    await leases.execute(new(seconds=-1.0))

    assert (await leases.execute(Ask("roll-ups", "a", 60.0, renew=1))).is_granted


@pytest.mark.parametrize(("owner", "fence"), [("b", 1), ("a", 2), ("a", 0)])
async def test_nobody_else_renews_it(leases: Leases, owner: str, fence: int):
    await leases.execute(new())

    assert not (await leases.execute(Ask("roll-ups", owner, 60.0, renew=fence))).is_granted


async def test_one_that_is_not_over_is_not_taken(leases: Leases):
    seen = (await leases.execute(new())).row

    assert not (await leases.execute(Ask("roll-ups", "b", 60.0, seen=seen))).is_granted


async def test_one_that_is_over_is_taken_under_a_higher_fence(leases: Leases):
    seen = (await leases.execute(new(seconds=-1.0))).row
    answer = await leases.execute(Ask("roll-ups", "b", 60.0, seen=seen))

    assert (answer.is_granted, answer.row.owner, answer.row.fence) == (True, "b", 2)
    assert not (await leases.execute(Ask("roll-ups", "a", 60.0, renew=1))).is_granted


async def test_one_that_was_renewed_since_it_was_seen_is_not_taken(leases: Leases):
    seen = (await leases.execute(new(seconds=-2.0))).row
    await leases.execute(Ask("roll-ups", "a", -1.0, renew=1))

    assert not (await leases.execute(Ask("roll-ups", "b", 60.0, seen=seen))).is_granted


async def test_only_one_of_many_takes_it(leases: Leases):
    seen = (await leases.execute(new(seconds=-1.0))).row
    asks = [Ask("roll-ups", owner, 60.0, seen=seen) for owner in "bcdef"]
    answers = await asyncio.gather(*map(leases.execute, asks))

    assert [answer.is_granted for answer in answers].count(True) == 1


async def test_one_that_is_given_back_is_taken_at_once(leases: Leases):
    await leases.execute(new())
    given_back = await leases.release("roll-ups", "a", 1)
    second = Holder("roll-ups", "b", 60.0)
    for _ in range(2):
        ask = second.ask(0.0)
        second.answered(ask, 0.0, await leases.execute(ask), 0.0)

    assert (given_back, second.fence, second.holds(0.0)) == (True, 2, True)


async def test_only_its_owner_gives_it_back(leases: Leases):
    await leases.execute(new())

    assert not await leases.release("roll-ups", "b", 1)
    assert not await leases.release("roll-ups", "a", 2)


async def test_leases_are_found_by_how_their_names_begin(leases: Leases):
    for name in ("node:b", "node:a", "node_c", "roll-ups"):
        await leases.execute(new(name=name))

    assert [row.name for row in await leases.read("node:")] == ["node:a", "node:b"]
    assert [row.name for row in await leases.read("node_")] == ["node_c"]


async def test_nobody_waits_for_a_process_that_was_stopped_as_it_renewed_its_lease(
    server_url: str, key_file: Path
):
    """It has the row of its lease for as long as its transaction lasts, which may be until the machine is back."""
    store = await Store.open(server_url, key_file, silence=1)
    leases = Leases(store.database)
    assert (await leases.execute(new(seconds=0.0))).is_granted
    stopped = store.database._engine.connect()
    await stopped.start()
    await stopped.run_sync(lambda c: execute(c, Ask("roll-ups", "a", 0.0, renew=1)))

    async with asyncio.timeout(60.0):
        assert await store.database.write(lambda c: seize(c, "roll-ups", "b")) == 2
    with pytest.raises(DBAPIError):  # what it has said before is not true any more
        await stopped.execute(select(1))
    await stopped.invalidate()
    await stopped.close()
    await store.close()


async def test_whoever_waits_for_a_lock_gives_up_before_a_stopped_process_has_to(
    server_url: str, key_file: Path
):
    """Else each transaction of a stopped process that waits would be given the lock in its turn, and keep it."""
    store = await Store.open(server_url, key_file, silence=4)
    if store.database.dialect == "postgresql":
        names = ("lock_timeout", "idle_in_transaction_session_timeout")
        settings = [cast(func.current_setting(name), Interval) for name in names]
        query = select(*(cast(func.extract("epoch", each), Float) for each in settings))
    else:
        query = select(text("@@innodb_lock_wait_timeout, @@idle_transaction_timeout"))
    waits, keeps = await store.database.read(lambda c: c.execute(query).one())
    await store.close()

    assert (float(waits), float(keeps)) == (2.0, 4.0)


async def test_what_only_names_a_user_waits_for_no_script_of_hers(postgres_url: str, key_file: Path):
    """A script at a node that is stopped has her row, and others write rows that name her."""
    store = await Store.open(postgres_url, key_file, silence=300)
    user = await store.add_user("alice", "secret")
    stopped = store.database._engine.connect()
    await stopped.start()
    await stopped.run_sync(lambda c: script_values._take_turns(c, user.id))
    async with asyncio.timeout(60.0):
        await store.set_dialplan("alice", "out", "respond(486)")
    await stopped.rollback()
    await stopped.close()
    await store.close()


async def test_a_write_names_its_fence(store: Store, leases: Leases):
    await leases.execute(new())

    await store.database.write(lambda c: hold_fence(c, Fence("roll-ups", 1)))
    with pytest.raises(FencedError):
        await store.database.write(lambda c: hold_fence(c, Fence("roll-ups", 2)))
    with pytest.raises(FencedError):
        await store.database.write(lambda c: hold_fence(c, Fence("nobody's", 1)))


async def test_the_clock_is_unix_time(store: Store):
    before = time.time()
    found = await store.database.read(lambda c: c.scalar(select(database_time(c))))

    assert before - 1.0 <= found <= time.time() + 1.0

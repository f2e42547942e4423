"""A night with a stolen password, and what becomes of calls that are unlike all others of a user."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import insert, select, text

from node.test_call_guard import ORDINARY, PREMIUM, RATES, SDP, Town
from sipwright.config import GuardSettings, MailServerSettings, Settings
from sipwright.node.baseline_learning import BaselineLearning
from sipwright.node.unusual_calls import UnusualCalls
from sipwright.services.guard.baseline import Baseline
from sipwright.services.guard.places import place_of
from sipwright.services.guard.rates import MICROS
from sipwright.services.guard.spending import FREE, Attempt, Seen
from sipwright.store import Store
from sipwright.store.admin import baselines, script_secrets, unusual_calls, users
from sipwright.store.admin.unusual_calls import MOST_WRONG
from sipwright.store.schema.guard_tables import spendings
from sipwright.store.schema.tables import cdrs
from store.conftest import *  # noqa: F403 (the fixtures of the store)

HOURS = tuple(20 if 9 <= hour <= 17 else 0 for hour in range(24))
NIGHT = datetime(2026, 3, 3, 3, 0, tzinfo=UTC).timestamp()
DAY = 86_400.0


def usual(*places, money=1_200_000):
    return Baseline(180, 40, HOURS, dict.fromkeys(("IE", "GB", *places), 10), 2, 8, 90.0, money, 1_800.0)


@pytest.fixture
def town(monkeypatch):
    made = Town(monkeypatch)
    made.directory.baselines, made.directory.confirmed = {1: usual()}, {}
    made.directory.rates[made.provider.id] = RATES
    begun = made.bench.network.now
    made.unix_time = lambda: NIGHT + made.bench.network.now - begun

    def guarded(mode="hold"):
        settings = Settings(guard=GuardSettings(region="IE", unusual_calls=mode))
        made.unusual = UnusualCalls(settings, SimpleNamespace(directory=made.directory), made.unix_time)
        made.guard._unusual, made.guard._unix_time = made.unusual, made.unix_time

    made.guarded_so = guarded
    guarded()
    return made


def spent_in(town, number, calls=200, every=1.5):
    """Let a thief call a number again and again, each time for as long as possible; return what that costs."""
    for _ in range(calls):
        invite = town.dial(f"{number}@trunk")
        if invite is not None:
            town.phone.answer(invite, 200, body=SDP.format("40.0.0.1"))
            town.alice.ack(town.alice.last(200))
        town.bench.run(every)
    town.bench.run(3_600)
    return town.guard.spending.of_day(("user", 1), town.unix_time()).money / MICROS


def test_a_night_with_a_stolen_password_spends_nothing_where_the_user_never_called_such_numbers(town):
    town.allow("premium", money_per_day=20 * MICROS)

    assert spent_in(town, PREMIUM) == 0.0
    assert town.phone.heard == []
    assert {row[15] for row in town.bench.database.rows["cdr"].values()} == {"Unusual Call, Confirm It First"}
    assert next(line for line in town.alice.heard[-1].headers.items() if line[0] == "Warning")[1].startswith(
        "399 "
    )
    assert ("guard.refused", "Unusual Call, Confirm It First") in town.told
    ((key, held),) = town.unusual._pending.items()
    assert (key, held.number, held.times) == ((1, "premium GB"), PREMIUM, 200)


def test_where_the_user_did_it_spends_some_times_what_a_day_did(town):
    town.allow("premium", money_per_day=20 * MICROS)
    town.directory.baselines[1] = usual("premium GB")

    assert spent_in(town, PREMIUM) == 3.0
    assert [each.method for each in town.phone.heard if hasattr(each, "method")].count("INVITE") == 1


def test_a_confirmed_place_is_called_until_it_is_not_confirmed_any_more(town):
    town.allow("premium", money_per_day=20 * MICROS)
    town.directory.confirmed[1, "premium GB"] = NIGHT + 30

    assert town.dial(f"{PREMIUM}@trunk") is not None
    town.bench.run(31)
    assert town.dial(f"{PREMIUM}@trunk") is None


@pytest.mark.parametrize("way", ["off", "tell", "open", "nobody learnt"])
def test_calls_leave_where_they_are_not_to_be_held_back(town, way):
    town.allow("premium", *(["unusual"] if way == "open" else []))
    town.guarded_so(way if way in ("off", "tell") else "hold")
    if way == "nobody learnt":
        town.directory.baselines.clear()

    assert town.dial(f"{PREMIUM}@trunk") is not None
    assert len(town.unusual._pending) == (way == "tell")


def test_an_emergency_call_and_a_usual_one_leave_at_any_hour(town):
    town.directory.baselines[1] = Baseline(99, 9, (0,) * 24, {}, 0, 0, 0.0, 1)

    assert town.dial("112@trunk") is not None
    town.directory.baselines[1] = usual()
    assert town.dial(f"{ORDINARY}@trunk") is not None


# --- with a database ---


class Mailer:
    def __init__(self):
        self.sent = []

    async def send(self, to, subject, body):
        self.sent.append((to, subject, body))

    def close(self):
        pass


@pytest.fixture
async def world(url, key_file):
    """A store with a user whose calls of a month are known, and what holds their unusual ones back."""
    store = await Store.open(url, key_file)
    now = SimpleNamespace(at=NIGHT)
    await store.database.write(
        lambda c: users.add(c, "alice", "no hash", "admin", "Europe/Dublin", "alice@example.org")
    )
    await store.catch_up()
    settings = Settings(mail=MailServerSettings(server="mail.example"))
    made = UnusualCalls(settings, store, lambda: now.at)
    made._mailer = Mailer()
    told = []
    made.watch = lambda kind, data: told.append((kind, data["user"], data["place"]))
    learning = BaselineLearning(settings, store, lambda: now.at)
    yield SimpleNamespace(
        store=store, made=made, learning=learning, now=now, told=told, mails=made._mailer.sent
    )
    made.close()
    await store.close()


def record(number, day, target="+35316790000@trunk"):
    at = NIGHT - day * DAY + 7 * 3_600 + number * 60.0
    return {
        "call_id": f"{day}-{number}-{target}", "leg": 1, "direction": "out", "user_id": 1, "target": target,
        "started_at": at, "answered_at": at + 5, "ended_at": at + 65, "status": 200,
    }  # fmt: skip


def hold(world, number=PREMIUM):
    """Let alice call a number at night."""
    attempt = Attempt("a", 1, 0, 1, FREE, 3_600.0)
    return world.made.judge(world.made.usual(1), attempt, number, place_of(number, "IE"), "IE", Seen())


async def learn(world, rows):
    await world.store.database.write(lambda c: c.execute(insert(cdrs), rows))
    await world.learning.learn()


MONTH = [record(number, day) for day in range(2, 12) for number in range(3)]


async def test_what_is_usual_is_learnt_from_records_that_are_older_than_a_day(world):
    used = {"node": "a", "user_id": 1, "account_id": 0, "provider_id": 1, "calls": 1, "seconds": 1.0}
    hours = [{**used, "hour": int(NIGHT // 3_600) - back, "money": 100 * back} for back in (1, 30, 31, 60)]
    await world.store.database.write(lambda c: c.execute(insert(spendings), hours))
    assert world.made.usual(1) is None
    await learn(world, [*MONTH, record(0, 0.5, "+25261234567@trunk")])

    found = world.store.directory.baselines[1]
    assert (found.calls, found.days, found.places, found.most_money) == (30, 10, {"IE": 30}, 6_100)
    assert world.made.usual(1) is not None
    assert (await world.store.database.read(baselines.learnt_at))[1] == NIGHT


async def test_it_is_learnt_once_a_day_by_one_node(world):
    await learn(world, MONTH)
    await world.store.database.write(lambda c: c.execute(text("DELETE FROM cdrs")))
    await world.learning.learn()
    assert world.made.usual(1) is not None

    world.now.at += DAY
    world.learning._is_ours = lambda user_id: False
    await world.learning.learn()
    assert world.made.usual(1) is not None

    world.learning._is_ours = lambda user_id: True
    await world.learning.learn()
    assert world.made.usual(1) is None


async def rows_of(world):
    return await world.store.database.read(lambda c: unusual_calls.page(c, 10, None, None))


async def test_what_was_held_back_is_one_row_and_one_mail_however_often_it_is_tried(world):
    await learn(world, MONTH)
    for _ in range(3):
        assert hold(world) == "the first call to premium numbers in GB, never before at 3 o'clock"
    await world.made.store()
    hold(world)
    await world.made.store()
    hold(world, "+25261234567")
    await world.made.store()
    for task in list(world.made._sending):
        await task

    found = {call.place: call for call in await rows_of(world)}
    assert {place: call.times for place, call in found.items()} == {"premium GB": 4, "high-risk SO": 1}
    assert world.told == [
        ("guard.unusual", "alice", "premium numbers in GB"),
        ("guard.unusual", "alice", "numbers in SO"),
    ]
    assert [to for to, _, _ in world.mails] == [["alice@example.org"]] * 2
    body = world.mails[0][2]
    assert all(part in body for part in (PREMIUM, found["premium GB"].code, "http://127.0.0.1:8080/guard"))


async def test_a_code_that_is_dialled_confirms_its_place_and_the_pin_confirms_all(world):
    await learn(world, MONTH)
    hold(world)
    hold(world, "+25261234567")
    assert not await world.made.confirm(1, "no code")
    codes = {call.place: call.code for call in await rows_of(world)}
    assert await world.made.confirm(1, codes["premium GB"])
    assert hold(world) == float("inf")
    assert isinstance(hold(world, "+25261234567"), str)

    await world.store.database.write(
        lambda c: script_secrets.keep(c, world.store.keys, 1, "PIN", "4711", world.now.at)
    )
    assert not await world.made.confirm(1, "4712")
    assert await world.made.confirm(1, "4711")
    assert hold(world, "+25261234567") == float("inf")
    assert [call.confirmed_by for call in await rows_of(world)] == ["phone", "phone"]

    world.now.at += unusual_calls.CONFIRMED_FOR + 1
    assert isinstance(hold(world), str)


async def test_codes_are_not_guessed(world):
    await learn(world, MONTH)
    hold(world)
    for _ in range(MOST_WRONG):
        assert not await world.made.confirm(1, "wrong")
    ((code),) = [call.code for call in await rows_of(world)]
    assert not await world.made.confirm(1, code)

    world.now.at += DAY
    hold(world)
    await world.made.store()
    ((fresh),) = [call.code for call in await rows_of(world)]
    assert await world.made.confirm(1, fresh)


async def test_wrong_codes_are_counted_for_all_nodes_and_none_where_nothing_waits(world):
    other = UnusualCalls(Settings(), world.store, lambda: world.now.at)
    await learn(world, MONTH)
    for _ in range(MOST_WRONG + 1):
        assert not await world.made.confirm(1, "what for?")
    hold(world)
    await world.made.store()
    for _ in range(MOST_WRONG):
        assert not await other.confirm(1, "wrong")
    ((code),) = [call.code for call in await rows_of(world)]

    assert not await world.made.confirm(1, code)


async def test_who_knows_the_code_begins_anew(world):
    await learn(world, MONTH)
    for place in (PREMIUM, "+25261234567"):
        hold(world, place)
        await world.made.store()
        for _ in range(MOST_WRONG - 1):
            assert not await world.made.confirm(1, "wrong")
        code = next(call.code for call in await rows_of(world) if call.number == place)

        assert await world.made.confirm(1, code)


async def test_many_codes_at_once_are_no_more_than_one_after_the_other(world):
    await learn(world, MONTH)
    hold(world)
    await world.made.store()
    asked = [world.made.confirm(1, f"wrong{number}") for number in range(3 * MOST_WRONG)]

    assert not any(await asyncio.gather(*asked))
    assert not await world.made.confirm(1, (await rows_of(world))[0].code)


async def test_what_was_tried_just_before_it_was_confirmed_takes_nothing_back(world):
    await learn(world, MONTH)
    hold(world)
    await world.made.store()
    hold(world)
    (call,) = await rows_of(world)
    await world.store.database.write(lambda c: unusual_calls.confirm(c, call, "alice", world.now.at))
    await world.made.store()

    assert (await rows_of(world))[0].confirmed_by == "alice"


async def test_a_code_is_good_for_a_day_and_then_another_one(world):
    await learn(world, MONTH)
    hold(world)
    await world.made.store()
    ((old),) = [call.code for call in await rows_of(world)]
    world.now.at += unusual_calls.GOOD_FOR + 1
    assert not await world.made.confirm(1, old)
    hold(world)
    await world.made.store()
    ((fresh),) = [call.code for call in await rows_of(world)]
    assert await world.made.confirm(1, fresh)


async def test_what_is_old_or_nobodys_is_forgotten(world):
    await learn(world, MONTH)
    hold(world)
    await world.made.store()
    prune = unusual_calls.prune
    assert await world.store.database.write(lambda c: prune(c, world.now.at)) == 0
    assert await world.store.database.write(lambda c: prune(c, world.now.at + 31 * DAY)) == 1
    hold(world)
    await world.made.store()
    await world.store.database.write(lambda c: c.execute(text("DELETE FROM users")))
    assert await world.store.database.write(lambda c: prune(c, world.now.at)) == 1
    assert await world.store.database.read(lambda c: c.execute(select(baselines.baselines)).all()) == []

"""Limits that several nodes share: never more than there is, and nobody asks whose part is there."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from sipwright.cluster.membership import Membership
from sipwright.cluster.node_map import Itself
from sipwright.node.call_guard import CallGuard
from sipwright.node.several.limit_shares import IDLE, LimitShares, users_of
from sipwright.services.guard.allowance import Allowance
from sipwright.services.guard.rates import Price
from sipwright.services.guard.spending import Attempt, Refusal
from sipwright.sip import ParseError, Uri
from sipwright.store.admin.guard_rules import Rule
from sipwright.store.live.node_register import NodeRegister
from sipwright.store.schema.guard_tables import guard_shares
from store.conftest import key_file, store, url  # noqa: F401

LIMIT = Allowance(calls_at_once=6, calls_per_hour=400, minutes_per_day=600.0, money_per_day=1_000_000)
PRICE = Price(10_000, 1_000)
NOW = 1_700_000_000.0
USER = ("user", 7)


class Limits(dict):
    """The limits of every user."""

    @property
    def are_set(self):
        return bool(self)

    def of_user(self, user_id):
        return iter(self.items())


class Guard(CallGuard):
    """A guard whose user has one limit, or those that a test gives."""

    def __init__(self, writer, node):
        super().__init__(SimpleNamespace(), SimpleNamespace(), writer, node, lambda: 0.0, lambda: NOW)
        self.limits = Limits({USER: LIMIT})


class Node:
    """A node, as far as it holds calls to limits."""

    def __init__(self, store, name):  # noqa: F811
        self.store, self.name, self.now, self.number = store, name, 100.0, 0
        self.member = Membership(NodeRegister(store.database), Itself(name, f"home of {name}", "1"), 10.0)
        self.begin()

    def begin(self):
        self.guard = Guard(self.store.writer, self.name)
        self.open, self.went_on = {}, []
        self.shares = LimitShares(
            self.store, self.member, self.guard, lambda incoming: {7}, lambda request: False, lambda user_id: 0,
            self.went_on.append, lambda: self.now, lambda: NOW,
        )  # fmt: skip

    def call(self, longest=3_600.0):
        """Begin a call that costs money; return for how long it may talk, or why it may not."""
        self.number += 1
        attempt = Attempt(f"{self.name} {self.number}", 7, 0, 3, PRICE, longest)
        found = self.guard.spending.ask(attempt, list(self.guard.limits.items()), NOW)
        if isinstance(found, Refusal):
            return found.reason
        self.open[attempt.key] = attempt._replace(longest=found[0])
        self.put(found[1])
        return found[0]

    def end(self, key, talked):
        del self.open[key]
        row = self.guard.spending.settle(key, talked, NOW)
        if row is not None:
            self.put(row)

    def put(self, row):
        self.store.writer.put("spending", row[:5], row)


@pytest.fixture
async def nodes(store, monkeypatch):  # noqa: F811
    # A machine with much to do may hold up a commit; how long a request waits for it is another test's matter.
    monkeypatch.setattr("sipwright.node.several.limit_shares.WAITED", 60.0)
    made = [Node(store, name) for name in ("north", "south", "west")]
    for node in made:
        await node.member.join()
    return made


async def rows(store):  # noqa: F811
    query = select(guard_shares).where(guard_shares.c.node != "")
    found = await store.database.read(lambda c: c.execute(query).all())
    return {row.node: (row.calls, row.begun, row.seconds, row.money) for row in found}


async def test_two_nodes_do_not_spend_the_same_money(nodes):
    """Both take their part, call until nothing is left, take what is left, and so on."""
    north, south, _ = nodes
    spent = 0
    for _ in range(60):
        for node in (north, south):
            node.now += 1.0
            await node.shares.ready(7)
            if isinstance(seconds := node.call(600.0), float):
                spent += 1
                node.end(f"{node.name} {node.number}", seconds)
    money = sum(one.guard.spending.of_day(USER, NOW).money for one in (north, south))

    assert 900_000 < money <= 1_000_000
    assert spent >= 9
    assert {north.call(600.0), south.call(600.0)} == {"Spending Limit Reached"}


async def test_one_node_alone_may_use_all_of_it(nodes):
    """Nobody else wants anything."""
    north = nodes[0]
    north.guard.limits = Limits({USER: Allowance(calls_at_once=6)})
    begun = []
    for _ in range(8):
        north.now += 1.0
        await north.shares.ready(7)
        begun.append(north.call())

    assert begun == [3_600.0] * 6 + ["Too Many Calls At Once"] * 2


async def test_calls_that_follow_each_other_at_once_have_all_of_it_too(nodes):
    """A part may be too small for the second call, and more is asked for then, as often as there was more."""
    north, south, west = nodes
    for node in nodes:
        node.guard.limits = Limits({USER: Allowance(calls_at_once=4)})
    begun = []
    for node in (north, north, south, west, north):
        await node.shares.ready(7)
        begun.append(node.call())

    assert begun == [3_600.0] * 4 + ["Too Many Calls At Once"]


async def test_requests_that_come_together_have_a_part_for_each_of_their_calls(nodes):
    """Their scripts begin the calls a moment later, when all of them have been let through."""
    north, south, _ = nodes
    for node in (north, south):
        node.guard.limits = Limits({USER: Allowance(calls_at_once=3)})
    for _ in range(4):
        await north.shares.ready(7)
    begun = [north.call() for _ in range(4)]
    north.now += 0.6
    for key in tuple(north.open):
        north.end(key, None)
    north.now += 10.0
    await north.shares.look()
    await south.shares.ready(7)

    assert begun == [3_600.0] * 3 + ["Too Many Calls At Once"]
    assert north.shares._passed == {}
    assert south.call() == 3_600.0


async def test_calls_at_once_that_no_call_waits_for_are_left_to_who_needs_them(nodes, store):  # noqa: F811
    """Three calls, at three nodes: a node that looks after its part does not keep one for later."""
    begun = []
    for node in nodes:
        node.guard.limits = Limits({USER: Allowance(calls_at_once=3)})
        await node.shares.ready(7)
        begun.append(node.call())
        for _ in range(3):
            node.now += 1.0
            await node.shares.look()

    assert begun == [3_600.0] * 3
    assert {name: part[0] for name, part in (await rows(store)).items()} == {
        "north": 1,
        "south": 1,
        "west": 1,
    }


async def test_a_limit_that_is_used_up_is_not_asked_for_again_and_again(nodes, monkeypatch):
    north = nodes[0]
    north.guard.limits = Limits({USER: Allowance(calls_at_once=1)})
    await north.shares.ready(7)
    north.call()
    await north.shares.ready(7)
    asked = []
    monkeypatch.setattr(north.shares, "_want", lambda scope, *rest, **more: asked.append(scope))
    north.now += 0.4
    await north.shares.ready(7)
    early = list(asked)
    north.now += 0.2
    await north.shares.ready(7)

    assert (early, asked) == ([], [USER])


async def test_what_a_node_needs_no_more_is_given_back(nodes, store):  # noqa: F811
    """One call at once: it is the other node's when this one has ended it."""
    north, south, _ = nodes
    north.guard.limits = south.guard.limits = Limits({USER: Allowance(calls_at_once=1)})
    await north.shares.ready(7)
    await south.shares.ready(7)
    assert (north.call(), south.call()) == (3_600.0, "Too Many Calls At Once")
    north.end("north 1", 10.0)
    north.now += IDLE + 1.0
    await north.shares.look()
    south.now += 1.0
    await south.shares.ready(7)

    assert south.call() == 3_600.0
    assert await rows(store) == {"south": (1, 0, 0.0, 0)}


async def test_whose_part_is_there_asks_nobody(nodes):
    north = nodes[0]
    incoming = SimpleNamespace(request=SimpleNamespace(method="INVITE", to_tag=None))
    waiting = north.shares(incoming)
    await waiting
    assert north.went_on == [incoming]

    assert north.shares(incoming) is False
    assert (
        north.shares(SimpleNamespace(request=SimpleNamespace(method="INVITE", to_tag="in a dialog"))) is False
    )
    assert north.shares(SimpleNamespace(request=SimpleNamespace(method="BYE", to_tag="x"))) is False


async def test_where_nobody_has_limits_it_is_not_asked_whose_call_it_is(nodes):
    """Which takes longer than all else here."""
    north, asked = nodes[0], []
    north.guard.limits = Limits()
    north.shares._users_of = lambda incoming: asked.append(incoming) or set()
    incoming = SimpleNamespace(request=SimpleNamespace(method="INVITE", to_tag=None))
    without = north.shares(incoming), list(asked)
    north.guard.limits = Limits({("user", 8): LIMIT})
    north.shares(incoming)

    assert without == (False, [])
    assert asked == [incoming]


async def test_while_the_database_is_away_what_is_there_stays_good_and_no_more_is_taken(nodes, store):  # noqa: F811
    north, south, _ = nodes
    await north.shares.ready(7)
    store.writer.is_away = True
    await south.shares.ready(7)
    said = north.call(), south.call()
    store.writer.is_away = False

    assert said == (2_940.0, "Limits Not Known Now")  # 49 minutes for half of the money


async def test_who_goes_on_with_the_calls_of_a_dead_node_has_its_part(nodes, store):  # noqa: F811
    north, south, west = nodes
    for node in nodes:
        node.guard.limits = Limits({USER: Allowance(calls_at_once=3)})
    await north.shares.ready(7)
    north.now += 1.0
    assert north.call() == 3_600.0
    await south.shares.ready(7)
    assert south.call() == 3_600.0
    before = await rows(store)
    await south.member._register.adopt(south.member.fence, south.member.owner, "south", "north", None)
    both = (await rows(store))["south"][0]
    for attempt in north.open.values():
        south.guard.spending.hold_again(attempt)
    south.guard.recovered_users = {7}
    south.now += 1.0
    await south.shares.adopted()
    await west.shares.ready(7)

    assert both == before["north"][0] + before["south"][0]
    assert [west.call(), west.call()].count("Too Many Calls At Once") >= 1
    assert len(south.guard.spending) + len(west.guard.spending) <= 3


async def test_a_process_that_begins_gives_back_what_the_one_before_had(nodes, store):  # noqa: F811
    north = nodes[0]
    await north.shares.ready(7)
    assert list(await rows(store)) == ["north"]
    north.begin()
    await north.shares.open()

    assert await rows(store) == {}


async def test_a_zombie_takes_nothing(nodes, store):  # noqa: F811
    north, south, _ = nodes
    await south.member._register.adopt(south.member.fence, south.member.owner, "south", "north", None)
    await north.shares.ready(7)

    assert north.call() == "Limits Not Known Now"
    assert await rows(store) == {}


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_no_more_is_used_than_there_is(nodes, store, seed):  # noqa: F811
    """Calls begin and end at three nodes at random, one dies now and then, and another one goes on with its calls."""
    chance = random.Random(seed)
    living = list(nodes)
    for _ in range(120):
        node = chance.choice(living)
        node.now += chance.choice((0.1, 0.6, 4.0))
        match chance.choice(
            ("call", "call", "call", "end", "look", "look", "die" if len(living) > 1 else "look")
        ):
            case "call":
                if chance.random() < 0.9:
                    await node.shares.ready(7)
                node.call(chance.choice((60.0, 600.0, 3_600.0)))
            case "end" if node.open:
                key = chance.choice(list(node.open))
                node.end(key, chance.uniform(0.0, node.open[key].longest))
            case "look":
                await node.shares.look()
            case "die" if chance.random() < 0.2:
                await store.writer.settle()
                living.remove(node)
                heir = chance.choice(living)
                register = heir.member._register
                await register.adopt(heir.member.fence, heir.member.owner, heir.name, node.name, None)
                for attempt in node.open.values():
                    heir.guard.spending.hold_again(attempt)
                    heir.open[attempt.key] = attempt
        held = sum(PRICE.of(one.longest) for each in living for one in each.open.values())
        used = sum(each.guard.spending.used_here(USER).money for each in nodes)
        begun = sum(each.guard.spending.used_here(USER).calls for each in nodes)
        assert held + used <= LIMIT.money_per_day
        assert sum(len(each.open) for each in living) <= LIMIT.calls_at_once
        assert begun <= LIMIT.calls_per_hour


def test_the_limits_of_a_user_are_those_of_their_accounts_and_providers_too():
    """Money counts where a provider of theirs has a price."""
    owners = {5: 7, 6: 7, 9: 8}
    rules = {
        ("user", 7): Rule(frozenset(), Allowance(calls_at_once=3)),
        ("provider", 5): Rule(frozenset(), Allowance(minutes_per_day=10.0)),
        ("account", 6): Rule(frozenset(), Allowance(calls_per_hour=9)),
        ("provider", 9): Rule(frozenset(), Allowance(calls_at_once=1)),
    }
    found = lambda number: SimpleNamespace(user_id=owners[number])  # noqa: E731
    directory = SimpleNamespace(guard_rules=rules, rates={}, account_by_id=found, provider_by_id=found)
    settings = SimpleNamespace(default_money=50)
    now = [0.0]
    guard = CallGuard(settings, directory, None, "north", lambda: now[0], lambda: NOW)

    assert dict(guard.limits.of_user(7)) == {
        ("user", 7): Allowance(calls_at_once=3),
        ("provider", 5): Allowance(minutes_per_day=10.0),
        ("account", 6): Allowance(calls_per_hour=9),
    }
    assert dict(guard.limits.of_user(4)) == {}
    assert guard.limits.are_set
    directory.rates[5] = "a table"
    now[0] += 3.0
    assert dict(guard.limits.of_user(7))["user", 7] == Allowance(calls_at_once=3, money_per_day=50)
    directory.guard_rules = {}
    assert guard.limits.are_set
    directory.rates = {}
    assert not guard.limits.are_set


def test_the_users_of_a_request_are_who_calls_who_is_called_and_who_takes_it():
    accounts = {("alice", "example.org"): 1, ("bob", "example.org"): 2}
    names = SimpleNamespace(
        served_domain=lambda host, port: host if host == "example.org" else None,
        account=lambda user, domain: accounts.get((user, domain)) and SimpleNamespace(user_id=accounts[user, domain]),
        account_by_id=lambda number: SimpleNamespace(user_id=number),
    )  # fmt: skip

    def request(caller, callee):
        return SimpleNamespace(
            request=SimpleNamespace(
                from_=SimpleNamespace(uri=Uri.parse(caller)), request_uri=Uri.parse(callee)
            )
        )

    find = users_of(names, lambda incoming: [9])
    assert find(request("sip:alice@example.org", "sip:bob@example.org")) == {1, 2, 9}
    assert find(request("sip:alice@elsewhere.org", "sip:nobody@example.org")) == {9}

    class Broken:
        @property
        def from_(self):
            raise ParseError("no From")

    assert find(SimpleNamespace(request=Broken())) == set()

"""A node among others, on a register in memory and a clock that tests move."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from sipwright.cluster.clock import ClockComparison
from sipwright.cluster.membership import BEATS, Membership, NameTaken
from sipwright.cluster.node_map import Itself
from sipwright.services.leases import Answer, Ask, Beat, Fence, LeaseRow, NodeRow, node_lease


@dataclass
class MemoryRegister:
    """The nodes and their leases, in memory."""

    now: float = 1_000.0
    leases: dict[str, LeaseRow] = field(default_factory=dict)
    rows: dict[str, NodeRow] = field(default_factory=dict)
    is_away: bool = False
    boots: int = 0
    heirs: dict[str, str] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    async def find(self, name: str) -> NodeRow | None:
        return self.rows.get(name)

    async def execute(self, ask: Ask) -> Answer:
        if self.is_away:
            raise OSError("no database")
        found = self.leases.get(ask.name)
        is_granted, fence = False, 1
        if ask.renew is not None:
            is_granted, fence = found is not None and found[1:3] == (ask.owner, ask.renew), ask.renew
        elif ask.seen is not None:
            is_granted = found is not None and found[1:4] == ask.seen[1:4] and found.until <= self.now
            fence = ask.seen.fence + 1
        elif ask.is_new:
            is_granted = found is None
        if is_granted:
            self.put(ask.name, ask.owner, fence, self.now + ask.seconds)
        found = self.leases.get(ask.name)
        return Answer(is_granted, found and found._replace(left=found.until - self.now))

    async def seize(self, name: str, owner: str, seconds: float) -> int | None:
        found = self.leases.get(node_lease(name))
        if found is None:
            return None
        self.put(found.name, owner, found.fence + 1, self.now + seconds)
        return found.fence + 1

    async def enter(
        self, fence: Fence, name: str, home: str, version: str, edge: str, doors: str = ""
    ) -> int:
        assert self.leases[fence.lease].fence == fence.number
        self.rows[name] = NodeRow(name, home, fence.number, "up", version, edge, self.now, 0.0)
        self.boots += 1
        return self.boots

    async def beat(self, ask: Ask, name: str) -> Beat:
        answer = await self.execute(ask)
        leases = [row._replace(left=row.until - self.now) for row in self.leases.values()]
        owners = dict(enumerate(self.rows, 1))
        return Beat(answer, list(self.rows.values()), leases, owners, dict(self.heirs), dict(self.moved))

    async def say(self, name: str, state: str) -> None:
        self.rows[name] = self.rows[name]._replace(state=state)

    def put(self, lease: str, owner: str, fence: int, until: float) -> None:
        self.leases[lease] = LeaseRow(lease, owner, fence, until, until - self.now)


@pytest.fixture
def register() -> MemoryRegister:
    return MemoryRegister()


EDGES = {name: ("192.0.2.7", 5060 + number) for number, name in enumerate("abc")}


def node(register: MemoryRegister, name: str = "a", home: str = "") -> Membership:
    host, port = EDGES[name]
    itself = Itself(name, home or f"home-{name}", "1.0", f"{host}:{port}")
    return Membership(register, itself, 10.0, clock=register.clock, sleep=register.sleep)


async def pair(register: MemoryRegister):
    """Two nodes; the second one notes whom it takes over from."""
    first, second = node(register, "a"), node(register, "b")
    relieved: list[tuple[str, bool]] = []

    async def relieve(name: str, seen: LeaseRow | None) -> bool:
        relieved.append((name, seen is None))
        lease = register.leases[node_lease(name)]
        register.put(lease.name, second.owner, lease.fence + 1, 0.0)
        return True

    second.relieve = relieve
    await first.join()
    await second.join()
    await second.beat()
    return first, second, relieved


def heard(member: Membership) -> list[object]:
    """What a node is told of its own standing, from now on."""
    told: list[object] = []
    member.on_stall = told.append
    member.on_lost = lambda: told.append("lost")
    return told


async def test_a_new_node_joins_at_once(register: MemoryRegister):
    member = node(register)
    fence = await member.join()

    assert (fence, member.may_act(), register.now) == (Fence("node:a", 1), True, 1_000.0)
    assert member.owners == {1: "a"}


async def introduced(register: MemoryRegister, name: str, edge: str | None = None, home: str = "") -> float:
    """Let a node begin; return how long it waits until it does anything."""
    member = node(register, name, home)
    if edge is not None:
        member.itself = replace(member.itself, edge=edge)
    await member.join()
    await member.beat()
    before = register.now
    await member.introduce()
    return register.now - before


async def test_a_new_node_waits_until_the_others_have_heard_of_it(register: MemoryRegister):
    """Each of them looks once in a beat; until then what it sends them is a stranger's."""
    assert await introduced(register, "a") == 0.0
    assert await introduced(register, "b") == 1.5 * 10.0 / BEATS
    assert await introduced(register, "b") == 0.0
    assert await introduced(register, "b", "192.0.2.9:5060") == 1.5 * 10.0 / BEATS


async def test_one_more_process_at_the_edge_of_another_waits_for_nobody(register: MemoryRegister):
    await introduced(register, "a")

    assert await introduced(register, "b", "192.0.2.7:5060") == 0.0


@pytest.mark.parametrize(("edge", "home", "is_told"), [
    ("192.0.2.7:5060", "home-b", True), ("192.0.2.7:5060", "home-a+2", False), ("192.0.2.8:5060", "home-b", False),
    ("", "home-b", False),
])  # fmt: skip
async def test_an_edge_that_another_node_has_is_told(
    register: MemoryRegister, edge: str, home: str, is_told: bool
):
    """Settings that were copied with all they say; the workers of one switch share theirs."""
    await introduced(register, "a")
    with capture_logs() as logs:
        await introduced(register, "b", edge, home)

    told = [line["other"] for line in logs if line["log_level"] == "warning"]
    assert told == (["a"] if is_told else [])


async def test_each_beat_compares_the_clock_with_that_of_the_database(register: MemoryRegister):
    member = node(register)
    await member.join()
    member.comparison = ClockComparison(lambda: register.now - 120.0)
    with capture_logs() as logs:
        await member.beat()

    assert [line["event"] for line in logs] == ["the clock of this machine is behind that of the database"]


async def test_one_that_is_started_again_with_its_folder_joins_at_once(register: MemoryRegister):
    await node(register).join()

    assert (await node(register).join()).number == 2
    assert register.now == 1_000.0


async def test_one_with_another_folder_waits_until_the_lease_is_over(register: MemoryRegister):
    await node(register, home="lost with its disk").join()
    member = node(register)

    assert (await member.join()).number == 2
    assert 1_010.0 <= register.now < 1_013.0


async def test_one_does_not_join_while_another_one_of_its_name_lives(register: MemoryRegister):
    first = node(register, home="here")
    await first.join()
    sleep = register.sleep

    async def sleep_while_it_beats(seconds: float) -> None:
        await sleep(seconds)
        await first.beat()

    register.sleep = sleep_while_it_beats
    with pytest.raises(NameTaken, match="give this one a name of its own"):
        await node(register, home="there").join()


async def test_a_node_that_says_nothing_is_taken_over_after_its_time(register: MemoryRegister):
    _, second, relieved = await pair(register)
    while not relieved and register.now < 1_100.0:
        await register.sleep(2.0)
        await second.beat()

    assert relieved == [("a", False)]
    assert 1_010.0 <= register.now <= 1_012.0
    await second.beat()
    assert relieved == [("a", False)]


@pytest.mark.parametrize("behind", [0.0, 0.01, 0.3, 0.9, 1.24])
@pytest.mark.parametrize("takes", [0.0, 0.01, 0.1])
async def test_a_node_that_says_nothing_is_taken_over_within_a_beat_of_its_time(
    register: MemoryRegister, behind: float, takes: float
):
    """Wherever in its own beats the watcher hears of the last one, and however long the database takes to answer."""
    first, second, relieved = await pair(register)
    beat, sleep, relieve = register.beat, register.sleep, second.relieve
    died_at = 0.0

    async def slow(ask: Ask, name: str) -> Beat:
        register.now += takes if name == "b" else 0.0
        return await beat(ask, name)

    async def sleep_while_it_lives(seconds: float) -> None:
        nonlocal died_at
        if register.now < 1_005.0:
            await sleep(behind)
            died_at = register.now
            await first.beat()
            seconds -= behind
        await sleep(seconds)

    async def take_and_end(name: str, seen: LeaseRow | None) -> bool:
        second._is_lost = True
        return relieve is not None and await relieve(name, seen)

    register.beat, second._sleep, second.relieve = slow, sleep_while_it_lives, take_and_end
    await second.run()
    took = register.now - died_at

    assert relieved == [("a", False)]
    assert 10.0 <= took <= 10.0 + 10.0 / BEATS + 2 * takes + 1e-6


async def test_a_node_that_lives_is_left_alone(register: MemoryRegister):
    first, second, relieved = await pair(register)
    for _ in range(20):
        await register.sleep(2.0)
        await first.beat()
        await second.beat()

    assert relieved == []
    assert first.living() == second.living() == ["a", "b"]


async def test_one_is_taken_over_at_once_when_somebody_says_that_it_is_no_more(register: MemoryRegister):
    _, second, relieved = await pair(register)

    assert await second.take_over("a")
    assert relieved == [("a", True)]
    assert (second.living(), second.edge_of("a")) == (["b"], EDGES["b"])


@pytest.mark.parametrize("beside", [frozenset("ab"), frozenset()], ids=["a worker", "a node"])
async def test_a_worker_whose_process_is_there_is_not_taken_over_whatever_somebody_says(
    register: MemoryRegister, beside: frozenset[str]
):
    """It would go on with what it has; nobody can say that of another node's."""
    _, second, relieved = await pair(register)
    second.beside, second.has_ended = beside, lambda name: False

    assert await second.take_over("a") is not bool(beside)
    assert bool(relieved) is not bool(beside)


async def test_one_that_was_taken_over_learns_it_and_stops(register: MemoryRegister):
    first, second, _ = await pair(register)
    told: list[str] = []
    first.on_lost = lambda: told.append("lost")
    await second.take_over("a")
    await first.beat()
    await first.beat()

    assert (told, first.is_lost, first.may_act()) == (["lost"], True, False)


async def test_one_without_a_database_acts_no_more_and_goes_on_when_it_is_back(register: MemoryRegister):
    member = node(register)
    await member.join()
    register.is_away = True
    await register.sleep(8.0)
    with pytest.raises(OSError, match="no database"):
        await member.beat()
    could_act = member.may_act()
    register.is_away = False
    await register.sleep(60.0)
    await member.beat()

    assert (could_act, member.may_act(), member.is_lost) == (False, True, False)


async def test_one_that_was_stopped_asks_before_it_looks_at_anything(register: MemoryRegister):
    first, second, _ = await pair(register)
    told = heard(first)
    sleep = register.sleep

    async def stopped(seconds: float) -> None:
        await sleep(30.0)
        await second.take_over("a")

    first._sleep = stopped
    await first.run()

    assert told == [True, "lost"]


async def test_an_answer_from_before_it_was_stopped_ends_no_doubt(register: MemoryRegister):
    """It was stopped while it asked, and its sockets noticed first."""
    first, second, _ = await pair(register)
    told = heard(first)
    beat = register.beat

    async def stopped(ask: Ask, name: str) -> Beat:
        answer = await beat(ask, name)
        if name == "a" and not told:
            await register.sleep(4.0)
            register.now += 26.0
            first.doubt()
            first.doubt()
            await second.take_over("a")
        return answer

    register.beat = stopped
    await first.run()

    assert told == [True, "lost"]


async def test_that_it_heard_nothing_while_it_was_stopped_ends_no_doubt(register: MemoryRegister):
    """The time in which it wanted an answer was over when it went on, which says nothing about the database."""
    first, second, _ = await pair(register)
    told = heard(first)
    beat = register.beat

    async def stopped(ask: Ask, name: str) -> Beat:
        if name == "a" and not told:
            register.now += 30.0
            first.doubt()
            await second.take_over("a")
            raise TimeoutError
        return await beat(ask, name)

    register.beat = stopped
    await first.run()

    assert told == [True, "lost"]


async def test_one_that_was_stopped_and_finds_no_database_keeps_what_it_has(register: MemoryRegister):
    first, _, _ = await pair(register)
    told: list[object] = []
    first.on_stall = told.append
    asked = 0

    async def away(ask: Ask, name: str) -> Beat:
        nonlocal asked
        asked += 1
        if not told:
            register.now += 30.0
            first.doubt()
        elif told[-1] is False:
            first.lost()  # so that it ends
        raise OSError("no database")

    register.beat = away
    await first.run()

    assert (told, asked) == ([True, False], 3)


async def test_one_that_was_stopped_and_is_not_lost_goes_on(register: MemoryRegister):
    first, _, _ = await pair(register)
    told: list[object] = []
    first.on_stall = told.append
    sleep = register.sleep

    async def stopped(seconds: float) -> None:
        if told:
            first.lost()  # so that it ends
        else:
            await sleep(30.0)

    first._sleep = stopped
    await first.run()

    assert told == [True, False]


async def test_all_know_who_acts_for_a_lost_node_until_it_is_back(register: MemoryRegister):
    _, second, _ = await pair(register)
    third = node(register, "c")
    moved: list[str] = []
    third.on_moved = lambda: moved.append("c")
    await third.join()
    await third.beat()
    before = third.edge_of("a"), third.moved(EDGES["a"]), third.acts_for("a")
    await second.take_over("a")
    register.rows["a"] = register.rows["a"]._replace(state="lost")
    register.heirs = {"a": "b", "b": "b", "c": "c"}
    await third.beat()
    await third.beat()

    assert before == (EDGES["a"], None, False)
    assert (third.edge_of("a"), third.moved(EDGES["a"]), third.is_up("a")) == (EDGES["b"], EDGES["b"], False)
    assert (second.acts_for("a"), third.acts_for("a"), moved) == (True, False, ["c"])
    register.rows["a"] = register.rows["a"]._replace(state="up")
    register.heirs = {"a": "a", "b": "b", "c": "c"}
    await third.beat()
    assert (third.edge_of("a"), third.moved(EDGES["a"])) == (EDGES["a"], None)


async def test_one_that_was_drained_hands_on_until_another_one_has_what_it_had(register: MemoryRegister):
    """It is no news that it is where it was."""
    _, second, _ = await pair(register)
    moved: list[str] = []
    second.on_moved = lambda: moved.append("b")
    await second.beat()
    register.rows["a"] = register.rows["a"]._replace(state="drained")
    await second.beat()

    assert (second.edge_of("a"), second.moved(EDGES["a"]), second.is_up("a")) == (EDGES["a"], None, False)
    assert moved == []
    await second.take_over("a")
    assert (second.edge_of("a"), moved) == (EDGES["b"], ["b"])


async def test_a_call_that_has_gone_to_another_node_is_that_ones_from_the_next_beat_on(
    register: MemoryRegister,
):
    first, second, _ = await pair(register)
    await first.beat()
    tag = "0123456789abcdef0-b1"
    before = second.owner_of(tag), second.has_moved(tag), second.is_on_its_way(tag)
    register.moved[tag] = second.boot_number
    await first.beat()
    await second.beat()

    assert before == ("a", False, False)
    assert (first.owner_of(tag), second.owner_of(tag), second.has_moved(tag)) == ("b", "b", True)
    assert (first.boot_of("b"), first.boot_of("c")) == (2, None)


async def test_one_that_was_given_away_is_the_others_at_once(register: MemoryRegister):
    first, _, _ = await pair(register)
    await first.beat()
    first.moved_tags.went(["0123456789abcdef0-b1"], 2)

    assert first.owner_of("0123456789abcdef0-b1") == "b"
    assert first.is_on_its_way("0123456789abcdef0-b1") is True

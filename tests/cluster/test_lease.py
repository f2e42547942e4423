"""Leases on a simulated clock and network: never two owners that both act."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sipwright.cluster.lease import Holder, Sighting, margin_of, silence_of
from sipwright.cluster.membership import BEATS
from sipwright.config.processes import ClusterSettings
from sipwright.services.leases import Answer, Ask, LeaseRow
from sipwright.store.writing.postgres_committer import HELD_FOR

SECONDS = 10.0
BEAT = SECONDS / BEATS


def row(owner="a", fence=1, until=100.0, left=5.0):
    return LeaseRow("roll-ups", owner, fence, until, left)


def holder(owner="a"):
    return Holder("roll-ups", owner, SECONDS)


def granted(fence=1, owner="a"):
    return Answer(True, row(owner, fence))


def taken(now=0.0):
    """A holder that has a lease which nobody had, asked for at an instant."""
    found = holder()
    found.answered(found.ask(now), now, Answer(False, None), now)
    found.answered(found.ask(now), now, granted(), now)
    return found


def test_a_lease_that_nobody_has_is_made():
    found = holder()
    first = found.ask(0.0)
    found.answered(first, 0.0, Answer(False, None), 0.1)

    assert first.only_looks
    assert found.ask(0.1).is_new


def test_an_owner_acts_from_when_it_asked_to_a_margin_before_the_end():
    found = taken(now=0.0)

    assert found.holds(SECONDS - margin_of(SECONDS) - 0.01)
    assert not found.holds(SECONDS - margin_of(SECONDS))


def test_what_is_answered_late_counts_from_when_it_was_asked():
    found = taken(now=0.0)
    found.answered(found.ask(2.0), 2.0, granted(), 9.0)

    assert found.holds(9.9)
    assert not found.holds(10.0)


def test_an_owner_whose_renewal_is_refused_acts_no_more():
    found = taken()
    ask = found.ask(1.0)

    assert not found.answered(ask, 1.0, Answer(False, row("b", 2)), 1.0)
    assert (found.holds(1.0), found.fence) == (False, None)


def test_a_lease_is_wanted_only_after_nobody_has_renewed_it_for_its_time():
    """The database may say that it is over because its clock was set."""
    sighting = Sighting(SECONDS)
    sighting.saw(row(left=-1.0), 100.0)

    assert not sighting.is_over(109.9)
    assert sighting.is_over(110.0)


def test_a_renewal_that_is_seen_begins_the_time_anew():
    sighting = Sighting(SECONDS)
    sighting.saw(row(until=100.0, left=-1.0), 100.0)
    sighting.saw(row(until=104.0, left=-1.0), 105.0)

    assert not sighting.is_over(112.0)


def test_a_lease_is_not_over_while_the_database_says_that_it_is_not():
    sighting = Sighting(SECONDS)
    sighting.saw(row(left=1.0), 0.0)

    assert not sighting.is_over(50.0)


def test_a_lease_that_was_given_back_may_be_taken_at_once():
    sighting = Sighting(SECONDS)
    sighting.saw(row(until=0.0, left=-1.0), 0.0)

    assert sighting.is_over(0.0)


def test_a_lease_whose_grant_was_not_heard_of_is_renewed_before_it_counts():
    found = holder()
    found.answered(found.ask(0.0), 0.0, Answer(False, row("a", 3)), 0.0)

    assert not found.holds(0.0)
    assert found.ask(0.0).renew == 3


def test_a_grant_that_comes_too_late_means_nothing():
    found = taken()
    renewal = found.ask(1.0)
    found.answered(found.ask(2.0), 2.0, Answer(False, row("b", 2)), 2.0)
    found.answered(renewal, 1.0, granted(), 3.0)

    assert not found.holds(3.0)


# The simulation: a database with a clock that is set, a network that holds messages up, processes that are stopped.


@dataclass
class SimulatedDatabase:
    """One lease by compare-and-set, as `store/live/leases.py` has it, and a thing that only its owner may write."""

    offset: float = 1e9
    lease: LeaseRow | None = None
    written_by: list[int] = field(default_factory=list)

    def execute(self, ask: Ask, now: float) -> Answer:
        """Do what is asked."""
        clock, lease = now + self.offset, self.lease
        is_granted = False
        if ask.renew is not None:
            is_granted = lease is not None and (lease.owner, lease.fence) == (ask.owner, ask.renew)
            fence = ask.renew
        elif ask.seen is not None:
            is_granted = lease is not None and lease[1:4] == ask.seen[1:4] and lease.until <= clock
            fence = ask.seen.fence + 1
        elif ask.is_new:
            is_granted, fence = lease is None, 1
        if is_granted:
            self.lease = LeaseRow(ask.name, ask.owner, fence, clock + ask.seconds, ask.seconds)
        elif lease is not None:
            self.lease = lease._replace(left=lease.until - clock)
        return Answer(is_granted, self.lease)

    def write(self, fence: int) -> bool:
        """Take a write that names its fence, unless a higher one is there."""
        if self.lease is None or self.lease.fence != fence:
            return False
        self.written_by.append(fence)
        return True


@dataclass
class SimulatedNode:
    """A process with a clock of its own, which goes on while the process does not."""

    name: str
    start: float
    rate: float
    wakes_at: float = 0.0
    boots: int = 0

    def __post_init__(self):
        self.boot()

    def boot(self):
        """Begin anew, knowing nothing."""
        self.boots += 1
        self.holder = Holder("calls", f"{self.name}/{self.boots}", SECONDS)

    def clock(self, now):
        """Return its own time."""
        return self.start + now * self.rate


class Simulation:
    """Nodes that want one lease, and what happens to them."""

    def __init__(self, seed, nodes, rates):
        self.random = Random(seed)
        self.database = SimulatedDatabase()
        self.nodes = [SimulatedNode(f"n{at}", 1_000.0 * at, rates[at % len(rates)]) for at in range(nodes)]
        self.now = 0.0
        self.owners = set()
        self._events = []
        self._number = count()
        for node in self.nodes:
            self.later(self.random.uniform(0, BEAT), self.beat, node, node.boots)

    def later(self, delay, what, *arguments):
        """Do something later."""
        heappush(self._events, (self.now + delay, next(self._number), what, arguments))

    def run(self, until):
        """Let time pass; at every instant at most one may act."""
        while self._events and self._events[0][0] < until:
            at, _, what, arguments = heappop(self._events)
            self.now = max(self.now, at)
            what(*arguments)
            acting = [node.name for node in self.nodes if node.holder.holds(node.clock(self.now))]
            assert len(acting) <= 1, acting
            self.owners |= set(acting)

    def beat(self, node, boot):
        """Let a node ask, unless it was started again since; a node that is stopped asks when it goes on."""
        if boot != node.boots:
            return
        if node.wakes_at > self.now:
            self.later(node.wakes_at - self.now, self.beat, node, boot)
            return
        asked_at = node.clock(self.now)
        ask = node.holder.ask(asked_at)
        if node.holder.fence is not None:
            self.later(self.delay(), self.database.write, node.holder.fence)
        self.later(self.delay(), self.arrive, node, boot, ask, asked_at)
        until_over = (node.holder.over_at - asked_at) / node.rate
        self.later(until_over if 0.0 < until_over < BEAT else BEAT, self.beat, node, boot)

    def arrive(self, node, boot, ask, asked_at):
        """Let the database do what was asked; the answer may be lost."""
        answer = self.database.execute(ask, self.now)
        if self.random.random() > 0.05:
            self.later(self.delay(), self.hear, node, boot, ask, asked_at, answer)

    def hear(self, node, boot, ask, asked_at, answer):
        """Let a node hear an answer."""
        if boot != node.boots:
            return
        if node.wakes_at > self.now:
            self.later(node.wakes_at - self.now, self.hear, node, boot, ask, asked_at, answer)
        else:
            node.holder.answered(ask, asked_at, answer, node.clock(self.now))

    def delay(self):
        """Return how long a message takes: a moment, or much longer than a lease."""
        return self.random.choice((0.001, 0.01, 0.01, 0.2, 3.0)) if self.random.random() > 0.03 else 25.0

    def disturb(self, kind, which):
        """Let something happen to a node, or to the database."""
        node = self.nodes[which % len(self.nodes)]
        if kind == "pause":
            node.wakes_at = self.now + 30.0
        elif kind == "kill":
            node.boot()
            self.later(1.0, self.beat, node, node.boots)
        else:
            self.database.offset += -600.0 if kind == "clock back" else 600.0


DISTURBANCES = st.lists(
    st.tuples(
        st.floats(0, 20),
        st.sampled_from(("pause", "kill", "clock forward", "clock back")),
        st.integers(0, 2),
    ),
    max_size=8,
)


@settings(max_examples=150)
@given(
    st.integers(0, 2**32),
    st.integers(2, 3),
    DISTURBANCES,
    st.lists(st.floats(0.98, 1.02), min_size=3, max_size=3),
)
def test_never_two_owners_that_both_act(seed, nodes, disturbances, rates):
    """Pauses of 30 s, clocks that are set by ten minutes, a database that answers 25 s late, clocks that go wrong."""
    simulation = Simulation(seed, nodes, rates)
    at = 0.0
    for wait, kind, which in disturbances:
        at += wait
        simulation.run(at)
        simulation.disturb(kind, which)
    simulation.run(at + 60.0)
    written = simulation.database.written_by

    assert written == sorted(written)


@pytest.mark.parametrize("kind", ["pause", "kill"])
def test_another_one_takes_over_within_the_time_of_the_lease(kind):
    simulation = Simulation(1, 2, (1.0,))
    simulation.delay = lambda: 0.01
    simulation.run(30.0)
    (first,) = simulation.owners
    simulation.owners.clear()
    simulation.disturb(kind, int(first[1:]))
    simulation.nodes[int(first[1:])].boots += kind == "kill"  # and it does not come back
    simulation.run(45.0)

    assert simulation.owners - {first} != set()


@pytest.mark.parametrize(("seconds", "silence"), [(2.0, 1), (3.9, 1), (4.0, 2), (10.0, 5), (300.0, 5)])
def test_a_server_waits_for_half_of_a_lease_and_never_for_long(seconds: float, silence: int):
    assert silence_of(seconds) == silence


@given(st.floats(2.0, 300.0))
def test_whoever_takes_a_lease_waits_for_no_transaction_of_its_owner(lost_after: float):
    """A process that is stopped in one has renewed its lease a beat before at most, and keeps its row locked."""
    ClusterSettings(lost_after=lost_after)
    may_be_asked_for = lost_after - lost_after / BEATS

    assert max(silence_of(lost_after), HELD_FOR) < may_be_asked_for


def test_no_shorter_lease_can_be_set():
    with pytest.raises(ValidationError):
        ClusterSettings(lost_after=1.9)

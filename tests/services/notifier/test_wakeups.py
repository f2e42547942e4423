from math import inf
from types import SimpleNamespace

import pytest

from sipwright.services.notifier.teller import GATHER
from sipwright.services.notifier.wakeups import MOST_AT_ONCE, SOON, TURN, Wakeups


class Room:
    """Wakeups on a clock that jumps from one timer to the next."""

    def __init__(self):
        self.now = 100.0
        self.timers = []
        self.woken = []
        self.wakeups = Wakeups(lambda: self.now, self.call_later, self.wake)

    def call_later(self, delay, call, *args):
        timer = SimpleNamespace(at=self.now + delay, call=call, args=args)
        timer.cancel = lambda: self.timers.remove(timer)
        self.timers.append(timer)
        return timer

    def wake(self, subscribers):
        self.woken += [(round(self.now, 6), one.name) for one in subscribers]

    def run_until(self, until):
        while (timer := min(self.timers, key=lambda one: one.at, default=None)) and timer.at <= until:
            self.timers.remove(timer)
            self.now = max(self.now, timer.at)
            timer.call(*timer.args)
        self.now = until


class Sleeper(SimpleNamespace):
    __hash__ = object.__hash__


def sleeper(name):
    return Sleeper(name=name, is_soon=False, wakes_at=inf)


@pytest.fixture
def room():
    return Room()


def test_those_that_are_due_within_a_turn_come_together_and_never_early(room):
    for name, due in (("a", 100.501), ("b", 100.519), ("c", 100.521)):
        room.wakeups.set(sleeper(name), due)
    assert len(room.timers) == 2
    room.run_until(110)

    assert room.woken == [(100.52, "a"), (100.52, "b"), (100.54, "c")]
    assert room.timers == []


def test_one_that_waits_for_a_moment_has_one_place(room):
    one = sleeper("a")
    for due in (100.5, 100.3, 101.9):
        room.wakeups.set(one, due)
    room.run_until(110)
    room.wakeups.set(one, 109.0)
    room.run_until(111)

    assert room.woken == [(100.5, "a"), (110.0, "a")]


def test_whoever_waits_long_is_woken_at_the_earliest_instant(room):
    one, other = sleeper("a"), sleeper("b")
    room.wakeups.set(one, 3700.0)
    room.wakeups.set(one, 3800.0)
    room.wakeups.set(other, 200.0)
    room.wakeups.set(one, 300.0)
    assert (one.wakes_at, other.wakes_at) == (300.0, 200.0)
    room.run_until(4000)

    assert room.woken == [(200.0, "b"), (300.0, "a")]
    assert (one.wakes_at, room.timers) == (inf, [])


def test_a_short_wait_does_not_end_a_long_one(room):
    one = sleeper("a")
    room.wakeups.set(one, 100.0 + 2 * SOON)
    room.wakeups.set(one, 100.5)
    room.run_until(110)

    assert room.woken == [(100.5, "a"), (104.0, "a")]


def test_one_that_is_dropped_does_not_come(room):
    one = sleeper("a")
    room.wakeups.set(one, 200.0)
    room.wakeups.drop(one)
    room.run_until(300)

    assert room.woken == []


def test_many_whose_long_wait_ends_leave_the_loop_its_turns(room):
    for number in range(2 * MOST_AT_ONCE + 1):
        room.wakeups.set(sleeper(number), 200.0)
    turns = []
    room.wakeups._wake = lambda due: turns.append(len(due))
    room.run_until(201)

    assert turns == [MOST_AT_ONCE, MOST_AT_ONCE, 1]


def test_a_turn_is_short_beside_what_a_change_may_wait():
    """A change is to be told within 300 ms."""
    assert GATHER + TURN < 0.2

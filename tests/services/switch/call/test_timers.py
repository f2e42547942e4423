"""One timer of the clock for all calls."""

from math import inf

import pytest

from sipwright.services.switch.call.entity import Timers


class Handle:
    def __init__(self):
        self.is_cancelled = False

    def cancel(self):
        self.is_cancelled = True


class Sleeper:
    def __init__(self, timers, name):
        self.timers, self.name = timers, name
        self.wakes_at = inf
        self.woken = []
        self.is_faulty = False

    def sleep_until(self, due):
        self.wakes_at = due
        self.timers.set(due, self.name)

    def wake(self, now):
        self.wakes_at = inf
        if self.is_faulty:
            raise RuntimeError(self.name)
        self.woken.append(now)


class Room:
    """The clock, and those who sleep."""

    def __init__(self):
        self.now = 1000.0
        self.handles = []
        self.sleepers = {}
        self.unread_since = inf
        self.timers = Timers(lambda: self.now, self._call_later, self.sleepers.get, lambda: self.unread_since)

    def _call_later(self, delay, callback):
        handle = Handle()
        self.handles.append((self.now + delay, handle, callback))
        return handle

    def sleeper(self, name):
        return self.sleepers.setdefault(name, Sleeper(self.timers, name))

    def armed(self):
        return [at for at, handle, _ in self.handles if not handle.is_cancelled]

    def run_until(self, end):
        while self.armed() and min(self.armed()) <= end:
            at = min(self.armed())
            index = next(
                i for i, (due, handle, _) in enumerate(self.handles) if due == at and not handle.is_cancelled
            )
            _, _, callback = self.handles.pop(index)
            self.now = at
            callback()
        self.now = end


@pytest.fixture
def room():
    return Room()


def test_everybody_wakes_at_the_time_that_was_asked_for_last(room):
    for name, due in (("b", 1005.0), ("a", 1002.0), ("c", 1009.0)):
        room.sleeper(name).sleep_until(due)
    room.sleeper("b").sleep_until(1004.0)
    assert room.armed() == [1002.0]
    room.run_until(1020.0)

    assert [room.sleepers[name].woken for name in "abc"] == [[1002.0], [1004.0], [1009.0]]
    assert room.armed() == []


def test_nobody_wakes_before_what_had_come_by_then_is_read(room):
    for name, due in (("a", 1002.0), ("b", 1004.0)):
        room.sleeper(name).sleep_until(due)
    room.unread_since = 1003.0
    room.run_until(1010.0)
    assert (room.sleepers["a"].woken, room.sleepers["b"].woken) == ([1002.0], [])

    room.unread_since = inf
    room.run_until(1011.0)
    assert len(room.sleepers["b"].woken) == 1


def test_who_is_gone_does_not_ring_for_those_behind_it(room):
    """With many calls, most entries are of some that are over: they cost no timer of the loop."""
    for number in range(10):
        room.sleeper(str(number)).sleep_until(1001.0 + number)
    for number in range(9):
        room.timers.drop(str(number))
    room.run_until(1001.0)

    assert room.armed() == [1010.0]


def test_who_went_without_a_word_is_passed_over(room):
    room.sleeper("gone").sleep_until(1001.0)
    room.sleeper("b").sleep_until(1001.0)
    del room.sleepers["gone"]
    room.run_until(1001.0)

    assert (room.sleepers["b"].woken, room.armed()) == ([1001.0], [])


def test_who_sleeps_on_in_its_alarm_is_woken_again(room):
    sleeper = room.sleeper("a")
    sleeper.sleep_until(1001.0)
    sleeper.wake = lambda now: (
        sleeper.woken.append(now),
        len(sleeper.woken) < 3 and sleeper.sleep_until(now + 1),
    )
    room.run_until(1010.0)

    assert sleeper.woken == [1001.0, 1002.0, 1003.0]


def test_one_that_fails_does_not_cost_the_others(room):
    room.sleeper("1, faulty").sleep_until(1001.0)
    room.sleeper("2").sleep_until(1001.0)
    room.sleepers["1, faulty"].is_faulty = True
    with pytest.raises(RuntimeError):
        room.run_until(1001.0)
    room.run_until(1001.0)

    assert room.sleepers["2"].woken == [1001.0]


def test_nothing_is_kept_of_those_that_are_gone(room):
    """Most calls are over long before the probe that they have armed would come."""
    living = room.sleeper("living")
    living.sleep_until(9000.0)
    for number in range(10_000):
        room.timers.set(2000.0 + number, f"gone {number}")
        room.timers.drop(f"gone {number}")

    assert (len(room.timers._heap), len(room.timers._heap._heap) < 200) == (1, True)
    room.run_until(9000.0)
    assert living.woken == [9000.0]


def test_nothing_stays_with_the_clock_when_nobody_is_left(room):
    room.sleeper("a").sleep_until(1001.0)
    room.timers.clear()
    assert room.armed() == []
    room.sleeper("a").sleep_until(1002.0)
    room.run_until(1010.0)

    assert room.sleepers["a"].woken == [1002.0]

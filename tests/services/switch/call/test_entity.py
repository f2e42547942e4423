"""What a call does with its changes, its messages and its timers, whatever it is about."""

import pytest

from sipwright.services.switch.call.entity import Entity, Timers
from sipwright.sip import Reject


class Alarm:
    def __init__(self, at, callback):
        self.at, self.callback = at, callback
        self.is_cancelled = False

    def cancel(self):
        self.is_cancelled = True


class World:
    """The clock and the database, as a switch lends them to its calls."""

    def __init__(self):
        self.now = 1000.0
        self.handles = []
        self.things = {}
        self.timers = Timers(self.clock, self.call_later, self.things.get)

    def clock(self):
        return self.now

    def wall_clock(self):
        return 1_700_000_000.0 + self.now

    def call_later(self, delay, callback):
        self.handles.append(Alarm(self.now + delay, callback))
        return self.handles[-1]

    def armed(self):
        return [alarm for alarm in self.handles if not alarm.is_cancelled]

    def run(self, seconds):
        end = self.now + seconds
        while due := [alarm for alarm in self.armed() if alarm.at <= end]:
            alarm = min(due, key=lambda alarm: alarm.at)
            self.handles.remove(alarm)
            self.now = max(self.now, alarm.at)
            alarm.callback()
        self.now = end


class Thing(Entity):
    def __init__(self, world):
        super().__init__(world, "thing")
        world.things["thing"] = self
        self.ran_out, self.commits, self.is_refused = [], [], False

    def timer(self, name):
        if name == "faulty":
            raise RuntimeError(name)
        self.ran_out.append((name, self.ports.now))

    def store(self, on_commit):
        if self.is_refused:
            raise Reject(503)
        self.commits.append(on_commit)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def thing(world):
    return Thing(world)


def test_timers_run_out_one_by_one_and_share_one_of_the_clocks(world, thing):
    for name, delay in (("late", 9.0), ("early", 2.0), ("middle", 5.0)):
        thing.arm(name, delay)
    assert len(world.armed()) == 1
    world.run(6.0)

    assert thing.ran_out == [("early", 1002.0), ("middle", 1005.0)]
    assert thing.timers == {"late": world.wall_clock() + 3.0}


def test_a_timer_that_is_moved_runs_out_at_its_new_time(world, thing):
    thing.arm("ring", 5.0)
    thing.arm("ring", 20.0)
    thing.arm("limit", 8.0)
    thing.arm("limit", 3.0)
    world.run(30.0)

    assert thing.ran_out == [("limit", 1003.0), ("ring", 1020.0)]
    assert (thing.timers, world.armed()) == ({}, [])


def test_a_timer_that_was_called_off_does_not_run_out(world, thing):
    thing.arm("ring", 5.0)
    thing.arm("probe", 6.0)
    thing.disarm("ring")
    world.run(5.5)
    thing.disarm_all()
    world.run(60.0)

    assert (thing.ran_out, world.armed()) == ([], [])


def test_what_is_over_is_not_woken(world, thing):
    thing.arm("ring", 5.0)
    thing.rest()
    world.run(60.0)

    assert (thing.timers, thing.ran_out, world.armed()) == ({}, [], [])


def test_an_alarm_that_comes_early_is_asked_to_come_again(world, thing):
    """A loop counts a delay from when its iteration began, which may be a moment ago."""
    thing.arm("ring", 5.0)
    world.handles[0].at -= 0.5
    world.run(4.6)
    assert thing.ran_out == []
    world.run(1.0)

    assert thing.ran_out == [("ring", 1005.0)]


def test_a_timer_that_fails_does_not_cost_the_others(world, thing):
    thing.arm("faulty", 5.0)
    thing.arm("ring", 5.001)
    with pytest.raises(RuntimeError):
        world.run(10.0)
    world.run(10.0)

    assert [name for name, _ in thing.ran_out] == ["ring"]


def test_what_is_told_waits_for_all_that_has_changed_before(thing):
    told = []
    with thing.event():
        thing.changed()
        thing.when_stored(lambda: told.append(1))
    with thing.event():
        thing.when_stored(lambda: told.append(2))
    with thing.event():
        thing.changed()
        thing.when_stored(lambda: told.append(3))
    assert told == []

    first, second = thing.commits
    first()
    assert told == [1, 2]
    second()
    assert told == [1, 2, 3]
    with thing.event():
        thing.when_stored(lambda: told.append(4))
    assert told == [1, 2, 3, 4]


def test_a_state_that_the_queue_did_not_take_is_not_told(world, thing):
    told = []
    thing.is_refused = True
    with thing.event():
        thing.changed()
        thing.when_stored(lambda: told.append(1))

    assert (told, thing.is_stored_soon, list(thing.timers)) == ([], False, ["settle"])


def test_an_event_inside_another_is_a_part_of_it(thing):
    told = []
    with thing.event():
        with thing.event():
            thing.changed()
            thing.when_stored(lambda: told.append(1))
        assert thing.commits == []
        thing.changed()
        thing.when_stored(lambda: told.append(2))
    (commit,) = thing.commits
    commit()

    assert told == [1, 2]


def test_what_was_noted_before_an_exception_is_stored_and_told(thing):
    """The state in memory is what the entity goes on with, so that is what the next process must find."""
    told = []

    def fail():
        with thing.event():
            thing.changed()
            thing.when_stored(lambda: told.append(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    (commit,) = thing.commits
    commit()

    assert (told, thing.is_stored_soon) == ([1], True)


def test_an_event_that_what_was_told_leads_to_is_one_of_its_own(thing):
    """A transport that fails at once, say: what is told then has its answer before the telling returns."""
    told = []

    def fails():
        with thing.event():
            thing.changed()
            thing.when_stored(lambda: told.append("failed"))

    with thing.event():
        thing.when_stored(fails)
    (commit,) = thing.commits
    commit()

    assert told == ["failed"]


def test_a_state_that_was_refused_is_stored_a_second_later(world, thing):
    told = []
    thing.is_refused = True
    with thing.event():
        thing.changed()
        thing.when_stored(lambda: told.append(1))
    thing.is_refused = False
    world.run(1.5)
    (commit,) = thing.commits
    commit()

    assert told == [1]

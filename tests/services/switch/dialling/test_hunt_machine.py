"""The rules of one dial, without a switch: what is told a machine, and what it asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipwright.services.switch.dialling.hunt_events import (
    RING_TIME_OVER,
    Add,
    Arm,
    Begin,
    Cancel,
    Candidate,
    Close,
    Disarm,
    Failure,
    Find,
    Follow,
    Found,
    GiveUp,
    Heard,
    Join,
    Launch,
    Leave,
    Progress,
    Provisional,
    Stop,
    Success,
    TimeIsUp,
    Way,
)
from sipwright.services.switch.dialling.hunt_machine import (
    MAX_REDIRECTS,
    NO_ANSWER,
    OVER,
    RINGING,
    WAITING,
    HuntLeg,
    HuntMachine,
)
from sipwright.services.switch.model.outcome import ELSEWHERE, SILENT, LegResult, Outcome

BUSY, DECLINED, MOVED = (
    Outcome(486, "Busy Here"),
    Outcome(603, "Decline"),
    Outcome(302, "Moved", (("x", "y"),)),
)
GONE = Outcome(487, "Request Terminated")


def told(machine, *events, now=0.0):
    """Return what a machine asks for when it is told something."""
    for event in events:
        machine.handle(event, now)
    return list(machine.effects())


def candidates(*names, **said):
    return Found([Candidate(name, name.upper(), **said) for name in names])


def ways(*contacts, **preferences):
    """Return where a redirect leads: Contacts, and user parts at x with what they are preferred at, in hundredths."""
    return [
        *(Way(contact) for contact in contacts),
        *(Way(f"sip:{user}@x", q=q / 100) for user, q in preferences.items()),
    ]


def launched(effects):
    return [effect.leg for effect in effects if isinstance(effect, Launch)]


def ringing(*names, groups=(), **options):
    """Return a machine whose first group rings."""
    machine = HuntMachine(groups, 30.0, **options)
    told(machine, candidates(*names))
    return machine


# Groups.


def test_the_legs_of_a_group_are_tried_at_once():
    machine = HuntMachine(["first", "second"], 30.0)

    assert told(machine, Begin()) == [Find("first")]
    assert told(machine, candidates("bob", "carol")) == [
        Arm(RING_TIME_OVER, 30.0),
        Add(1, "BOB", is_waiting=False),
        Add(2, "CAROL", is_waiting=False),
        Launch(1),
        Launch(2),
    ]


def test_whom_to_ring_may_be_known_from_the_start():
    machine = HuntMachine((), 30.0, first=4)

    assert told(machine, candidates("bob"))[1:] == [Add(4, "BOB", is_waiting=False), Launch(4)]


def test_the_next_group_rings_when_all_of_one_have_failed():
    machine = ringing("bob", "carol", groups=["second"])

    assert told(machine, Failure(1, BUSY)) == [Close(1, BUSY, "callee")]
    assert told(machine, Failure(2, BUSY, by="switch")) == [
        Close(2, BUSY, "switch"),
        Disarm(RING_TIME_OVER),
        Find("second"),
    ]


def test_the_next_group_rings_when_the_ring_time_is_over():
    machine = ringing("bob", "carol", groups=["second"])

    assert told(machine, TimeIsUp(RING_TIME_OVER)) == [
        Cancel(1, NO_ANSWER),
        Cancel(2, NO_ANSWER),
        Find("second"),
    ]


def test_a_group_that_leads_nowhere_is_passed_over():
    machine = HuntMachine(["first", "second"], 30.0)

    assert told(machine, Begin(), Found([])) == [Find("first"), Find("second")]
    assert told(machine, Found([])) == [GiveUp(Outcome(480, "Temporarily Unavailable"))]


def test_nothing_to_ring_at_all_is_over_at_once():
    assert told(HuntMachine((), 30.0), Begin()) == [GiveUp(Outcome(480, "Temporarily Unavailable"))]


def test_a_call_tries_no_more_legs_than_it_may():
    machine = HuntMachine(["second"], 30.0, first=3, most=4)

    assert [effect.leg for effect in told(machine, candidates("a", "b", "c")) if isinstance(effect, Add)] == [
        3,
        4,
    ]
    told(machine, Failure(3, BUSY))
    assert told(machine, Failure(4, BUSY))[-1] == Find("second")
    assert told(machine, candidates("d")) == [GiveUp(BUSY)]


# Delays.


def test_a_delayed_leg_is_tried_when_its_delay_is_over():
    machine = HuntMachine((), 30.0)
    found = Found([Candidate("bob", "BOB"), Candidate("carol", "CAROL", delay=5.0)])

    assert told(machine, found) == [
        Arm(RING_TIME_OVER, 30.0),
        Add(1, "BOB", is_waiting=False),
        Add(2, "CAROL", is_waiting=True),
        Launch(1),
        Arm(2, 5.0),
    ]
    assert told(machine, TimeIsUp(2)) == [Launch(2)]
    assert told(machine, TimeIsUp(2)) == []


def test_delayed_legs_are_tried_at_once_when_nobody_else_is_left():
    machine = HuntMachine((), 30.0)
    told(machine, Found([Candidate("bob", 0), Candidate("carol", 0, 5.0), Candidate("dave", 0, 9.0)]))

    assert told(machine, Failure(1, BUSY)) == [
        Close(1, BUSY, "callee"),
        Disarm(2),
        Launch(2),
        Disarm(3),
        Launch(3),
    ]


def test_there_is_no_delay_when_every_leg_has_one():
    assert told(HuntMachine((), 30.0), candidates("bob", delay=5.0)) == [
        Arm(RING_TIME_OVER, 30.0),
        Add(1, "BOB", is_waiting=True),
        Arm(1, 5.0),
        Disarm(1),
        Launch(1),
    ]


def test_a_leg_that_waits_is_called_off_with_its_timer():
    machine = HuntMachine((), 30.0)
    told(machine, Found([Candidate("bob", 0), Candidate("carol", 0, 5.0)]))

    assert told(machine, Stop(GONE)) == [Cancel(1, GONE), Disarm(2), Cancel(2, GONE), Disarm(RING_TIME_OVER)]


# Answers.


def test_the_first_answer_wins():
    machine = ringing("bob", "carol", groups=["second"])

    assert told(machine, Success(2, "200")) == [Cancel(1, ELSEWHERE), Disarm(RING_TIME_OVER), Join(2, "200")]
    assert told(machine, Success(1, "200"), Failure(1, BUSY), TimeIsUp(RING_TIME_OVER), Stop(GONE)) == []


def test_a_6xx_ends_it_all():
    """RFC 3261 §16.7 step 5."""
    machine = ringing("bob", "carol", groups=["second"])

    assert told(machine, Failure(1, DECLINED)) == [
        Close(1, DECLINED, "callee"),
        Cancel(2, DECLINED),
        Disarm(RING_TIME_OVER),
        GiveUp(DECLINED),
    ]


def test_the_best_response_of_all_groups_is_reported():
    """RFC 3261 §16.7 step 6."""
    machine = ringing("bob", groups=["second"])
    told(machine, Failure(1, BUSY), candidates("carol"))

    assert told(machine, Failure(2, Outcome(503, "Unreachable")))[-1] == GiveUp(BUSY)


@pytest.mark.parametrize("machine", [HuntMachine(["first"], 30.0), HuntMachine((), 30.0)])
def test_a_hunt_may_be_stopped_before_it_begins(machine):
    assert told(machine, Stop(GONE)) == []
    assert told(machine, Begin(), candidates("bob")) == []
    assert machine.state == OVER


def test_a_hunt_may_be_stopped_while_a_group_is_looked_up():
    machine = HuntMachine(["first"], 30.0)

    assert told(machine, Begin(), Stop(GONE), candidates("bob")) == [Find("first")]


# What the caller hears.


def test_the_caller_hears_of_each_status_once():
    machine = ringing("bob", "carol", "dave")

    assert told(machine, Provisional(1, 180, has_media=False, message="180")) == [Progress(1, False, "180")]
    assert told(machine, Provisional(2, 180, has_media=False, message="180")) == []
    assert told(machine, Provisional(3, 181, has_media=False, message="181")) == [Progress(3, False, "181")]
    assert [leg.state for leg in machine.legs] == [RINGING] * 3


def test_the_caller_hears_the_media_of_the_first_leg_that_has_some():
    machine = ringing("bob", "carol")
    told(machine, Provisional(1, 180, has_media=False, message=None))

    assert told(machine, Provisional(2, 183, has_media=True, message="a")) == [Progress(2, True, "a")]
    assert told(machine, Provisional(1, 183, has_media=True, message="b")) == []
    assert told(machine, Provisional(1, 182, has_media=False, message="c")) == []
    assert told(machine, Provisional(2, 183, has_media=True, message="d")) == [Progress(2, True, "d")]
    assert told(machine, Provisional(2, 180, has_media=False, message="e")) == [Progress(2, False, "e")]


def test_what_the_caller_has_heard_before_is_not_said_again():
    machine = ringing("bob", first=2, heard=180)

    assert told(machine, Provisional(2, 180, has_media=False, message=None)) == []


@pytest.mark.parametrize(
    "over",
    [
        Failure(1, BUSY),
        Failure(1, MOVED, ways("sip:a@x")),
        Provisional(2, 100, has_media=False, message=None),
    ],
)
def test_when_the_leg_fails_whose_media_the_caller_hears_it_hears_another(over):
    """RFC 3261 §13.2.2.1: its early dialog is over; what the others have said was kept back until now."""
    machine = ringing("bob", "carol", "dave")
    told(machine, Provisional(1, 183, has_media=True, message="a"))
    told(machine, Provisional(3, 183, has_media=True, message="c"), Provisional(3, 180, False, "d"))
    told(machine, Provisional(2, 180, has_media=False, message="b"))

    heard = [effect for effect in told(machine, over) if isinstance(effect, Progress)]
    assert heard == ([] if isinstance(over, Provisional) else [Progress(3, True, "c")])


def test_when_nobody_else_has_said_anything_the_caller_hears_whoever_is_next():
    machine = ringing("bob", "carol", groups=["second"])
    told(machine, Provisional(1, 180, has_media=False, message=None))
    told(machine, Provisional(1, 183, has_media=True, message=None))

    assert not [it for it in told(machine, Failure(1, BUSY)) if isinstance(it, Progress)]
    assert told(machine, Provisional(2, 183, has_media=False, message="b")) == [Progress(2, False, "b")]
    told(machine, Failure(2, BUSY), candidates("dave"))
    assert told(machine, Provisional(3, 180, has_media=False, message="c")) == [Progress(3, False, "c")]


def test_media_of_an_earlier_hunt_is_not_heard_any_more():
    machine = ringing("bob", first=2, heard=183, heard_leg=1)

    assert told(machine, Provisional(2, 183, has_media=True, message="a")) == [Progress(2, True, "a")]


# Redirects.


def test_a_redirect_is_followed_in_place_of_the_leg():
    """RFC 3261 §8.1.3.4."""
    machine = ringing("bob")

    assert told(machine, Failure(1, MOVED, ways("sip:a@x", "sip:b@x"))) == [
        Close(1, Outcome(302, "Moved"), "callee"),
        Follow(2, 1, "sip:a@x"),
        Launch(2),
        Follow(3, 1, "sip:b@x"),
        Launch(3),
    ]


def test_a_redirect_that_was_followed_is_not_the_best_response():
    """RFC 3261 §16.7 step 4: it does not count any more; one that is left to the script does."""
    machine = ringing("bob")
    told(machine, Failure(1, MOVED, ways("sip:a@x")))
    assert told(machine, Failure(2, BUSY))[-1] == GiveUp(BUSY)

    machine = HuntMachine((), 30.0)
    told(machine, Found([Candidate("bob", 0, is_followed=False), Candidate("carol", 0)]))
    told(machine, Failure(1, MOVED, ways("sip:a@x")))
    assert told(machine, Failure(2, BUSY))[-1] == GiveUp(MOVED)


def test_a_redirect_is_followed_only_so_often():
    machine = ringing("bob")
    for number in range(1, MAX_REDIRECTS + 1):
        told(machine, Failure(number, MOVED, ways("sip:a@x")))

    assert told(machine, Failure(MAX_REDIRECTS + 1, MOVED, ways("sip:a@x")))[0] == Close(6, MOVED, "callee")
    assert machine.state == OVER


def test_a_redirect_is_followed_to_so_many_at_most():
    machine = ringing("bob", most=9)
    contacts = [f"sip:{number}@x" for number in range(20)]

    followed = told(machine, Failure(1, MOVED, ways(*contacts)))
    assert [effect.contact for effect in followed if isinstance(effect, Follow)] == contacts[:MAX_REDIRECTS]
    followed = told(machine, Failure(2, MOVED, ways(*contacts)))
    assert [effect.contact for effect in followed if isinstance(effect, Follow)] == contacts[:3]
    assert told(machine, Failure(3, MOVED, ways(*contacts))) == [Close(3, MOVED, "callee")]


def test_the_preferred_contacts_of_a_redirect_are_tried_first():
    """RFC 3261 §8.1.3.4: equal ones at once, lower ones when those have failed."""
    machine = ringing("bob")

    followed = told(machine, Failure(1, MOVED, ways(d=20, a=90, c=50, b=90)))
    assert followed[1:] == [
        Follow(2, 1, "sip:a@x"),
        Launch(2),
        Follow(3, 1, "sip:b@x"),
        Launch(3),
        Follow(4, 1, "sip:c@x", is_waiting=True),
        Follow(5, 1, "sip:d@x", is_waiting=True),
    ]
    assert launched(told(machine, Failure(3, BUSY))) == []
    assert launched(told(machine, Failure(2, BUSY))) == [4]
    assert launched(told(machine, Failure(4, BUSY))) == [5]
    assert told(machine, Failure(5, BUSY))[-1] == GiveUp(BUSY)


def test_a_less_preferred_contact_waits_for_whom_the_preferred_one_redirects_to():
    machine = ringing("bob", "carol")

    told(machine, Failure(1, MOVED, ways(a=90, b=10)))
    assert launched(told(machine, Failure(3, MOVED, ways(c=90, d=10)))) == [5]
    assert launched(told(machine, Failure(5, BUSY))) == [6]
    assert launched(told(machine, Failure(6, BUSY))) == [4]
    assert told(machine, Failure(4, BUSY)) == [Close(4, BUSY, "callee")]
    assert told(machine, Failure(2, BUSY))[-1] == GiveUp(BUSY)


def test_a_less_preferred_contact_is_not_tried_once_somebody_answers_or_declines():
    machine = ringing("bob")
    told(machine, Failure(1, MOVED, ways(a=90, b=10)))
    assert Cancel(3, ELSEWHERE) in told(machine, Success(2, "200"))

    machine = ringing("bob")
    told(machine, Failure(1, MOVED, ways(a=90, b=10)))
    assert launched(told(machine, Failure(2, DECLINED))) == []
    assert machine.state == OVER


def test_a_less_preferred_contact_still_waits_in_another_process():
    legs = [
        HuntLeg(1, "bob", 0.0, OVER),
        HuntLeg(2, "sip:a@x", 0.0, redirects=1, redirected_by=1, q=0.9),
        HuntLeg(3, "sip:b@x", 0.0, WAITING, redirects=1, redirected_by=1, q=0.1),
    ]

    assert launched(told(HuntMachine((), 30.0, legs=legs), Failure(2, BUSY))) == [3]


def test_a_redirect_without_a_contact_is_a_failure():
    assert told(ringing("bob"), Failure(1, MOVED))[0] == Close(1, MOVED, "callee")


def test_a_redirect_may_be_left_to_the_script():
    machine = HuntMachine((), 30.0)
    told(machine, candidates("bob", is_followed=False), now=2.0)

    assert told(machine, Failure(1, MOVED, ways(b=10, a=90)), now=3.0) == [
        Close(1, MOVED, "callee", "sip:a@x"),
        Disarm(RING_TIME_OVER),
        GiveUp(MOVED),
    ]
    assert machine.results() == [LegResult("bob", 302, "Moved", 1.0, "sip:a@x")]


# Servers that say nothing at all.


def server(*names, groups=(), **options):
    """Return a machine that tries servers, each of which has four seconds to say something."""
    machine = HuntMachine(groups, 30.0)
    told(machine, candidates(*names, answer_within=4.0, **options))
    return machine


def test_a_server_that_says_nothing_is_given_up_and_the_next_group_rings():
    machine = HuntMachine(["second"], 30.0)

    assert told(machine, candidates("a", answer_within=4.0))[-2:] == [Launch(1), Arm(-1, 4.0)]
    assert told(machine, TimeIsUp(-1), now=4.0) == [Cancel(1, SILENT), Disarm(RING_TIME_OVER), Find("second")]
    assert machine.results() == [LegResult("a", 408, "No Response", 4.0)]


@pytest.mark.parametrize(
    "event",
    [Heard(1), Provisional(1, 180, has_media=False, message=None), Failure(1, BUSY), Success(1, None)],
)
def test_whatever_a_server_says_it_is_there(event):
    machine = server("a", "b")

    assert Disarm(-1) in told(machine, event)
    assert told(machine, TimeIsUp(-1)) == []


def test_a_silent_server_does_not_end_its_group():
    machine = server("a", "b", groups=["second"])
    told(machine, Heard(2))

    assert told(machine, TimeIsUp(-1)) == [Cancel(1, SILENT)]
    assert told(machine, Failure(2, BUSY))[-1] == Find("second")


def test_a_server_that_waits_for_its_turn_is_not_silent():
    machine = HuntMachine((), 30.0)
    told(machine, Found([Candidate("bob", 0), Candidate("a", 0, delay=5.0, answer_within=4.0)]))

    assert told(machine, TimeIsUp(2), now=5.0) == [Launch(2), Arm(-2, 4.0)]
    assert told(machine, TimeIsUp(-2), now=9.0) == [Cancel(2, SILENT)]


def test_no_timer_is_left_of_a_server_that_is_not_wanted_any_more():
    machine = server("a")

    assert told(machine, Stop(GONE)) == [Disarm(-1), Cancel(1, GONE), Disarm(RING_TIME_OVER)]


def test_where_a_redirect_leads_may_be_silent_too():
    machine = ringing("bob")
    told(machine, Failure(1, MOVED, [Way("sip:a@x", answer_within=4.0), Way("sip:b@x", q=0.5)]))

    assert told(machine, TimeIsUp(-2)) == [Cancel(2, SILENT), Launch(3)]


# Results, and going on in another process.


def test_the_script_is_told_of_every_leg():
    machine = ringing("bob", "carol", groups=["second"])
    told(machine, Failure(1, BUSY), now=2.0)

    assert machine.results() == [
        LegResult("bob", 486, "Busy Here", 2.0),
        LegResult("carol", 408, "No Answer", 0.0),
    ]


def test_a_hunt_goes_on_from_its_legs():
    waiting, over = HuntLeg(4, "carol", 0.0, state=WAITING), HuntLeg(3, "bob", 0.0, state=OVER)
    over.end(BUSY, 5.0)
    machine = HuntMachine(["second"], 30.0, first=3, legs=[over, waiting])

    assert told(machine, Begin(), candidates("eve")) == []
    assert told(machine, TimeIsUp(4)) == [Launch(4)]
    assert told(machine, Failure(4, GONE)) == [
        Close(4, GONE, "callee"),
        Disarm(RING_TIME_OVER),
        Find("second"),
    ]


@pytest.mark.parametrize(
    "event",
    [
        Provisional(7, 180, has_media=False, message=None),
        Failure(0, BUSY),
        Success(-1, None),
        TimeIsUp(2),
        Begin(),
        Found([Candidate("eve", None)]),
    ],
)
def test_what_does_not_belong_there_is_ignored(event):
    machine = ringing("bob")

    assert told(machine, event) == []


def test_effects_of_what_happens_meanwhile_come_in_their_turn():
    machine = HuntMachine(["second"], 30.0)
    machine.handle(candidates("bob", "carol"), 0.0)
    done = []
    for effect in machine.effects():
        done.append(effect)
        if isinstance(effect, Launch):
            machine.handle(Failure(effect.leg, BUSY, by="switch"), 0.0)
            assert list(machine.effects()) == []

    assert done[3:] == [
        Launch(1),
        Launch(2),
        Close(1, BUSY, "switch"),
        Close(2, BUSY, "switch"),
        Disarm(RING_TIME_OVER),
        Find("second"),
    ]
    assert not machine.outbox


# Whatever happens.

STATUSES = (180, 183, 200, 302, 404, 486, 503, 603)
GROUPS = st.lists(
    st.lists(st.tuples(st.sampled_from([0.0, 0.0, 1.0, 7.0]), st.booleans()), max_size=4), max_size=4
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["tell", "wait", "stray"]),
        st.integers(0, 9),
        st.sampled_from(STATUSES),
        st.booleans(),
    )
)


class World:
    """Does what a machine asks for, and checks that it may ask for it."""

    def __init__(self, groups, most):
        self.machine = HuntMachine(range(len(groups)), 5.0, most=most)
        self.groups = groups
        self.most = most
        self.now = 0.0
        self.armed = {}
        self.added, self.launched, self.ended = [], [], []
        self.ends = []
        self.media = set()
        self.is_refused = False

    def tell(self, event):
        self.machine.handle(event, self.now)
        for effect in self.machine.effects():
            assert not self.ends, "something comes after the end"
            getattr(self, type(effect).__name__.lower())(effect)

    def find(self, effect):
        assert not self.open
        assert not self.is_refused
        self.tell(
            Found([Candidate("x", None, delay, follows) for delay, follows in self.groups[effect.group]])
        )

    def add(self, effect):
        assert effect.leg == len(self.added) + 1 <= self.most
        self.added.append(effect.leg)

    def follow(self, effect):
        assert effect.old in self.ended
        self.add(effect)

    def launch(self, effect):
        assert effect.leg in self.open
        assert effect.leg not in self.launched
        self.launched.append(effect.leg)

    def progress(self, effect):
        assert effect.leg in self.open
        if effect.has_media:
            self.media.add(effect.leg)
        assert len(self.media) <= 1  # as long as that leg lasts; another one's may follow

    def close(self, effect):
        assert effect.leg in self.launched
        self.end(effect)
        self.is_refused |= effect.outcome.status >= 600

    def cancel(self, effect):
        self.end(effect)

    def end(self, effect):
        assert effect.leg in self.open
        self.ended.append(effect.leg)
        self.media.discard(effect.leg)

    def arm(self, effect):
        assert effect.timer not in self.armed
        self.armed[effect.timer] = self.now + effect.delay

    def disarm(self, effect):
        del self.armed[effect.timer]

    def join(self, effect):
        self.end(effect)
        self.ends.append(effect)

    def giveup(self, effect):
        self.ends.append(effect)

    @property
    def open(self):
        return [leg for leg in self.added if leg not in self.ended]

    def say(self, leg, status, flag):
        if status < 200:
            self.tell(Provisional(leg, status, has_media=flag, message=None))
        elif status < 300:
            self.tell(Success(leg, None))
        else:
            self.tell(Failure(leg, Outcome(status, "x"), ways("sip:a@x", "sip:b@x") if flag else []))

    def wait(self):
        """Let the next timer run out."""
        timer = min(self.armed, key=lambda timer: (self.armed[timer], timer))
        self.now = self.armed.pop(timer)
        self.tell(TimeIsUp(timer))


@given(GROUPS, STEPS, st.integers(1, 6), st.booleans())
def test_whatever_happens_every_leg_ends_once_and_nothing_stays_armed(groups, steps, most, stops):
    world = World(groups, most)
    world.tell(Begin())
    for what, which, status, flag in steps:
        if what == "stray":
            world.say(which, status, flag) if which in world.launched else world.tell(TimeIsUp(which + 20))
        elif what == "wait" and world.armed:
            world.wait()
        elif what == "tell" and (launched := [leg for leg in world.open if leg in world.launched]):
            world.say(launched[which % len(launched)], status, flag)
    was_over = bool(world.ends)
    if stops:
        world.tell(Stop(GONE))
    else:
        while world.armed:
            world.wait()

    assert (len(world.ends), world.machine.state) == (0 if stops and not was_over else 1, OVER)
    assert sorted(world.ended) == world.added
    assert (world.armed, list(world.machine.outbox)) == ({}, [])
    joined = [end.leg for end in world.ends if isinstance(end, Join)]
    unanswered = [leg.number for leg in world.machine.legs if leg.outcome is not None]
    assert sorted(unanswered + joined) == world.added


@pytest.mark.parametrize("has_rung", [False, True])
def test_a_leg_that_hangs_up_is_called_off_and_the_next_group_rings(has_rung):
    """RFC 3261 §15: a callee must not say BYE before it has answered, and some do."""
    machine = HuntMachine(["first", "second"], 30.0)
    told(machine, Begin(), candidates("a", "b"))
    if has_rung:
        told(machine, Provisional(1, 180, False, "ringing"))
    gone = Outcome(480, "Hung Up")

    assert told(machine, Leave(1, gone)) == [Cancel(1, gone)]
    assert told(machine, Leave(2, gone)) == [Cancel(2, gone), Disarm(RING_TIME_OVER), Find("second")]
    assert told(machine, Leave(2, gone)) == []

"""Keeping what is said on the wire for a call."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from tests.memory_writer import MemoryWriter

from monitor.trace.said import Challenged, Flow, Wire
from services.switch.conftest import SDP, Bench
from sipwright.monitor.trace.recorder import Recorder
from sipwright.store.history.trace_messages import Message, unpack
from sipwright.transport.tap import Tap


class Rows(MemoryWriter):
    """The writer, and what it has of messages."""

    def messages(self, call_id):
        heard = [
            one for row in self.rows["messages"].values() for one in unpack(row[2]) if one.call_id == call_id
        ]
        return [Message(one.at, one.direction, one.flow, one.data) for one in heard]


@dataclass
class World:
    """A recorder, time, and calls that are no more than what it looks at."""

    which: str = "scripted"
    most_messages: int = 1000
    now: float = 1000.0
    timers: list = field(default_factory=list)
    armed: int = 0

    def __post_init__(self):
        self.rows = Rows(at_once=True)
        self.tap = Tap(lambda: self.now)
        self.recorder = Recorder(
            self.tap, self.rows, self.which, call_later=self.call_later, clock=lambda: self.now,
            most_messages=self.most_messages,
        )  # fmt: skip

    def call_later(self, delay, callback):
        timer = Timer(self.now + delay, callback)
        self.timers.append(timer)
        self.armed += 1
        return timer

    def run(self, seconds):
        end = self.now + seconds
        while due := [timer for timer in self.timers if not timer.is_cancelled and timer.at <= end]:
            timer = min(due, key=lambda one: one.at)
            self.timers.remove(timer)
            self.now = max(self.now, timer.at)
            timer.callback()
        self.now = end

    def begin(self, name="c1", *, is_scripted=True, sip_call_id="a-leg", is_recovered=False):
        call = Call(name)
        call.caller = Leg(call, sip_call_id, Wire(f"INVITE {name}".encode()), Flow())
        self.recorder.call_begins(call, is_scripted=is_scripted, is_recovered=is_recovered)
        return call

    def add_leg(self, call, sip_call_id):
        leg = Leg(call, sip_call_id)
        call.legs.append(leg)
        self.recorder.leg_begins(leg)

    def say(self, text, direction="in"):
        if self.tap.listeners:
            self.tap.emit(direction, Flow(), text)


@dataclass
class Timer:
    at: float
    callback: object
    is_cancelled: bool = False

    def cancel(self):
        self.is_cancelled = True


@dataclass
class Call:
    id: str
    caller: object = None
    legs: list = field(default_factory=list)


@dataclass
class Leg:
    owner: Call
    sip_call_id: str
    invite: object = None
    flow: object = None
    unacked_response: bytes | None = None
    started_at: float = 1000.0


def sip(first, call_id, header="Call-ID: "):
    return f"{first}\r\nTo: <sip:b@x>\r\n{header}{call_id}\r\n\r\n".encode()


def test_nobody_listens_while_no_call_is_recorded():
    world = World()
    plain = world.begin("plain", is_scripted=False)
    assert world.tap.listeners == ()

    call = world.begin()
    assert len(world.tap.listeners) == 1

    world.recorder.call_ends(call)
    world.recorder.call_ends(plain)
    world.run(3.0)
    assert world.tap.listeners == ()
    assert len(world.recorder) == 0
    assert [timer for timer in world.timers if not timer.is_cancelled] == []


def test_what_is_said_on_all_legs_of_a_call_is_kept_in_order():
    world = World()
    call = world.begin()
    world.add_leg(call, "b-leg")
    world.say(sip("INVITE sip:bob SIP/2.0", "b-leg"), "out")
    world.say(sip("SIP/2.0 180 Ringing", "b-leg", "i:"))
    world.say(sip("SIP/2.0 180 Ringing", "a-leg", "CALL-id : "), "out")
    world.say(sip("OPTIONS sip:us SIP/2.0", "of somebody else"))
    world.say(b"no SIP at all")
    world.run(1.1)

    kept = world.rows.messages("c1")
    assert [(message.direction, message.data.split(b"\r\n")[0]) for message in kept] == [
        ("in", b"INVITE c1"),
        ("out", b"INVITE sip:bob SIP/2.0"),
        ("in", b"SIP/2.0 180 Ringing"),
        ("out", b"SIP/2.0 180 Ringing"),
    ]
    assert {message.flow for message in kept} == {Flow.key}
    assert {message.at for message in kept} == {1000.0}


def test_each_second_is_a_row_and_the_last_ack_is_still_heard():
    world = World()
    call = world.begin()
    world.run(5.0)
    world.say(sip("SIP/2.0 486 Busy Here", "a-leg"), "out")
    world.recorder.call_ends(call)
    world.run(0.2)
    world.say(sip("ACK sip:us SIP/2.0", "a-leg"))
    world.run(2.0)
    world.say(sip("ACK sip:us SIP/2.0", "a-leg"))

    assert sorted(world.rows.rows["messages"]) == [("c1", 1000.0), ("c1", 1005.0)]
    assert len(world.rows.messages("c1")) == 3


def test_what_is_not_written_yet_can_be_asked_for_by_call():
    world = World()
    world.begin("c1")
    world.begin("c2", sip_call_id="other")
    world.say(sip("SIP/2.0 180 Ringing", "a-leg"), "out")

    assert [one[4].split(b"\r\n")[0] for one in world.recorder.unwritten("c1")] == [
        b"INVITE c1",
        b"SIP/2.0 180 Ringing",
    ]
    world.run(1.1)
    assert world.recorder.unwritten("c1") == []


def test_a_leg_that_two_calls_have_in_common_is_heard_by_both():
    world = World()
    first = world.begin("first", sip_call_id="from alice")
    world.add_leg(first, "loop")
    second = world.begin("second", sip_call_id="loop")
    world.say(sip("SIP/2.0 180 Ringing", "loop"))
    world.recorder.call_ends(second)
    world.run(2.0)
    world.say(sip("SIP/2.0 486 Busy Here", "loop"))
    world.run(2.0)

    assert [len(world.rows.messages(name)) for name in ("first", "second")] == [3, 2]
    assert len(world.recorder) == 1


def test_what_was_heard_before_a_leg_began_is_not_of_its_call():
    """Whose messages are, is found out for some together, and by what was so when each was heard."""
    world = World()
    call = world.begin()
    world.say(sip("BYE sip:us SIP/2.0", "b-leg"))
    world.add_leg(call, "b-leg")
    world.say(sip("SIP/2.0 180 Ringing", "b-leg"))
    other = world.begin("c2", sip_call_id="b-leg")
    world.say(sip("SIP/2.0 200 OK", "b-leg"))
    world.recorder.call_ends(call)
    world.recorder.call_ends(other)
    world.run(1.0)

    assert [one.data.split(b"\r\n")[0] for one in world.rows.messages("c1")[1:]] == [
        b"SIP/2.0 180 Ringing", b"SIP/2.0 200 OK",
    ]  # fmt: skip
    assert [one.data.split(b"\r\n")[0] for one in world.rows.messages("c2")[1:]] == [b"SIP/2.0 200 OK"]


@pytest.mark.parametrize(("which", "kept"), [("all", 2), ("scripted", 1), ("off", 0)])
def test_the_setting_says_whose_messages_are_kept(which, kept):
    world = World(which)
    world.begin("plain", is_scripted=False)
    world.begin("scripted", is_scripted=True)

    assert len(world.recorder) == kept


def test_a_leg_that_comes_back_to_its_call_is_heard_once_and_forgotten_with_it():
    """As a transfer may have it; what fails in the tick keeps all later calls from being forgotten."""
    world = World()
    call = world.begin()
    world.add_leg(call, "b-leg")
    world.add_leg(call, "b-leg")
    world.say(sip("BYE c", "b-leg"))
    world.recorder.call_ends(call)
    world.run(3.0)

    assert [message.data for message in world.rows.messages("c1")][1:] == [sip("BYE c", "b-leg")]
    assert (len(world.recorder), world.tap.listeners) == (0, ())


def test_a_call_of_an_earlier_process_is_recorded_from_here_on_after_a_mark():
    world = World()
    world.begin(is_recovered=True)
    world.say(sip("SIP/2.0 200 OK", "a-leg"), "out")
    world.recorder.close()

    mark, answer = world.rows.messages("c1")
    assert (mark.is_restart, answer.is_restart, answer.data[:14]) == (True, False, b"SIP/2.0 200 OK")
    assert world.tap.listeners == ()


def test_what_one_call_may_fill_is_bounded():
    world = World(most_messages=3)
    world.begin()
    for _ in range(10):
        world.say(sip("INFO sip:us SIP/2.0", "a-leg"))
    world.run(2.0)
    assert len(world.rows.messages("c1")) == 3

    world = World()
    world.begin()
    for _ in range(10):
        world.say(sip("INFO sip:us SIP/2.0", "a-leg") + b"x" * 20_000)
    world.run(2.0)
    assert len(world.rows.messages("c1")) == 4


def test_a_row_is_of_all_calls_and_is_written_before_it_grows_too_big():
    world = World()
    for name in ("c1", "c2"):
        world.begin(name, sip_call_id=name)
    for name in ("c1", "c2"):
        world.say(sip("INFO sip:us SIP/2.0", name) + b"x" * 40_000)
    (row,) = [row for row in world.rows.rows["messages"].values() if "c1" in row[0]]

    assert row[:2] == ("c1 c2", 1000.0)
    assert len(world.rows.messages("c2")) == 2

    for number in range(50):
        world.begin(f"d{number}", sip_call_id=f"d{number}")
    assert [len(row[0].split()) for row in world.rows.rows["messages"].values()] == [2, 50]


def test_a_full_database_costs_the_picture_and_not_the_call():
    world = World()
    world.begin()
    world.rows.is_full = True
    world.run(2.0)
    world.rows.is_full = False
    world.say(sip("BYE sip:us SIP/2.0", "a-leg"))
    world.run(2.0)

    assert [message.data[:3] for message in world.rows.messages("c1")] == [b"BYE"]


def test_a_switch_tells_of_its_calls_and_their_legs():
    bench = Bench()
    alice, bob = bench.phone("alice", "20.0.0.1"), bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)
    rows = Rows(at_once=True)
    recorder = bench.switch.table.observer = Recorder(
        bench.stack.tap, rows, "all", call_later=bench.network.call_later
    )
    alice.invite()
    (call_id,) = bench.switch.calls
    bob.answer(bob.last("INVITE"), 200, body=SDP.format("30.0.0.1"))
    alice.ack(alice.last(200))
    recorder.close()

    assert [(message.direction, message.data[:11]) for message in rows.messages(call_id)] == [
        ("in", b"INVITE sip:"),
        ("out", b"INVITE sip:"),
        ("in", b"SIP/2.0 200"),
        ("out", b"ACK sip:bob"),
        ("out", b"SIP/2.0 200"),
        ("in", b"ACK sip:10."),
    ]


def test_what_was_said_before_the_call_was_one_is_kept_in_front_of_it():
    world = World()
    world.recorder.challenged(Challenged("a-leg", "INVITE without", reply=Wire(b"SIP/2.0 401")))
    world.now += 0.1
    world.recorder.acknowledged(Challenged("a-leg", "ACK"))
    world.recorder.acknowledged(Challenged("of somebody else", "ACK"))
    world.now += 0.1
    world.begin()
    world.recorder.close()

    kept = world.rows.messages("c1")
    assert [(round(message.at - 1000.0, 1), message.direction, message.data) for message in kept] == [
        (0.0, "in", b"INVITE without"),
        (0.0, "out", b"SIP/2.0 401"),
        (0.1, "in", b"ACK"),
        (0.0, "in", b"INVITE c1"),
    ]


def test_a_call_that_is_told_of_twice_is_recorded_once():
    world = World()
    call = world.begin()
    world.recorder.call_begins(call, is_scripted=True)
    world.recorder.close()

    assert len(world.rows.messages("c1")) == 1


def test_the_legs_that_a_call_has_when_it_turns_out_to_be_one_to_record_are_kept_too():
    world = World()
    call = Call("c1")
    call.caller = Leg(call, "a-leg", Wire(b"INVITE in"), Flow())
    call.legs.append(Leg(call, "b-leg", Wire(b"INVITE out"), Flow(), started_at=1000.5))
    world.recorder.call_begins(call, is_scripted=True)
    world.recorder.close()

    assert [(message.direction, message.data, message.at) for message in world.rows.messages("c1")] == [
        ("in", b"INVITE in", 1000.0),
        ("out", b"INVITE out", 1000.5),
    ]


def test_calls_that_end_one_after_the_other_share_the_row_and_the_timer():
    world = World()
    calls = [world.begin(f"c{number}", sip_call_id=f"c{number}") for number in range(60)]
    for call in calls:
        world.say(sip("BYE sip:us SIP/2.0", call.id))
        world.recorder.call_ends(call)
        world.run(0.05)
    world.run(3.0)

    assert len(world.recorder) == 0
    assert (len(world.rows.rows["messages"]), world.armed) == (4, 4)

"""The events of a call: each once, when it is stored, and to who begins to read in its middle what comes then."""

from types import SimpleNamespace

import orjson
import pytest
from tests.services.switch.conftest import SDP, Bench
from tests.services.switch.test_hostile import Run

from sipwright.control.notes import events_of
from sipwright.node.call_events import MOST_HELD, CallEvents
from sipwright.node.event_stream import EventStream
from sipwright.services.switch import CallState, Outcome


class Names:
    def account(self, account_id):
        return None if account_id is None else f"account {account_id}"


class Reader:
    """Whoever reads; it can begin later."""

    def __init__(self, bench):
        self.bench = bench
        self.told = []
        network = bench.network
        self.stream = EventStream("n1", clock=network.clock, call_later=network.call_later)

    takes_notes = True

    def take(self, told):
        self.told += told

    def begin(self):
        self.bench.switch.ports.watch = CallEvents(self.stream, Names())
        self.stream.join(self, None)
        return self

    def events(self):
        self.bench.run(0.1)
        lines = [orjson.loads(each.line) for each in self.told]
        return [event.to_json() for line in lines for event in events_of(line)]

    def kinds(self):
        return [event["type"] for event in self.events()]


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def reader(bench):
    return Reader(bench)


@pytest.fixture
def alice(bench):
    return bench.phone("alice", "20.0.0.1")


@pytest.fixture
def bob(bench):
    phone = bench.phone("bob", "30.0.0.1")
    bench.account("bob", phone)
    return phone


def ring(bench, alice, bob):
    alice.invite()
    bench.run(1)
    bob.answer(bob.last("INVITE"), 180)
    bench.run(1)


def answer(bench, alice, bob):
    bob.answer(bob.last("INVITE"), 200, body=SDP.format(bob.host))
    ok = alice.last(200)
    alice.ack(ok)
    bench.run(1)
    return ok


def hang_up(alice, bob, ok):
    alice.send(alice.in_dialog("BYE", ok))
    bob.answer(bob.last("BYE"), 200)


def test_each_thing_that_happens_is_told_once(bench, reader, alice, bob):
    reader.begin()
    ring(bench, alice, bob)
    hang_up(alice, bob, answer(bench, alice, bob))
    events = reader.events()

    common = {
        "from": "alice@elsewhere.net",
        "to": "bob@example.org",
        "direction": "in",
        "account": "account 1",
    }
    told = [(event["type"], event["data"].items() - common.items()) for event in events]
    assert all(event["data"].items() >= common.items() for event in events)
    assert {(event["call"], event["node"]) for event in events} == {(events[0]["call"], "n1")}
    assert told == [
        ("call.started", set()),
        ("call.ringing", {("leg", 1), ("target", "bob@example.org")}),
        ("call.answered", {("leg", 1), ("target", "bob@example.org")}),
        (
            "call.ended",
            {
                ("answered", True),
                ("duration", 1.1),
                ("status", 200),
                ("reason", "OK"),
                ("hung_up_by", "caller"),
            },
        ),
    ]
    assert bench.is_empty()
    assert len(bench.switch.ports.watch) == 0


def test_a_call_that_nobody_takes_ends_once(bench, reader, alice, bob):
    reader.begin()
    ring(bench, alice, bob)
    bob.answer(bob.last("INVITE"), 486)

    assert reader.kinds() == ["call.started", "call.ringing", "call.ended"]
    assert bench.is_empty()
    assert len(bench.switch.ports.watch) == 0


@pytest.mark.parametrize(
    ("moment", "kinds"),
    [
        ("ringing", ["call.answered", "call.ended"]),
        ("answered", ["call.ended"]),
        ("ended", []),
    ],
)
def test_who_begins_to_read_in_the_middle_hears_what_comes_then(bench, reader, alice, bob, moment, kinds):
    ring(bench, alice, bob)
    if moment == "ringing":
        reader.begin()
    ok = answer(bench, alice, bob)
    if moment == "answered":
        reader.begin()
    alice.send(alice.in_dialog("BYE", ok))
    bench.run(1)
    if moment == "ended":
        reader.begin()
    bob.answer(bob.last("BYE"), 200)

    assert reader.kinds() == kinds
    assert bench.is_empty()


class Script:
    """Says something before its call has a row, and something more before that is committed."""

    def __init__(self, bench, reader):
        self.bench, self.reader = bench, reader
        bench.use_scripts(self)

    def is_behind(self, user_id):
        return False

    def start(self, call, plan):
        self.say(call, "first")
        self.bench.network.call_later(0.0, lambda: self.go_on(call))
        return Run(call)

    def go_on(self, call):
        with call.event():
            call.reject(Outcome(480, "Nobody"))
        self.say(call, "second")

    def say(self, call, text):
        stream = self.reader.stream
        watch = self.bench.switch.ports.watch
        watch.in_turn(call, lambda call_id: stream.tell("script.line", 1, call_id, {"says": text}))


def test_what_a_script_does_is_told_after_its_call_has_begun(bench, reader, alice):
    bench.account("carol", in_plan=7)
    Script(bench, reader)
    reader.begin()
    bench.database.is_eager = False
    alice.invite("sip:carol@example.org")
    bench.run(0.1)
    assert reader.kinds() == []

    bench.database.commit()
    assert [(event["type"], event["data"].get("says")) for event in reader.events()] == [
        ("call.started", None), ("script.line", "first"), ("call.ended", None), ("script.line", "second"),
    ]  # fmt: skip
    assert len(bench.switch.ports.watch) == 0


def test_what_a_call_without_a_row_says_is_bounded(bench, reader, alice):
    bench.account("carol", in_plan=7)
    Chatty(bench, reader)
    reader.begin()
    alice.invite("sip:carol@example.org")
    bench.run(0.1)

    assert reader.kinds().count("script.line") == MOST_HELD + 1


class Chatty(Script):
    def start(self, call, plan):
        for number in range(MOST_HELD):
            self.say(call, str(number))
        return super().start(call, plan)


def test_nothing_is_told_of_what_is_not_stored(bench, reader, alice, bob):
    reader.begin()
    bench.database.is_eager = False
    alice.invite()
    assert reader.kinds() == []

    bench.database.commit()
    assert reader.kinds() == ["call.started"]


@pytest.mark.parametrize(("state", "ends"), [("talking", 0), ("ending", 1)])
def test_the_last_part_that_is_over_ends_a_call_though_it_is_forgotten_already(reader, state, ends):
    """What ends at once is no more in the table of calls when its row is stored."""
    other = SimpleNamespace(identity=SimpleNamespace(user_id=1), state=CallState(state))
    call = SimpleNamespace(
        id="c2", linked_id="c1", common_id="c1", is_part=False, identity=SimpleNamespace(user_id=1),
        ports=SimpleNamespace(table=SimpleNamespace(parts={"c1": [other]}.get)),
    )  # fmt: skip
    end = "call.ended", ((), (None, 1.0, 487, "Cancelled", None))

    assert len(CallEvents(reader.stream, Names())._end_of(call, end)) == ends


def test_a_call_that_goes_to_another_node_ends_nowhere(bench, reader, alice, bob):
    """The other node tells of it from then on."""
    reader.begin()
    ring(bench, alice, bob)
    answer(bench, alice, bob)
    before = reader.kinds()
    (call,) = bench.switch.calls.values()
    bench.switch.moving.give([call], "north", lambda key: key, lambda: None)
    bench.run(40)

    assert (reader.kinds(), len(bench.switch.ports.watch)) == (before, 0)

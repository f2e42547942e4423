"""The stream of events: ids, readers, what is kept for those who come back."""

import orjson
import pytest

from sipwright.control import notes
from sipwright.control.notes import AT_ONCE, events_of
from sipwright.node import event_stream
from sipwright.node.event_stream import EventStream


class Loop:
    """Timers that a test lets run out."""

    def __init__(self):
        self.timers = []

    def call_later(self, delay, callback, *arguments):
        timer = Timer(delay, callback, arguments)
        self.timers.append(timer)
        return timer

    def run(self, longest):
        due, self.timers = (
            [t for t in self.timers if t.delay <= longest],
            [t for t in self.timers if t.delay > longest],
        )
        for timer in due:
            timer.run()


class Timer:
    def __init__(self, delay, callback, arguments):
        self.delay, self.callback, self.arguments = delay, callback, arguments

    def cancel(self):
        self.callback = None

    def run(self):
        if self.callback is not None:
            self.callback(*self.arguments)


class Reader:
    """Whoever reads, one line for each event or many notes in one."""

    def __init__(self, takes_notes=True):
        self.takes_notes = takes_notes
        self.told = []

    def take(self, told):
        self.told += told

    @property
    def events(self):
        return events_in(self.told)


def events_in(told):
    return [event.to_json() for each in told for event in events_of(orjson.loads(each.line))]


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def stream(loop):
    return EventStream("n1", clock=lambda: 1_000.0, call_later=loop.call_later, user_name={7: "carol"}.get)


def test_an_event_is_told_to_whoever_reads_and_names_the_user(loop, stream):
    reader = Reader()
    stream.join(reader, None)
    stream.tell("call.started", 7, "c1", {"from": "alice@example.org", "nothing": None})
    loop.run(0.1)

    (event,) = reader.events
    assert event.pop("id").isdigit()
    assert event == {
        "type": "call.started", "at": 1_000.0, "node": "n1", "user": "carol", "call": "c1",
        "data": {"from": "alice@example.org"},
    }  # fmt: skip


def test_whoever_comes_back_gets_what_was_missed(loop, stream):
    first, second = Reader(), Reader()
    stream.join(first, None)
    for number in range(5):
        stream.tell("audit", None, None, {"n": number})
    loop.run(0.1)
    stream.leave(first)
    stream.tell("audit", None, None, {"n": 5})
    since, is_whole = stream.join(second, first.events[2]["id"])

    assert [event["data"]["n"] for event in events_in(since)] == [3, 4, 5]
    assert is_whole


def test_what_is_told_at_the_first_reader_comes_once(loop, stream):
    stream.on_heard = lambda _: stream.tell("node.state", None, None, {})
    reader = Reader()
    since, is_whole = stream.join(reader, "0")
    loop.run(0.1)

    assert (since, is_whole) == ([], False)
    assert [event["type"] for event in reader.events] == ["node.state"]


def test_a_minute_after_the_last_reader_nothing_is_made_or_kept(loop, stream):
    heard = []
    stream.on_heard = heard.append
    reader = Reader()
    stream.join(reader, None)
    stream.tell("audit", None, None, {})
    loop.run(0.1)
    stream.leave(reader)
    assert stream.is_heard
    loop.run(100)

    assert (stream.is_heard, heard) == (False, [True, False])
    since, is_whole = stream.join(Reader(), reader.events[0]["id"])
    assert (since, is_whole) == ([], False)


@pytest.mark.parametrize("at_once", [6, 2, 1])
def test_what_is_kept_is_bounded_and_whoever_missed_more_is_told(loop, stream, monkeypatch, at_once):
    monkeypatch.setattr(event_stream, "MOST_KEPT", 3)
    stream = EventStream("n1", clock=lambda: 1_000.0, call_later=loop.call_later)
    reader = Reader()
    stream.join(reader, None)
    for number in range(6):
        stream.tell("audit", None, None, {"n": number})
        if (number + 1) % at_once == 0:
            loop.run(0.1)
    ids = [event["id"] for event in reader.events]

    assert [len(events_in(stream.join(Reader(), seen)[0])) for seen in ids] == [3, 3, 3, 2, 1, 0]
    assert [stream.join(Reader(), seen)[1] for seen in ids] == [False, False, True, True, True, True]


def test_a_user_is_called_what_that_is_now(loop):
    names = {7: "carol"}
    stream = EventStream("n1", clock=lambda: 1_000.0, call_later=loop.call_later, user_name=names.get)
    reader = Reader()
    stream.join(reader, None)
    for name in ("carol", "caroline"):
        names[7] = name
        stream.tell("audit", 7, None, {})
        stream.tell("audit", 7, None, {})
        loop.run(0.1)

    assert [event["user"] for event in reader.events] == ["carol", "carol", "caroline", "caroline"]


def test_many_events_are_in_lines_that_are_not_too_long(loop, stream):
    reader = Reader()
    stream.join(reader, None)
    for number in range(2 * AT_ONCE + 1):
        stream.tell("audit", None, None, {"n": number})
    loop.run(0.1)

    assert [each.events for each in reader.told] == [AT_ONCE, AT_ONCE, 1]
    assert [event["data"]["n"] for event in reader.events] == list(range(2 * AT_ONCE + 1))


def test_each_reader_is_told_as_it_can_read(loop, stream):
    new, old = Reader(), Reader(takes_notes=False)
    for reader in (new, old):
        stream.join(reader, None)
    stream.tell("audit", None, None, {"n": 1})
    stream.tell("audit", None, None, {"n": 2})
    loop.run(0.1)

    assert new.events == old.events
    assert [each.events for each in new.told] == [2]
    assert [orjson.loads(each.line).keys() for each in old.told] == [{"event"}, {"event"}]


def test_ids_rise_over_restarts_whatever_the_clock_says(loop, tmp_path):
    ids = []
    for now in (2_000.0, 1_000.0, 1_500.0):
        stream = EventStream(
            "n1", clock=iter([now] * 9).__next__, call_later=loop.call_later, memory=tmp_path / "ids"
        )
        reader = Reader()
        stream.join(reader, None)
        for _ in range(3):
            stream.tell("audit", None, None, {})
        stream.close()
        ids += [event["id"] for event in reader.events]

    assert ids == sorted(set(ids))


def test_values_are_printable_and_short(loop, stream):
    reader = Reader()
    stream.join(reader, None)
    stream.tell("audit", None, None, {"a": "x" * 10_000, "b": "\x1b[2J", "c": ["\n"] * 50, "d": 7})
    loop.run(0.1)

    data = reader.events[0]["data"]
    assert (len(data["a"]), data["b"], data["c"], data["d"]) == (200, "\\x1b[2J", ["\\n"] * 10, 7)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 200, "x" * 200),
        ('say "no"', 'say "no"'),
        ("caf\u00e9", "caf\u00e9"),
        (["a", "b\n"], None),
        ("a\x7fb", None),
        ("a\nb", None),
        ("caf\udce9", None),
        ("x" * 201, None),
    ],
)
def test_a_value_is_shown_as_people_can_read_it(loop, stream, value, shown):
    """Whichever way a line is written, all values are shown by the same rule."""
    reader = Reader()
    stream.join(reader, None)
    stream.tell("call.started", None, "c1", {"value": value, "other": "plain"})
    loop.run(0.1)

    (event,) = reader.events
    assert event["data"] == {"value": notes._cut(value) if shown is None else shown, "other": "plain"}

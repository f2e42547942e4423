"""The stream of events: ids, readers, what is kept for those who come back."""

import orjson
import pytest

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
    def __init__(self):
        self.lines = []

    def take(self, lines):
        self.lines += lines

    @property
    def events(self):
        return [orjson.loads(line)["event"] for line in self.lines]


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

    assert [orjson.loads(line)["event"]["data"]["n"] for line in since] == [3, 4, 5]
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


def test_what_is_kept_is_bounded_and_whoever_missed_more_is_told(loop, stream, monkeypatch):
    monkeypatch.setattr(event_stream, "MOST_KEPT", 3)
    stream = EventStream("n1", clock=lambda: 1_000.0, call_later=loop.call_later)
    reader = Reader()
    stream.join(reader, None)
    for number in range(6):
        stream.tell("audit", None, None, {"n": number})
    loop.run(0.1)
    ids = [event["id"] for event in reader.events]

    assert [len(stream.join(Reader(), seen)[0]) for seen in ids] == [3, 3, 3, 2, 1, 0]
    assert [stream.join(Reader(), seen)[1] for seen in ids] == [False, False, True, True, True, True]


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
    assert event["data"] == {"value": event_stream._cut(value) if shown is None else shown, "other": "plain"}

"""The events of the switch for all readers of a process: read once, kept for a while, given up when nobody reads."""

import asyncio

import pytest

from sipwright.control import shared_events
from sipwright.control.client import SwitchAway
from sipwright.control.events import LOST
from sipwright.control.shared_events import SharedEvents


class Switch:
    """A switch that says what it is given; each list of lines is what it says when it is asked once more."""

    def __init__(self):
        self.asked = []
        self.saying = 0
        self._lines = asyncio.Queue()

    async def listen(self, after):
        self.asked.append(after)
        lines = self._lines
        self.saying += 1
        try:
            while (line := await lines.get()) is not None:
                yield line
        finally:
            self.saying -= 1
        raise SwitchAway("away")

    async def say(self, *lines):
        for line in lines:
            self._lines.put_nowait(line)
        for _ in range(9):
            await asyncio.sleep(0)

    async def end(self):
        lines, self._lines = self._lines, asyncio.Queue()
        lines.put_nowait(None)


def answer(last, since):
    return {"answer": {"last": str(last), "since": str(since)}}


def event(number):
    return {
        "event": {"id": str(number), "type": "audit", "at": 1.0, "node": "n", "user": None, "call": None, "data": {}}
    }  # fmt: skip


def notes(*numbers):
    """A line of many events."""
    return {
        "node": "n", "ids": list(numbers), "notes": [["audit", 1.0, None, None, {}, None] for _ in numbers]
    }  # fmt: skip


@pytest.fixture
def switch():
    return Switch()


@pytest.fixture
async def shared(switch, monkeypatch):
    monkeypatch.setattr(shared_events, "RETRY", 0)
    shared = SharedEvents(switch.listen)
    yield shared
    shared.close()


class Reader:
    """Reads on by itself."""

    def __init__(self, shared, after=None):
        self.seen = []
        self._task = asyncio.create_task(self._read(shared.follow(after)))

    async def _read(self, events):
        try:
            async for one in events:
                self.seen.append(one.id if one.type != LOST else (one.id, one.data["count"]))
        finally:
            await events.aclose()

    async def leave(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_the_switch_is_asked_once_for_all_readers(switch, shared):
    readers = [Reader(shared) for _ in range(1_000)]
    await switch.say(answer(5, 5), {"lost": None}, event(6), event(7))

    assert switch.asked == ["0"]
    assert len(shared) == 1_000
    assert [reader.seen for reader in readers] == [["6", "7"]] * 1_000


async def test_who_begins_now_hears_nothing_old(switch, shared):
    first = Reader(shared)
    await switch.say(answer(5, 2), {"lost": None}, event(3), event(5), event(6))
    second = Reader(shared)
    await switch.say(event(7))

    assert (first.seen, second.seen) == (["6", "7"], ["7"])


@pytest.mark.parametrize(
    ("after", "seen"),
    [
        ("1", [("1", None), "3", "5", "6"]),
        ("2", ["3", "5", "6"]),
        ("3", ["5", "6"]),
        ("5", ["6"]),
        ("6", []),
        ("nothing", [("nothing", None), "3", "5", "6"]),
    ],
)
async def test_who_comes_back_gets_what_was_missed(switch, shared, after, seen):
    before = Reader(shared, after)
    await switch.say(answer(5, 2), {"lost": None}, event(3), event(5), event(6))
    later = Reader(shared, after)
    await switch.say()

    assert before.seen == later.seen == seen
    assert switch.asked == ["0"]


async def test_many_events_in_a_line_are_as_many_lines(switch, shared):
    first = Reader(shared)
    behind = Reader(shared, "00000000000000003")
    await switch.say(answer(5, 2), {"lost": None}, notes(3, 4, 5), notes(6, 7))
    late = Reader(shared, "00000000000000006")
    await switch.say()

    assert [int(one) for one in first.seen] == [6, 7]
    assert [int(one) for one in behind.seen] == [4, 5, 6, 7]
    assert [int(one) for one in late.seen] == [7]


async def test_who_comes_back_is_told_of_what_did_not_come_through(switch, shared):
    lucky, other = Reader(shared, "3"), Reader(shared, "1")
    await switch.say(answer(5, 0), {"lost": 3}, event(4), event(5))

    assert lucky.seen == ["4", "5"]
    assert other.seen == [("1", None), "4", "5"]


async def test_a_switch_that_was_started_again_is_followed_on(switch, shared):
    reader = Reader(shared)
    await switch.say(answer(5, 5), event(6))
    await switch.end()
    await switch.say(answer(90, 90), {"lost": None}, event(91))
    late = Reader(shared, "6")
    await switch.say()

    assert switch.asked == ["0", "6"]
    assert reader.seen == ["6", ("6", None), "91"]
    assert late.seen == [("6", None), "91"]


async def test_a_switch_that_goes_away_at_once_is_asked_for_everything_again(switch, shared):
    reader = Reader(shared)
    await switch.say(answer(5, 2), event(3))
    await switch.end()
    await switch.say(answer(5, 2), event(3), event(5), event(6))

    assert switch.asked == ["0", "0"]
    assert reader.seen == ["6"]


async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many(switch, shared, monkeypatch):
    monkeypatch.setattr(shared_events, "MOST_KEPT", 3)
    events = shared.follow()
    first = asyncio.ensure_future(anext(events))
    await switch.say(answer(5, 5), event(6))
    assert (await first).id == "6"
    await switch.say(*(event(number) for number in range(7, 17)))
    lost = await anext(events)
    left = [(await anext(events)).id for _ in range(3)]
    late = Reader(shared, "13")
    later = Reader(shared, "12")
    await switch.say()

    assert (lost.type, lost.id, lost.data) == (LOST, "6", {"count": 7})
    assert left == ["14", "15", "16"]
    assert late.seen == ["14", "15", "16"]
    assert later.seen == [("12", None), "14", "15", "16"]


async def test_nobody_reads_when_nobody_reads_here(switch, shared, monkeypatch):
    monkeypatch.setattr(shared_events, "LINGER", 0.0)
    assert switch.asked == []
    reader = Reader(shared)
    await switch.say(answer(5, 5))
    assert switch.saying == 1
    await reader.leave()
    await asyncio.sleep(0.01)
    assert (len(shared), switch.saying) == (0, 0)

    again = Reader(shared)
    await switch.say(answer(9, 9), event(10))
    assert again.seen == ["10"]


async def test_a_page_that_is_followed_by_another_is_no_end(switch, shared):
    first = Reader(shared)
    await switch.say(answer(5, 5), event(6))
    await first.leave()
    second = Reader(shared, "5")
    await switch.say(event(7))

    assert switch.asked == ["0"]
    assert second.seen == ["6", "7"]

"""What nodes ask of each other and tell each other, over one database and perhaps a bus."""

from __future__ import annotations

import asyncio
import time

import orjson
import pytest
from sqlalchemy import delete, select, update

from sipwright.cluster.membership import Membership
from sipwright.cluster.node_map import Itself
from sipwright.control import other_nodes
from sipwright.control.notes import FORM, events_of
from sipwright.control.other_nodes import NodeSilent, NoSuchNode
from sipwright.control.protocol import ControlError, Request
from sipwright.node.dialog_watch import DialogWatch
from sipwright.node.event_stream import EventStream
from sipwright.node.several import events_elsewhere, exchange
from sipwright.node.several.exchange import Exchange
from sipwright.services.leases import node_lease
from sipwright.store.live.node_register import NodeRegister
from sipwright.store.schema.cluster_tables import leases, node_events, node_requests
from store.conftest import key_file, store, url  # noqa: F401


class Reader:
    """Somebody who reads events."""

    takes_notes = True

    def __init__(self):
        self.lines = []

    def take(self, told):
        self.lines += [orjson.loads(each.line) for each in told]

    @property
    def events(self):
        return [event for line in self.lines for event in events_of(line)]

    @property
    def texts(self):
        return [event.data["text"] for event in self.events]

    @property
    def ids(self):
        return [int(event.id) for event in self.events]


class Wire:
    """A bus in memory, which can be cut."""

    def __init__(self):
        self.is_there = True
        self.heard = {}
        self.said = []

    def publish(self, subject, data):
        self.said.append((subject, data))
        if self.is_there:
            for heard in self.heard.get(subject, ()):
                heard(data)

    async def listen(self, subject, heard):
        self.heard.setdefault(subject, []).append(heard)

    async def start(self):
        pass

    async def close(self):
        pass


class Side:
    """A node, as far as it exchanges anything with others."""

    @classmethod
    async def join(cls, name, store, bus):  # noqa: F811
        side = cls()
        side.database = store.database
        side.register = NodeRegister(store.database)
        side.member = Membership(side.register, Itself(name, f"home of {name}", "1"), 10.0)
        await side.member.join()
        side.stream = EventStream(name, clock=time.time, call_later=asyncio.get_running_loop().call_later)
        side.done = []
        side.handlers = {"calls.hangup": side.hang_up, "calls.transfer": side.refuse}
        dialogs = DialogWatch(tuple, bool)
        side.exchange = Exchange(store.database, side.member, side.stream, side.handlers, dialogs, bus)
        await side.exchange.start()
        return side

    def hang_up(self, request):
        self.done.append(request.text("call"))
        return {"call": request.text("call")}

    def refuse(self, request):
        raise ControlError("refused", "it does not talk", field="to")

    def tell(self, text):
        if self.stream.is_heard:
            self.stream.tell("audit", "carol", None, {"text": text})


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Whoever asks waits as long as a busy machine needs; what is about silence waits for less."""
    monkeypatch.setattr(other_nodes, "BEGUN_WITHIN", 60.0)
    monkeypatch.setattr(events_elsewhere, "READY_WITHIN", 60.0)


@pytest.fixture
def bus():
    return None


@pytest.fixture
async def sides(store, bus):  # noqa: F811
    """Two nodes that know of each other."""
    north, south = [await Side.join(name, store, bus) for name in ("north", "south")]
    for side in (north, south):
        await side.member.beat()
    yield north, south
    for side in (north, south):
        side.stream.close()
        await side.exchange.close()


async def looked(work, *sides):
    """Let nodes look until something is done, and return what came of it."""
    task = asyncio.ensure_future(work)
    while not task.done():
        for side in sides:
            await side.exchange.look()
        await asyncio.sleep(0.005)
    return task.result()


async def asked(side, *words, **more):
    """Ask another node, and return what is under way once that can be read in the database."""
    asking = asyncio.ensure_future(side.exchange.asker.ask(*words, **more))
    while not await side.database.read(lambda c: c.execute(node_requests.select()).all()):  # noqa: ASYNC110
        await asyncio.sleep(0.005)
    return asking


async def flushed(*sides):
    """Let what nodes have told get to whoever reads it."""
    for side in sides:
        side.stream._flush_now()
    for side in (*sides, *sides):
        await side.exchange.look()
        side.stream._flush_now()


# --- what is asked ---------------------------------------------------------------------------------------


async def test_another_node_does_what_it_is_asked_for(sides):
    north, south = sides
    answer = await looked(north.exchange.asker.ask("south", "calls.hangup", call="c1"), south)

    assert answer == {"call": "c1"}
    assert south.done == ["c1"]


async def test_its_refusal_comes_back_as_it_was(sides):
    north, south = sides
    with pytest.raises(ControlError) as refused:
        await looked(north.exchange.asker.ask("south", "calls.transfer"), south)

    assert (refused.value.kind, str(refused.value), refused.value.field) == (
        "refused", "it does not talk", "to",
    )  # fmt: skip


async def test_what_nobody_knows_is_refused(sides):
    north, south = sides
    with pytest.raises(ControlError, match=r"no request 'calls\.sing'"):
        await looked(north.exchange.asker.ask("south", "calls.sing"), south)
    with pytest.raises(NoSuchNode):
        await north.exchange.asker.ask("west", "calls.hangup", call="c1")


async def test_what_a_silent_node_has_not_begun_is_never_done(sides, monkeypatch):
    """Nobody learns a minute later that a call was ended."""
    monkeypatch.setattr(other_nodes, "BEGUN_WITHIN", 0.03)
    north, south = sides
    with pytest.raises(NodeSilent, match="nothing was done"):
        await north.exchange.asker.ask("south", "calls.hangup", call="c1")
    await south.exchange.look()
    await asyncio.sleep(0)

    assert south.done == []


async def test_whoever_takes_over_does_it(sides):
    """South is asked, dies, and north has its calls."""
    north, south = sides
    asking = await asked(north, "south", "calls.hangup", call="c1")
    await north.register.adopt(north.member.fence, north.member.owner, "north", "south", None)
    answer = await looked(asking, north)

    assert answer == {"call": "c1"}
    assert north.done == ["c1"]
    assert south.done == []


@pytest.mark.parametrize(("name", "done"), [("calls.hangup", ["c1"]), ("calls.transfer", None)])
async def test_what_a_node_was_doing_as_it_died_is_done_again_where_that_is_harmless(sides, name, done):
    north, _ = sides
    asking = await asked(north, "south", name, call="c1")
    await north.database.write(lambda c: c.execute(update(node_requests).values(state="taken")))
    await north.register.adopt(north.member.fence, north.member.owner, "north", "south", None)
    if done is None:
        with pytest.raises(ControlError, match="not known what came of it"):
            await looked(asking, north)
    else:
        await looked(asking, north)

    assert north.done == (done or [])


async def test_a_zombie_does_nothing(sides, monkeypatch):
    """South has been taken for dead; it wakes up and finds what it was asked for before."""
    monkeypatch.setattr(other_nodes, "BEGUN_WITHIN", 0.1)
    north, south = sides
    asking = await asked(north, "south", "calls.hangup", call="c1")
    await north.database.write(
        lambda c: c.execute(update(leases).where(leases.c.name == node_lease("south")).values(fence=99))
    )
    with pytest.raises(NodeSilent):
        await looked(asking, south)

    assert south.done == []


async def test_old_requests_are_forgotten(sides):
    north, south = sides
    await looked(north.exchange.asker.ask("south", "calls.hangup", call="c1"), south)
    await north.database.write(lambda c: c.execute(update(node_requests).values(until=1.0)))
    await north.exchange._asked.forget()

    assert await north.database.read(lambda c: c.execute(node_requests.select()).all()) == []


# --- what is told ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bus", [None, Wire()], ids=["polled", "bus"])
async def test_events_of_another_node_are_read_here(sides):
    north, south = sides
    reader = Reader()
    await looked(north.exchange.from_others.ready(), south)
    north.stream.join(reader, None)
    south.tell("one")
    north.tell("two")
    await flushed(south, north)
    south.tell("three")
    await flushed(south, north)

    assert sorted(reader.texts) == ["one", "three", "two"]
    assert sorted(event.node for event in reader.events) == ["north", "south", "south"]
    assert reader.ids == sorted(set(reader.ids))


@pytest.mark.parametrize(
    ("wish", "lines"),
    [({}, ["event", "event"]), ({"notes": FORM + 1}, ["event", "event"]), ({"notes": FORM}, ["notes"])],
)
async def test_a_node_that_knows_nothing_of_notes_is_told_of_each_event(sides, wish, lines):
    """As of an older version, while nodes are upgraded one after the other."""
    _, south = sides
    for by, more in (("west", wish), ("north", {"notes": FORM})):
        south.handlers["events.want"](Request(1, "events.want", {"by": by, **more}))
    south.tell("one")
    south.tell("two")
    await flushed(south)
    (told,) = await south.database.read(lambda c: c.execute(select(node_events.c.told)).scalars().all())
    found = [orjson.loads(line) for line in told.splitlines()]

    assert [name for said in found for name in ("event", "notes") if name in said] == lines
    assert [event.data["text"] for said in found for event in events_of(said)] == ["one", "two"]


async def test_nobody_reads_and_nothing_is_told(sides):
    north, south = sides
    south.tell("one")
    await flushed(south, north)

    assert not south.stream.is_heard
    assert await south.database.read(lambda c: c.execute(node_events.select()).all()) == []


@pytest.mark.parametrize("bus", [Wire()])
async def test_what_the_bus_has_lost_is_in_the_database_and_comes_once(sides, bus):
    north, south = sides
    reader = Reader()
    await looked(north.exchange.from_others.ready(), south)
    north.stream.join(reader, None)
    texts = [f"event {number}" for number in range(30)]
    for number, text in enumerate(texts):
        bus.is_there = number % 7 not in (2, 3)
        south.tell(text)
        south.stream._flush_now()
        if number % 5 == 0:
            await flushed(south, north)
    bus.is_there = False
    await flushed(south, north)
    bus.is_there = True
    for subject, data in bus.said:  # a server that was away hands out all once more
        if subject == events_elsewhere.SUBJECT:
            north.exchange.from_others.heard(data)
    await flushed(south, north)

    assert reader.texts == texts
    assert reader.ids == sorted(set(reader.ids))


async def test_what_is_not_there_any_more_is_said_to_be_lost(sides):
    north, south = sides
    reader = Reader()
    await looked(north.exchange.from_others.ready(), south)
    north.stream.join(reader, None)
    south.tell("one")
    south.stream._flush_now()
    await south.exchange.look()
    await south.database.write(lambda c: c.execute(delete(node_events)))
    south.tell("two")
    await flushed(south, north)

    assert reader.texts == ["two"]
    assert {"lost": None} in reader.lines


async def test_whoever_reads_elsewhere_no_more_is_told_nothing(sides, monkeypatch):
    north, south = sides
    reader = Reader()
    await looked(north.exchange.from_others.ready(), south)
    north.stream.join(reader, None)
    south.exchange._to_others._clock = lambda: time.monotonic() + events_elsewhere.WANTED_FOR
    await south.exchange.look()

    assert not south.exchange._to_others.is_wanted


async def test_events_that_the_database_does_not_take_wait_and_the_oldest_go(sides, monkeypatch):
    monkeypatch.setattr(events_elsewhere, "MOST_UNTOLD", 600)
    north, south = sides
    reader = Reader()
    await looked(north.exchange.from_others.ready(), south)
    north.stream.join(reader, None)
    for number in range(9):
        south.tell(str(number))
        south.stream._flush_now()
    await flushed(south, north)

    assert reader.texts[-1] == "8"
    assert len(reader.texts) < 9
    assert {"lost": None} in reader.lines


async def test_workers_who_have_only_each_other_look_less_often(sides):
    """They are told over their links when there is something to see."""
    north, _ = sides
    before = north.exchange._pause()
    north.member.beside = frozenset({"north", "south"})
    among_workers = north.exchange._pause()
    north.member.beside = frozenset({"north", "north+2"})

    assert (before, among_workers, north.exchange._pause()) == (
        exchange.LOOK_EVERY,
        exchange.LOOK_EVERY_WITH_LINKS,
        exchange.LOOK_EVERY,
    )

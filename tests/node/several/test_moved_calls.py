"""Two calls that a transfer is to join, brought together by the nodes that have them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from sipwright.cluster.moved_tags import MovedTags
from sipwright.control.other_nodes import NodeSilent
from sipwright.control.protocol import ControlError, Request
from sipwright.node.several import moved_calls
from sipwright.node.several.moved_calls import MovedCalls
from sipwright.services.leases import Fence
from sipwright.sip import parse
from sipwright.store.errors import DatabaseAwayError
from sipwright.store.live.moved_calls import Moved

AT_NORTH, AT_SOUTH = "0123456789abcdef0-b7.0", "0123456789abcdef1-b9.0"
BOOTS = {"north": 7, "south": 9}


class FakeCall:
    """A call that one node has."""

    def __init__(self, name, tag, *, rings=False):
        self.id, self.tag, self.rings = name, tag, rings
        self.is_busy = False
        self.changes = 0

    @contextmanager
    def event(self):
        yield

    def changed(self):
        self.changes += 1


class FakeMoving:
    """The calls of a node, as `Moving` has them."""

    def __init__(self):
        self.calls = {}
        self.places = []
        self.is_stored = True

    def parts_of(self, named):
        return self.part_of_tag(named.to_tag)

    def part_of_tag(self, tag):
        return [call for call in self.calls.values() if call.tag == tag]

    def tags(self):
        return {call.tag for call in self.calls.values()}

    def is_ringing(self, parts):
        return any(call.rings for call in parts)

    def may_go(self, parts):
        return not any(call.is_busy for call in parts)

    def give(self, parts, node, place, then):
        for call in parts:
            given.append((self.calls.pop(call.id), node))
        self.places = [place(key) for key in self.keys]
        if self.is_stored:
            then()
        return [call.id for call in parts], [call.tag for call in parts]

    keys = ("udp/1.1.1.1:5060/2.2.2.2:5060", "north!udp/1/2", "south!tcp/1/2", "loop/1/2")


given: list[tuple[FakeCall, str]] = []


class FakeDatabase:
    """What is noted of calls and tags, for both nodes."""

    def __init__(self):
        self.given = {}
        self.tags = {}

    async def write(self, work, *, of_nodes=True):
        return work(self)

    read = write


@pytest.fixture
def nodes(monkeypatch):
    """Two nodes, of which north has the call `x` and south `y`; what has come in again is in `retaken`."""
    given.clear()
    made: dict[str, SimpleNamespace] = {}
    database = FakeDatabase()

    def take_calls(base, fence, node, boot, ids, tags):
        calls = [call for call, to in given if to == node and call.id in ids]
        base.tags.update(dict.fromkeys(tags, boot))
        return Moved(calls, [], {})

    monkeypatch.setattr(moved_calls, "take_calls", take_calls)
    monkeypatch.setattr(
        moved_calls, "note_tags", lambda base, boot, tags: base.tags.update(dict.fromkeys(tags, boot))
    )
    monkeypatch.setattr(
        moved_calls, "forget_tags", lambda base, tags: [base.tags.pop(tag, None) for tag in tags]
    )
    monkeypatch.setattr(
        moved_calls, "calls_of", lambda base, node: {call.id for call, to in given if to == node}
    )

    async def ask(node, name, **arguments):
        if made[node].is_silent:
            raise NodeSilent(node)
        return await made[node].moved.handlers[name](Request(0, name, arguments))

    for name in BOOTS:
        made[name] = node(name, database, ask)
    made["north"].moving.calls["x"] = FakeCall("x", AT_NORTH)
    made["south"].moving.calls["y"] = FakeCall("y", AT_SOUTH)
    return SimpleNamespace(**made, database=database)


def node(name, database, ask):
    moving = FakeMoving()
    known = MovedTags(lambda: 0.0, 10.0)
    membership = SimpleNamespace(
        name=name, fence=Fence(f"node:{name}", 1), boot_number=BOOTS[name], beside=frozenset(), moved_tags=known,
        owners={boot: each for each, boot in BOOTS.items()},
    )  # fmt: skip
    membership.owner_of = lambda tag: membership.owners.get(known.boot_of(tag))
    membership.boot_of = lambda each: BOOTS.get(each)
    found = SimpleNamespace(moving=moving, membership=membership, retaken=[], spread=[], is_silent=False)

    async def take_up(rows, executions, journals):
        moving.calls.update({row.id: row for row in rows})

    found.moved = MovedCalls(
        SimpleNamespace(calls=moving.calls, moving=moving), membership, database, ask, take_up,
        lambda data, flow: found.retaken.append((parse(data).method, flow)),
        lambda tags, boot: found.spread.append((tags, boot)),
    )  # fmt: skip
    return found


def refer(to_tag=AT_NORTH, other=AT_SOUTH, branch="z9hG4bK1"):
    """A REFER in one call that names another one."""
    return parse(
        (
            f"REFER sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP 3.3.3.3:5060;branch={branch}\r\nFrom: <sip:a@x>;tag=1\r\n"
            f"To: <sip:b@x>;tag={to_tag}\r\nCall-ID: c\r\nCSeq: 7 REFER\r\nMax-Forwards: 70\r\n"
            f"Refer-To: <sip:d@x?Replaces=d%3Bto-tag%3D{other}%3Bfrom-tag%3D2>\r\nContent-Length: 0\r\n\r\n"
        ).encode()
    )


async def settle(node):
    """Wait until nothing is being brought together any more."""
    while node.moved._tasks:
        await asyncio.gather(*node.moved._tasks, return_exceptions=True)


async def test_the_other_call_comes_here_and_the_refer_comes_in_again(nodes):
    north, south = nodes.north, nodes.south

    assert north.moving.waits(refer(), "flow") is True
    await settle(north)

    assert (set(north.moving.calls), set(south.moving.calls)) == ({"x", "y"}, set())
    assert north.retaken == [("REFER", "flow")]
    assert nodes.database.tags == {AT_SOUTH: 7}
    assert (north.membership.owner_of(AT_SOUTH), south.membership.owner_of(AT_SOUTH)) == ("north", "north")
    assert (north.spread, north.moving.calls["y"].changes) == ([([AT_SOUTH], 7)], 1)
    assert south.membership.moved_tags.is_on_its_way(AT_SOUTH) is True


async def test_what_rings_there_stays_and_the_call_of_the_refer_goes_there(nodes):
    north, south = nodes.north, nodes.south
    south.moving.calls["y"].rings = True
    north.moving.waits(refer(), "flow")
    await settle(north)

    assert (set(north.moving.calls), set(south.moving.calls)) == (set(), {"x", "y"})
    assert (north.retaken, nodes.database.tags) == ([("REFER", "flow")], {AT_NORTH: 9})
    assert north.membership.owner_of(AT_NORTH) == "south"
    assert north.membership.moved_tags.is_on_its_way(AT_NORTH) is False


async def test_the_flows_of_a_call_are_named_so_that_the_other_node_finds_them(nodes):
    nodes.north.moving.waits(refer(), "flow")
    await settle(nodes.north)

    assert nodes.south.moving.places == [
        "south!udp/1.1.1.1:5060/2.2.2.2:5060", "udp/1/2", "south!tcp/1/2", "loop/1/2",
    ]  # fmt: skip


async def test_workers_of_one_switch_have_the_same_socket_but_not_the_same_connections(nodes):
    nodes.south.membership.beside = frozenset({"north", "south"})
    nodes.north.moving.waits(refer(), "flow")
    await settle(nodes.north)

    assert nodes.south.moving.places[0] == "udp/1.1.1.1:5060/2.2.2.2:5060"
    assert nodes.south.moved._placed("tcp/1/2", "north") == "south!tcp/1/2"


@pytest.mark.parametrize(
    "said", [refer(other=AT_NORTH), refer(other="as7f"), refer(other="0123456789abcdef0-b77.0")]
)
async def test_what_names_no_call_of_another_node_waits_for_nothing(nodes, said):
    assert nodes.north.moving.waits(said, "flow") is False
    assert nodes.north.retaken == []


async def test_a_repetition_waits_with_it_and_what_has_waited_waits_no_more(nodes):
    north = nodes.north
    nodes.south.is_silent = True

    assert [north.moving.waits(refer(), "flow") for _ in range(3)] == [True, True, True]
    await settle(north)
    assert (north.retaken, north.moving.waits(refer(), "flow")) == ([("REFER", "flow")], False)
    assert north.moving.waits(refer(branch="z9hG4bK2"), "flow") is True
    await settle(north)


async def test_strangers_do_not_fill_the_memory(nodes):
    north = nodes.north
    assert all(
        north.moving.waits(refer(branch=f"z9hG4bK{number}"), "flow") for number in range(moved_calls.MOST)
    )

    assert north.moving.waits(refer(branch="z9hG4bKmore"), "flow") is False
    await north.moved.close()


async def test_a_call_goes_as_soon_as_nothing_is_under_way_in_it(nodes, monkeypatch):
    call = nodes.south.moving.calls["y"]
    call.is_busy, looks = True, []

    async def sleep(seconds):
        looks.append(seconds)
        call.is_busy = len(looks) < 3

    monkeypatch.setattr(moved_calls.asyncio, "sleep", sleep)
    nodes.north.moving.waits(refer(), "flow")
    await settle(nodes.north)

    assert (looks, set(nodes.north.moving.calls)) == ([moved_calls.PAUSE] * 3, {"x", "y"})


async def test_one_that_never_rests_stays(nodes, monkeypatch):
    nodes.south.moving.calls["y"].is_busy = True

    async def sleep(seconds):
        pass

    monkeypatch.setattr(moved_calls.asyncio, "sleep", sleep)
    nodes.north.moving.waits(refer(), "flow")
    await settle(nodes.north)

    assert (set(nodes.south.moving.calls), len(nodes.north.retaken)) == ({"y"}, 1)


async def test_there_is_no_such_call_or_node(nodes):
    give = nodes.south.moved.handlers["calls.give"]
    names = {"call_id": "d", "to_tag": "nobody", "from_tag": "2"}
    with pytest.raises(ControlError, match="no such call"):
        await give(Request(0, "calls.give", {**names, "to": "north"}))
    with pytest.raises(ControlError, match="no node"):
        await give(Request(0, "calls.give", {**names, "to_tag": AT_SOUTH, "to": "west"}))

    assert set(nodes.south.moving.calls) == {"y"}


async def test_what_was_given_without_a_word_is_found(nodes, monkeypatch):
    """The answer was lost, and the row says that the call is this node's."""
    north, south = nodes.north, nodes.south
    give = south.moved.handlers["calls.give"]

    async def lost(request):
        await give(request)
        raise TimeoutError

    south.moved.handlers["calls.give"] = lost

    async def sleep(seconds):
        pass

    monkeypatch.setattr(moved_calls.asyncio, "sleep", sleep)
    north.moving.waits(refer(), "flow")
    await settle(north)

    assert (set(north.moving.calls), len(north.retaken)) == ({"x", "y"}, 1)
    assert nodes.database.tags == {AT_SOUTH: 7}


@pytest.mark.parametrize("drained_at", [3, 6], ids=["at once", "some looks later"])
async def test_what_was_given_while_the_database_was_away_is_found_afterwards(nodes, monkeypatch, drained_at):
    """The row waits on the disk of the other node, and is in the database when that has all that has waited."""
    north, south, looks = nodes.north, nodes.south, []
    give = south.moved.handlers["calls.give"]

    async def lost(request):
        await give(request)
        raise TimeoutError

    def calls_of(base, node):
        looks.append(node)
        if len(looks) < 3:
            raise DatabaseAwayError("it does not answer")
        return {call.id for call, to in given if to == node and len(looks) >= drained_at}

    async def sleep(seconds):
        pass

    south.moved.handlers["calls.give"] = lost
    monkeypatch.setattr(moved_calls, "calls_of", calls_of)
    monkeypatch.setattr(moved_calls.asyncio, "sleep", sleep)
    north.moving.waits(refer(), "flow")
    await settle(north)

    assert set(north.moving.calls) == {"x", "y"}


async def test_tags_of_calls_that_were_had_from_a_dead_node_lead_here_too(nodes):
    nodes.north.moving.calls["z"] = FakeCall("z", AT_SOUTH)
    await nodes.north.moved.note_strays()

    assert (nodes.database.tags, nodes.north.membership.owner_of(AT_SOUTH)) == ({AT_SOUTH: 7}, "north")


async def test_tags_are_forgotten_when_their_calls_are_over(nodes, monkeypatch):
    north, rounds = nodes.north, []

    async def sleep(seconds):
        rounds.append(dict(nodes.database.tags))
        if len(rounds) == 2:
            north.moving.calls.pop("y")
        if len(rounds) == 5:
            raise asyncio.CancelledError

    north.moving.waits(refer(), "flow")
    await settle(north)
    monkeypatch.setattr(moved_calls.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await north.moved.keep_forgetting()

    assert [bool(each) for each in rounds] == [True, True, True, False, False]

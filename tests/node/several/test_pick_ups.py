"""Calls that wait at another node, and are picked up here: who is asked, and what becomes of the caller."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sipwright.control.other_nodes import NodeSilent
from sipwright.control.protocol import Request
from sipwright.node.several.pick_ups import PickUps
from sipwright.services.switch.transfer.handing import HandedCaller, Waiting

CALLER = HandedCaller(
    "INVITE sip:*8@x SIP/2.0\r\n\r\n", "udp/127.0.0.1:5060/127.0.0.9:5060", "out", 3, "call"
)


class FakeHanding:
    """Hands over, and takes, what a test says."""

    def __init__(self, waiting=None):
        self.waiting = waiting
        self.offered = CALLER
        self.let, self.taken = [], []

    def waiting_at(self, account_id):
        return self.waiting

    def offer(self, call_id):
        return self.offered

    def let_go(self, call_id):
        self.let.append(call_id)
        return "the INVITE"

    def take(self, handed, flow, account_id, then):
        self.taken.append((handed, flow, account_id))
        then()
        return self.waiting is not None


@pytest.fixture
def nodes():
    """Three nodes that ask each other; `moved` has what another one has from now on."""
    made: dict[str, PickUps] = {}
    moved: list[tuple[object, str]] = []

    async def ask(node, name, **arguments):
        if made[node].is_silent:
            raise NodeSilent(node)
        answer = made[node].handlers[name](Request(0, name, arguments))
        return answer if isinstance(answer, dict) else await answer

    for name in ("south", "north", "east"):
        handing = FakeHanding()
        others = [each for each in ("south", "north", "east") if each != name]
        made[name] = PickUps(
            handing, name, lambda others=others: others, ask, lambda key: key,
            lambda invite, node: moved.append((invite, node)),
        )  # fmt: skip
        made[name].handing, made[name].is_silent = handing, False
    return SimpleNamespace(moved=moved, **made)


async def test_the_caller_goes_where_a_call_has_rung_for_longest(nodes):
    nodes.north.handing.waiting = Waiting(200.0, False)
    nodes.east.handing.waiting = Waiting(100.0, False)

    assert await nodes.south.pick_up("call", 7) is True
    assert nodes.east.handing.taken == [
        (CALLER._replace(flow=f"south!{CALLER.flow}"), f"south!{CALLER.flow}", 7)
    ]
    assert (nodes.north.handing.taken, nodes.south.handing.let) == ([], ["call"])
    assert nodes.moved == [("the INVITE", "east")]


async def test_what_rings_comes_before_what_is_parked(nodes):
    nodes.north.handing.waiting = Waiting(100.0, True)
    nodes.east.handing.waiting = Waiting(200.0, False)
    await nodes.south.pick_up("call", 7)

    assert (len(nodes.north.handing.taken), len(nodes.east.handing.taken)) == (0, 1)
    assert (await nodes.south.is_parked_at(7), await nodes.north.is_parked_at(7)) == (True, False)


async def test_a_node_that_is_silent_has_nothing(nodes):
    nodes.north.is_silent = True
    nodes.east.handing.waiting = Waiting(200.0, False)

    assert await nodes.south.pick_up("call", 7) is True
    nodes.east.is_silent = True
    assert await nodes.south.pick_up("call", 7) is False


async def test_without_anything_to_pick_up_the_call_stays(nodes):
    assert await nodes.south.pick_up("call", 7) is False
    assert nodes.south.handing.let == []


async def test_nor_does_it_go_when_it_is_gone_by_then(nodes):
    nodes.north.handing.waiting = Waiting(1.0, False)
    nodes.north.handing.take = lambda *_: False

    assert await nodes.south.pick_up("call", 7) is False
    assert (nodes.south.handing.let, nodes.moved) == ([], [])


async def test_a_caller_that_cannot_be_handed_over_is_nobodys_business_elsewhere(nodes):
    nodes.south.handing.offered = None
    nodes.north.handing.waiting = Waiting(1.0, False)

    assert await nodes.south.pick_up("call", 7) is False
    assert nodes.north.handing.taken == []


async def test_a_phone_of_the_node_that_is_asked_is_reached_from_there(nodes):
    """It had registered there, and dials the code at another node."""
    nodes.south.handing.offered = CALLER._replace(flow=f"north!{CALLER.flow}")
    nodes.north.handing.waiting = Waiting(1.0, False)
    await nodes.south.pick_up("call", 7)

    assert [flow for _, flow, _ in nodes.north.handing.taken] == [CALLER.flow]

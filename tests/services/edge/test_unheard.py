"""Requests of a dialog that a boot has made of which this node has not heard yet."""

from __future__ import annotations

import pytest

from services.edge.test_edge import HERE, NORTH, PHONE, TOKENS, FakePeers, replacing, request, through
from sipwright.services.edge import Edge
from sipwright.services.edge.unheard import MOST, Unheard
from sipwright.sip import parse
from sipwright.stack import Incoming, Pipeline, Stack
from sipwright.transport.memory import MemoryNetwork

TAG = "0123456789abcdef0-b7.0"


@pytest.fixture
def network():
    return MemoryNetwork()


@pytest.fixture
def world(network):
    """The edge of a node that has not heard of boot 7, with what the stack is given and what is sent."""
    transport = network.transport(*HERE)
    stack = Stack([transport], Pipeline(), clock=network.clock, call_later=network.call_later)
    peers = FakePeers(owners={})
    edge = Edge(stack, peers, TOKENS, HERE)
    stack.join(edge.flows.flow, peers.is_peer)
    edge.peers, edge.sent, edge.left = peers, [], []
    transport.send = lambda flow, data: edge.sent.append((flow.remote, parse(data)))

    def take(data, flow):
        if not edge(Incoming(stack, parse(data), flow, flow, 0.0)):
            edge.left.append(parse(data))

    transport.on_message = take
    edge.stack = stack
    return edge


def test_a_request_waits_until_the_boot_is_known_and_is_handed_on(world, network):
    assert world(request(world.stack, PHONE, "BYE", to_tag=TAG)) is True
    assert world.sent == []

    world.peers.owners[7] = "north"
    network.advance(world.peers.heard_within)

    ((remote, handed_on),) = world.sent
    assert (remote, handed_on.method, world.left) == (NORTH, "BYE", [])


def test_it_waits_with_its_route_through_this_node_too(world, network):
    world(request(world.stack, PHONE, "BYE", to_tag=TAG, route=[through()]))
    world.peers.owners[7] = "north"
    network.advance(world.peers.heard_within)

    ((remote, handed_on),) = world.sent
    assert (remote, handed_on.headers.get("route")) == (NORTH, None)


def test_what_is_repeated_meanwhile_waits_with_it(world, network):
    for _ in range(3):
        assert world(request(world.stack, PHONE, "BYE", to_tag=TAG)) is True
    world.peers.owners[7] = "north"
    network.advance(world.peers.heard_within)

    assert len(world.sent) == 1


def test_a_tag_of_no_boot_waits_once(world, network):
    world(request(world.stack, PHONE, "BYE", to_tag=TAG))
    network.advance(world.peers.heard_within)
    assert [left.method for left in world.left] == ["BYE"]

    assert world(request(world.stack, PHONE, "BYE", to_tag=TAG)) is False
    assert world.sent == []


@pytest.mark.parametrize("to_tag", ["", "as7f", "0123456789abcdef0"])
def test_a_tag_without_a_boot_waits_for_nothing(world, to_tag):
    assert world(request(world.stack, PHONE, "BYE", to_tag=to_tag)) is False


def test_what_a_node_says_does_not_wait(world):
    assert world(request(world.stack, NORTH, "BYE", to_tag=TAG)) is False


def test_an_invite_that_replaces_a_leg_of_an_unknown_boot_waits_for_it(world, network):
    """A call that rings at a node which has just started is picked up by way of this one (RFC 3891 §3)."""
    assert world(replacing(world.stack, PHONE, TAG)) is True
    assert world.sent == []

    world.peers.owners[7] = "north"
    network.advance(world.peers.heard_within)

    ((remote, handed_on),) = world.sent
    assert (remote, handed_on.method, world.left) == (NORTH, "INVITE", [])


def test_strangers_do_not_fill_the_memory(world, network):
    unheard = Unheard(world.stack, 3.0)

    def bye(number):
        made = request(world.stack, PHONE, "BYE", to_tag=TAG)
        made.request.headers.set("Via", f"SIP/2.0/UDP 127.0.0.3:5070;branch=z9hG4bK{number}")
        return made

    assert all(unheard.wait(bye(number)) for number in range(MOST))
    assert unheard.wait(bye(MOST)) is False
    network.advance(3.0)
    assert len(unheard) == 0

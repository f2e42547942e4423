"""One edge, with a stack on a network in memory."""

from __future__ import annotations

import pytest

from services.edge.test_edge import HERE, TOKENS, FakePeers, Sent
from sipwright.services.edge import Edge
from sipwright.stack import Pipeline, Stack
from sipwright.transport.memory import MemoryNetwork


@pytest.fixture
def network():
    return MemoryNetwork()


@pytest.fixture
def stack(network):
    transport = network.transport(*HERE)
    transport.wires = Sent()
    transport.send = lambda flow, data: transport.wires.append((data, flow.remote))
    return Stack([transport], Pipeline(), clock=network.clock, call_later=network.call_later)


@pytest.fixture
def edge(stack):
    peers = FakePeers()
    made = Edge(stack, peers, TOKENS, HERE)
    stack.join(made.flows.flow, peers.is_peer)
    made.peers = peers
    return made

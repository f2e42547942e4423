"""What another node has handed on: whose it is, and where its answer goes."""

from __future__ import annotations

import pytest

from services.edge.test_edge import AT_NORTH, HERE, NORTH, PHONE, TOKENS, FakePeers, request
from sipwright.services.edge import Edge
from sipwright.services.edge.handed_on import HandedOn, known_by, without_edges
from sipwright.stack import Pipeline, Stack
from sipwright.transport.memory import MemoryNetwork

BACK = TOKENS.write(AT_NORTH, "north")
WAY = f"SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKedge1;rport;flow={BACK}"
OWN = "Via: SIP/2.0/UDP 127.0.0.3:5070;branch=z9hG4bK9\r\n"


@pytest.fixture
def stack():
    network = MemoryNetwork()
    made = Stack([network.transport(*HERE)], Pipeline(), clock=network.clock, call_later=network.call_later)
    peers = FakePeers()
    made.join(Edge(made, peers, TOKENS, HERE).flows.flow, peers.is_peer)
    return made


def handed_on(stack, way=WAY, via=OWN):
    invite = request(stack, NORTH, via=via).request
    invite.headers.set_first("Via", way)
    return invite


def test_it_is_read_as_it_was_said_with_the_flow_of_the_phone(stack):
    invite = handed_on(stack)
    said, flow = HandedOn(stack, TOKENS, stack.flow_from_key).read(invite)

    assert (flow.key, flow.remote, said.top_via.branch) == (f"north!{AT_NORTH}", PHONE, "z9hG4bK9")
    assert known_by(said) == "z9hG4bK9|127.0.0.3:5070|c|1"
    assert len(invite.headers.get_list("Via")) == 2


@pytest.mark.parametrize(
    ("way", "via"),
    [
        ("SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK1", OWN),
        ("SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKedge1", OWN),
        ("SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKedge1;flow=AAAA", OWN),
        (f"SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKedge1;flow={TOKENS.write('tcp/x', 'nobody')}", OWN),
        (WAY, ""),
    ],
)
def test_what_no_node_has_handed_on_is_left_as_it_is(stack, way, via):
    reads = HandedOn(stack, TOKENS, stack.flow_from_key)

    assert (reads.read(handed_on(stack, way, via)), reads.is_known(handed_on(stack, way, via))) == (
        None,
        False,
    )


@pytest.mark.parametrize(
    ("vias", "left"),
    [
        ([WAY, "SIP/2.0/UDP 127.0.0.3;branch=z9hG4bK9"], ["SIP/2.0/UDP 127.0.0.3;branch=z9hG4bK9"]),
        ([WAY, WAY, "SIP/2.0/UDP 127.0.0.3;branch=z9hG4bK9"], ["SIP/2.0/UDP 127.0.0.3;branch=z9hG4bK9"]),
        (["SIP/2.0/UDP 127.0.0.3;branch=z9hG4bK9"], ["SIP/2.0/UDP 127.0.0.3;branch=z9hG4bK9"]),
        ([WAY], [WAY]),
    ],
)
def test_the_vias_of_edges_are_taken_off_a_response(vias, left):
    """As one that is repeated may go by another edge than its request came by."""
    lines = "".join(f"Via: {via}\r\n" for via in vias) + "To: <sip:b@x>\r\n\r\n"

    assert without_edges(lines.encode()).decode().split("\r\n")[: len(left) + 1] == [
        *(f"Via: {via}" for via in left),
        "To: <sip:b@x>",
    ]

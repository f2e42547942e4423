"""CANCELs of an INVITE that another node has."""

from __future__ import annotations

import pytest

from services.edge.test_edge import HERE, NORTH, PHONE, TOKENS, FakePeers, request, response
from sipwright.services.edge import Edge
from sipwright.services.edge.cancels import MOST
from sipwright.sip import parse
from sipwright.stack import Pipeline, Stack
from sipwright.transport.memory import MemoryNetwork

EAST = ("127.0.0.4", 5060)


class ThreePeers(FakePeers):
    """North, east, and this one."""

    def is_peer(self, address):
        return super().is_peer(address) or address == EAST

    def other_edges(self):
        return super().other_edges() | {EAST}


@pytest.fixture
def network():
    return MemoryNetwork()


@pytest.fixture
def edge(network):
    """The edge of one of three nodes, with its stack and what that has sent."""
    transport = network.transport(*HERE)
    stack = Stack([transport], Pipeline(), clock=network.clock, call_later=network.call_later)
    peers = ThreePeers()
    made = Edge(stack, peers, TOKENS, HERE)
    stack.join(made.flows.flow, peers.is_peer)
    stack.receiver.take_cancel = made.take_cancel
    stack.receiver.on_stray_response = made.take_response
    made.peers, made.stack, made.sent = peers, stack, []
    transport.send = lambda flow, data: made.sent.append((flow.remote, parse(data)))
    return made


def say(edge, branch="z9hG4bK1"):
    """Let a phone say CANCEL."""
    cancel = request(edge.stack, PHONE, "CANCEL").request
    cancel.headers.set_first("Via", f"SIP/2.0/UDP 127.0.0.3:5070;branch={branch};rport")
    edge.stack.receiver.receive(bytes(cancel), edge.stack.transports[0].flow(PHONE))


def answer(edge, node, status):
    """Let a node answer what it was asked last."""
    asked = [each for remote, each in edge.sent if remote == node][-1]
    vias = [("Via", value) for value in asked.headers.get_list("Via")]
    said = response(status, vias)
    said.headers.set("CSeq", "1 CANCEL")
    edge.stack.receiver.receive(bytes(said), edge.stack.transports[0].flow(node))


def told(edge):
    answers = [each for remote, each in edge.sent if remote == PHONE]
    return [each.status for each in answers if each.cseq.method == "CANCEL"]


def asked(edge):
    return sorted(remote for remote, _ in edge.sent if remote != PHONE)


def test_all_others_are_asked_about_a_cancel_of_nothing_that_is_here(edge):
    say(edge)

    assert (asked(edge), told(edge)) == ([NORTH, EAST], [])


def test_whoever_has_it_answers_and_the_phone_hears_of_nobody_else(edge, network):
    say(edge)
    answer(edge, EAST, 481)
    answer(edge, NORTH, 200)
    network.advance(40.0)

    assert (told(edge), len(edge.sent)) == ([200], 3)
    assert len(edge._cancels) == 0


def test_once_all_have_said_that_they_do_not_have_it_the_phone_hears_that(edge, network):
    say(edge)
    answer(edge, EAST, 481)
    before = told(edge)
    answer(edge, NORTH, 481)
    network.advance(40.0)

    assert (before, told(edge), len(edge.sent)) == ([], [481], 3)


def test_a_node_that_says_nothing_is_asked_again(edge, network):
    """The phone repeats nothing over a connection."""
    say(edge)
    answer(edge, EAST, 481)
    network.advance(1.6)

    assert (asked(edge), told(edge)) == ([NORTH, NORTH, NORTH, EAST], [])


def test_whoever_goes_on_for_a_node_that_says_nothing_is_asked_again(edge):
    say(edge)
    answer(edge, EAST, 481)
    edge.peers.is_north_lost = True
    edge.moved()
    answer(edge, EAST, 200)

    assert (asked(edge), told(edge)) == ([NORTH, EAST, EAST], [200])


def test_it_is_taken_here_once_this_node_has_the_call(edge, network):
    say(edge)
    answer(edge, EAST, 481)
    edge.stack.layer.server(
        request(edge.stack, PHONE).request, edge.stack.transports[0].flow(PHONE), None, network.now
    )
    network.advance(40.0)

    assert (asked(edge), told(edge), len(edge._cancels)) == ([NORTH, EAST], [200], 0)


def test_a_node_that_has_just_started_is_asked_as_soon_as_it_is_known(edge, network):
    """It may have the INVITE before a beat tells of it, and 481 would let the phone ring on (RFC 3261 §9.2)."""
    edge.peers.other_edges = lambda: {NORTH}
    say(edge)
    answer(edge, NORTH, 481)
    edge.peers.other_edges = lambda: {NORTH, EAST}
    network.advance(edge.peers.heard_within)
    answer(edge, EAST, 200)
    network.advance(40.0)

    assert (set(asked(edge)), told(edge), len(edge._cancels)) == ({NORTH, EAST}, [200], 0)


def test_without_anybody_to_ask_the_phone_hears_it_when_nobody_can_have_started(edge, network):
    edge.peers.other_edges = set
    say(edge)
    say(edge)
    network.advance(edge.peers.heard_within - 0.1)
    before = told(edge)
    network.advance(0.1)

    assert (asked(edge), before, told(edge), len(edge._cancels)) == ([], [], [481], 0)


def test_what_nobody_answers_is_forgotten(edge, network):
    say(edge)
    network.advance(33.0)

    assert (told(edge), len(edge._cancels)) == ([], 0)


def test_strangers_do_not_fill_the_memory(edge, network):
    for number in range(MOST):
        say(edge, f"z9hG4bK{number}")
    say(edge, "z9hG4bKmore")

    assert (told(edge), len(edge._cancels)) == ([481], MOST)

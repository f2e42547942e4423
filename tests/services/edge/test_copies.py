"""Copies of what this edge has handed on to a node that is lost, whose calls are here by now."""

from __future__ import annotations

import pytest

from sipwright.services.edge.copies import branch_of
from sipwright.sip import parse
from sipwright.sip.headers import Via
from sipwright.stack import Incoming

from .test_edge import HERE, NORTH, PHONE, TAG, TOKENS, request, sent


@pytest.fixture
def taken_over(stack, edge):
    """An UPDATE that a phone has said here, in a call of another node, and its transaction, which that has left."""
    edge(request(stack, PHONE, "UPDATE", to_tag=TAG))
    _, handed_on = sent(stack).last
    edge.peers.owners[7], edge.peers.is_north_lost = "south", True
    tx = stack.layer.restore_server(handed_on, stack.flow_to_edge(HERE), None, 0.0)
    edge.moved()
    stack.transports[0].wires.clear()
    return tx


def test_it_is_no_second_request_of_the_dialog(stack, edge, taken_over):
    assert edge(request(stack, PHONE, "UPDATE", to_tag=TAG)) is True
    assert sent(stack) == []


def test_it_is_answered_as_the_first_was(stack, edge, taken_over):
    taken_over.answer(200, b"SIP/2.0 200 OK\r\n\r\n", 0.0)
    stack.transports[0].wires.clear()

    assert edge(request(stack, PHONE, "UPDATE", to_tag=TAG)) is True
    assert sent(stack) == [(b"SIP/2.0 200 OK\r\n\r\n", HERE)]


def test_any_other_request_is_new(stack, edge, taken_over):
    incoming = request(stack, PHONE, "UPDATE", to_tag=TAG)
    incoming.request.headers.set("CSeq", "2 UPDATE")

    assert edge(request(stack, PHONE, "INFO", to_tag=TAG)) is False
    assert edge(type(incoming)(stack, parse(bytes(incoming.request)), *[incoming.flow] * 2, 0.0)) is False


def test_after_a_while_nobody_repeats_it(network, stack, edge, taken_over):
    network.advance(41.0)

    assert edge(request(stack, PHONE, "UPDATE", to_tag=TAG)) is False


def test_a_node_that_hands_on_has_it_under_its_own_name(stack, edge, taken_over):
    assert edge(request(stack, NORTH, "UPDATE", to_tag=TAG)) is False


@pytest.fixture
def answered(stack, edge):
    """A BYE that a phone has said at the other node, which has handed it on, and the answer of this one to that."""
    edge.peers.owners[7] = "south"
    back = TOKENS.write(f"udp/{NORTH[0]}:{NORTH[1]}/{PHONE[0]}:{PHONE[1]}", "north")
    handed_on = by_edge(stack, NORTH, back)
    assert edge(handed_on) is False
    handed_on.respond(200)
    assert sent(stack).last[0] == NORTH


def by_edge(stack, node, back):
    """The BYE as the edge of a node hands it on."""
    plain = request(stack, PHONE, "BYE", to_tag=TAG).request
    top = f"SIP/2.0/UDP {node[0]}:{node[1]};branch={branch_of(plain)};rport;flow={back}"
    plain.headers.insert("Via", top)
    flow = stack.transports[0].flow(node)
    return Incoming(stack, parse(bytes(plain)), flow, flow, 0.0)


def test_one_that_the_lost_node_has_handed_on_was_answered_to_that(stack, edge, answered):
    """Its phone hears the same now: the dialog may be over, and 481 would say that it never was (RFC 3261 §17.2.2)."""
    edge.peers.is_north_lost = True
    edge.moved()
    assert edge(request(stack, PHONE, "BYE", to_tag=TAG)) is True
    remote, at_edge = sent(stack).last
    edge.take_response(at_edge, stack.transports[0].flow(HERE))

    assert remote == HERE  # the edge of this node, which knows the way
    remote, heard = sent(stack).last
    assert (remote, heard.status) == (PHONE, 200)
    assert [Via.parse(via).branch for via in heard.headers.get_list("Via")] == ["z9hG4bK1"]


def test_one_that_comes_by_a_third_node_goes_back_by_that(stack, edge, answered):
    """Whose edge is where the phone goes by now; that the other one is lost, no beat need have told here."""
    third = ("127.0.0.4", 5060)
    edge.peers.is_peer = lambda address: address in (HERE, NORTH, third)
    edge.peers.edge_of = lambda node: {"third": third, "south": HERE}.get(node)
    back = TOKENS.write(f"udp/{third[0]}:{third[1]}/{PHONE[0]}:{PHONE[1]}", "third")
    assert edge(by_edge(stack, third, back)) is True
    remote, again = sent(stack).last

    assert (remote, again.status) == (third, 200)
    own, phones = (Via.parse(via) for via in again.headers.get_list("Via"))
    assert ((own.host, own.port), phones.branch) == (third, "z9hG4bK1")

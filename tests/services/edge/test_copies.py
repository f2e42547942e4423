"""Copies of what this edge has handed on to a node that is lost, whose calls are here by now."""

from __future__ import annotations

import pytest

from sipwright.sip import parse

from .test_edge import HERE, NORTH, PHONE, TAG, request, sent


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

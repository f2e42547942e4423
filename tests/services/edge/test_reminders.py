"""INVITEs to phones at another node whose ringing was lost on the way, and ringing that was lost on the way to one."""

from __future__ import annotations

import pytest

from services.edge.test_edge import AT_NORTH, PHONE, request, sent
from sipwright.sip import make_response, parse

OVER_TCP = AT_NORTH.replace("udp", "tcp")


@pytest.fixture
def invite(stack, edge):
    """Send one to a phone at north, and let something come back."""

    def invite(*statuses, key=AT_NORTH):
        asked = request(stack, PHONE).request
        transaction = stack.start_client(asked, edge.flows.flow(f"north!{key}"), None)
        for status in statuses:
            stack.layer.match_response(make_response(asked, status, to_tag="2"), stack.clock())
        return transaction

    return invite


def said_at(network, stack, seconds, how):
    """After how many seconds something has left that begins so, in half seconds."""
    began, found, known = network.clock(), [], len(sent(stack))
    while network.clock() < began + seconds:
        network.advance(0.5)
        wires, known = sent(stack)[known:], len(sent(stack))
        found += [network.clock() - began for data, _ in wires if data.startswith(how)]
    return found


def times(network, stack, seconds=120.0):
    """After how many seconds an INVITE has left."""
    return said_at(network, stack, seconds, b"INVITE ")


def test_one_that_was_heard_and_nothing_more_is_said_again(network, stack, invite):
    """The phone has said once that it rings, to a node that was stopped in that moment."""
    first = invite(100).wire
    again = times(network, stack)

    assert again == [8.0, 16.0, 32.0]
    assert {parse(data).top_via.branch for data, _ in sent(stack)} == {parse(first).top_via.branch}


def test_it_comes_soon_though_others_are_looked_at_already(network, stack, invite):
    invite(100, 180)
    network.advance(3.5)
    stack.layer.let_go()
    invite(100)

    assert times(network, stack, 20.0) == [4.5, 12.5]


@pytest.mark.parametrize("said", [(100, 180), (183,), (100, 199), (100, 486), (200,)])
def test_one_of_which_more_was_heard_is_not(network, stack, invite, said):
    invite(*said)

    assert times(network, stack) == []


def test_one_that_is_cancelled_is_not(network, stack, invite):
    """Its phone may have forgotten it, and would ring again."""
    invite(100).cancel(stack.clock())

    assert times(network, stack) == []


def test_one_that_nobody_has_heard_is_repeated_by_timer_a_alone(network, stack, invite):
    invite()

    assert times(network, stack) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]


def test_one_to_a_connection_is_too(network, stack, invite):
    """What came over that went on over UDP, and may be lost there."""
    invite(100, key=OVER_TCP)

    assert times(network, stack) == [8.0, 16.0, 32.0]


@pytest.fixture
def tell(stack, edge):
    """Tell a caller at north something of its INVITE."""

    def tell(status, *, key=AT_NORTH, headers=()):
        asked = request(stack, PHONE).request
        flow = stack.transports[0].flow(PHONE) if key is None else edge.flows.flow(f"north!{key}")
        caller = stack.layer.server(asked, flow, None, stack.clock())
        caller.respond(make_response(asked, status, to_tag="2", headers=headers), stack.clock())
        return caller

    return tell


def told(network, stack, seconds=50.0):
    """After how many seconds a caller was told something again."""
    return said_at(network, stack, seconds, b"SIP/2.0 1")


@pytest.mark.parametrize("key", [AT_NORTH, OVER_TCP])
def test_a_caller_at_another_node_is_told_again_that_it_rings(network, stack, tell, key):
    """The network between the nodes was cut as it was told so first."""
    tell(180, key=key)
    said = bytes(sent(stack)[-1][0])

    assert told(network, stack) == [8.0, 16.0, 32.0]
    assert bytes(sent(stack)[-1][0]) == said


@pytest.mark.parametrize(
    "more", [{"status": 100}, {"status": 180, "key": None}, {"status": 183, "headers": [("RSeq", "1")]}]
)
def test_nobody_else_is(network, stack, tell, more):
    """Whoever is here, or has to acknowledge it."""
    tell(**more)

    assert told(network, stack) == []


def test_what_it_is_told_next_is_told_again_in_its_time(network, stack, tell):
    caller = tell(180)
    network.advance(6.0)
    caller.respond(make_response(caller.request, 183, to_tag="2"), stack.clock())

    assert told(network, stack, 20.0) == [6.0, 14.0]


def test_nothing_is_when_the_call_is_answered(network, stack, tell):
    caller = tell(180)
    caller.respond(make_response(caller.request, 200, to_tag="2"), stack.clock())

    assert told(network, stack) == []


def test_nothing_is_looked_at_when_there_are_none(network, stack, invite):
    """As many looks as there are seconds of INVITEs, and none after the last one."""
    invite(100, 180)
    looks = []
    unanswered = stack.layer.unanswered
    stack.layer.unanswered = lambda: looks.append(network.clock()) or unanswered()
    network.advance(60.0)

    assert len(looks) == 1

"""Timers that were due long ago wait until somebody knows whether they still mean anything."""

from sipwright.stack import HeldTimers
from sipwright.transport import MemoryNetwork

from .conftest import PEER, Element


def noted(network, timers, *instants):
    came = []
    for at in instants:
        timers.call_later(at, lambda at=at: came.append((at, round(network.now - begun, 3))))
    begun = network.now
    return came


def test_none_comes_while_they_are_held_and_then_all_do_that_were_due(network: MemoryNetwork):
    timers = HeldTimers(network.call_later, network.clock)
    came = noted(network, timers, 1.0, 2.0, 3.0, 9.0)
    network.advance(1.5)
    timers.hold()
    network.advance(5.0)
    timers.release()
    network.advance(4.0)

    assert came == [(1.0, 1.0), (2.0, 6.5), (3.0, 6.5), (9.0, 9.0)]


def test_one_that_waits_can_be_called_off(network: MemoryNetwork):
    timers, came = HeldTimers(network.call_later, network.clock), []
    waiting, later = (timers.call_later(at, came.append, at) for at in (1.0, 5.0))
    timers.hold()
    network.advance(2.0)
    waiting.cancel()
    later.cancel()
    waiting.cancel()  # again, as who has called it off does not remember
    timers.release()
    network.advance(9.0)

    assert came == []


def test_whoever_watches_the_clock_may_hold_the_one_that_is_about_to_come(network: MemoryNetwork):
    timers = HeldTimers(network.call_later)

    def watched():
        timers.hold()
        return network.now

    came = noted(network, timers, 1.0)
    timers.clock = watched
    network.advance(2.0)

    assert came == []
    timers.clock = network.clock
    timers.release()
    network.advance(0.1)
    assert came == [(1.0, 2.0)]


def test_a_request_is_not_repeated_while_they_are_held(network: MemoryNetwork, peer, outgoing):
    """A zombie sends nothing by the timers of a call that another node has gone on with (RFC 3261 §17.1.1.2)."""
    timers = HeldTimers(network.call_later, network.clock)
    element = Element(network, "192.0.2.9", call_later=timers.call_later)
    element.stack.send_request(outgoing("INVITE"), PEER, None)
    network.advance(0.6)
    before = len(peer.received)
    timers.hold()
    network.advance(15.0)
    held = len(peer.received)
    timers.release()
    network.advance(0.1)

    assert (before, held, len(peer.received)) == (2, 2, 3)

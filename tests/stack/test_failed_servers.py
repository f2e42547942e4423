"""Servers that have failed: who comes last, for how long, and who is asked whether it is back."""

from __future__ import annotations

import pytest

from sipwright.stack.failed_servers import ASK_EVERY, ASK_FOR, AVOID_FOR, MOST, FailedServers
from sipwright.transport import MemoryNetwork, Target

ONE, TWO = Target("udp", "192.0.2.1", 5060), Target("udp", "192.0.2.2", 5060)


class World:
    def __init__(self):
        self.network = MemoryNetwork()
        self.asked = []
        self.servers = FailedServers(self.network.clock, self.network.call_later, self.asked.append)

    def order(self):
        return self.servers.in_order([ONE, TWO])


@pytest.fixture
def world():
    return World()


def test_a_server_that_has_failed_comes_last_for_a_while(world):
    world.servers.failed(ONE, is_asked=False)
    assert world.order() == [TWO, ONE]

    world.network.advance(AVOID_FOR)
    assert world.order() == [ONE, TWO]
    assert (len(world.servers), world.asked) == (0, [])


def test_where_all_have_failed_they_are_in_their_order(world):
    world.servers.failed(TWO, is_asked=False)
    world.servers.failed(ONE, is_asked=False)

    assert world.order() == [ONE, TWO]
    assert world.servers.in_order([ONE]) == [ONE]


def test_that_of_a_provider_is_asked_until_it_is_back(world):
    world.servers.failed(ONE, is_asked=True)
    for count in range(1, 20):
        world.network.advance(ASK_EVERY)
        assert world.asked == [ONE] * count
        assert world.order() == [TWO, ONE]
        world.servers.answered(ONE, is_there=False)
    world.network.advance(ASK_EVERY)
    world.servers.answered(ONE, is_there=True)

    assert world.order() == [ONE, TWO]
    world.network.advance(100)
    assert len(world.asked) == 20


def test_nobody_is_asked_for_ever(world):
    world.servers.failed(ONE, is_asked=True)
    world.network.advance(ASK_FOR)
    world.servers.answered(ONE, is_there=False)

    assert len(world.servers) == 0
    assert world.order() == [ONE, TWO]


def test_a_second_failure_is_no_second_question(world):
    world.servers.failed(ONE, is_asked=True)
    world.servers.failed(ONE, is_asked=True)
    world.network.advance(ASK_EVERY)

    assert world.asked == [ONE]


def test_their_number_is_bounded_and_the_end_forgets_them(world):
    for port in range(1, MOST + 2):
        world.servers.failed(Target("udp", "192.0.2.1", port), is_asked=True)
    assert len(world.servers) == MOST
    world.servers.clear()
    world.network.advance(ASK_EVERY)

    assert (len(world.servers), world.asked) == (0, [])


def test_one_that_fails_once_more_is_avoided_from_then_on(world):
    """It was tried again, as all others had failed, too."""
    world.servers.failed(ONE, is_asked=False)
    world.network.advance(AVOID_FOR - 10)
    world.servers.failed(ONE, is_asked=False)
    world.network.advance(AVOID_FOR - 1)
    assert world.order() == [TWO, ONE]

    world.network.advance(2)
    assert (world.order(), len(world.servers)) == ([ONE, TWO], 0)


def test_one_that_does_not_answer_the_question_is_avoided_until_that_is_known(world):
    """An OPTIONS without an answer takes 32 s (RFC 3261 §17.1.2.2)."""
    world.servers.failed(ONE, is_asked=True)
    world.network.advance(ASK_EVERY + 32)

    assert (world.asked, world.order()) == ([ONE], [TWO, ONE])

"""What is handed on again until it is answered."""

from __future__ import annotations

import pytest

from sipwright.services.edge.repeats import Repeats
from sipwright.transport.memory import MemoryNetwork


@pytest.fixture
def network():
    return MemoryNetwork()


@pytest.fixture
def repeats(network):
    return Repeats(network.call_later)


def test_a_request_is_sent_again_as_a_phone_on_udp_would(network, repeats):
    sent, began = [], network.clock()
    repeats.begin("branch", lambda: sent.append(network.clock()))
    network.advance(60.0)

    assert [round(at - began, 1) for at in sent] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert len(repeats) == 0


def test_it_is_not_once_there_is_an_answer(network, repeats):
    sent = []
    repeats.begin("branch", lambda: sent.append(network.clock()))
    network.advance(1.0)
    repeats.answered("branch")
    network.advance(60.0)

    assert len(sent) == 1


def test_one_that_waits_already_is_not_begun_twice(network, repeats):
    sent = []
    for _ in range(2):
        repeats.begin("branch", lambda: sent.append(network.clock()))
    network.advance(0.6)

    assert len(sent) == 1


def test_all_are_sent_at_once_when_somebody_else_has_them(network, repeats):
    sent = []
    repeats.begin("one", lambda: sent.append("one"))
    repeats.begin("two", lambda: sent.append("two"))
    repeats.hurry()

    assert sent == ["one", "two"]

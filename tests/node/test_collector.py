"""When everything is looked at: in a quiet second, or when memory has grown, and never by itself."""

from __future__ import annotations

import gc
from itertools import pairwise

import pytest

from sipwright.node.collector import (
    ENOUGH,
    GROWTH,
    SPACING,
    Collector,
    resident_memory,
)


class Process:
    """A process whose messages and memory are set by hand, and which notes when it was collected."""

    def __init__(self) -> None:
        self.messages = 0
        self.memory = ENOUGH
        self.now = 1000.0
        self.collected: list[float] = []
        self.collector = Collector(lambda: self.messages, memory=lambda: self.memory, collect=self.collect)
        self.collector._rest(self.now)

    def collect(self) -> int:
        self.collected.append(self.now - 1000.0)
        return 3

    def seconds(self, count: int, *, messages: int = 0) -> list[float]:
        """Let time pass with so many messages a second, and return at which seconds everything was looked at."""
        self.collected.clear()
        for _ in range(count):
            self.now += 1.0
            self.messages += messages
            self.collector.look(self.now)
        return self.collected


@pytest.fixture
def process():
    return Process()


def test_the_first_quiet_second_after_work_is_taken(process):
    assert process.seconds(70, messages=200) == []
    assert process.seconds(30) == [71.0]


def test_a_node_without_work_does_not_look_again_and_again(process):
    assert process.seconds(1000) == []

    process.seconds(1, messages=1)
    assert process.seconds(1000) == [1002.0]


def test_quiet_seconds_among_work_are_taken_a_minute_apart(process):
    found = [second for _ in range(100) for second in [*process.seconds(2, messages=5), *process.seconds(1)]]

    assert [b - a for a, b in pairwise(found)] == [SPACING] * (len(found) - 1)
    assert found[0] == SPACING
    assert len(found) == 5


def test_steady_load_is_not_disturbed_as_long_as_memory_stays(process):
    process.memory = int(ENOUGH * GROWTH) - 1

    assert process.seconds(100_000, messages=1) == []


def test_under_steady_load_memory_that_has_grown_is_a_reason_and_then_the_new_measure(process):
    process.memory = int(ENOUGH * GROWTH)
    assert process.seconds(1000, messages=500) == [SPACING]
    process.memory = int(1.5 * ENOUGH * GROWTH) - 1
    assert process.seconds(1000, messages=500) == []
    process.memory = int(1.5 * ENOUGH * GROWTH)
    assert process.seconds(1000, messages=500) == [2001.0]


def test_little_memory_is_no_reason(process):
    process.memory = 1
    process.seconds(70, messages=1)
    process.seconds(1)
    process.memory = ENOUGH - 1

    assert process.seconds(1000, messages=1) == []


def test_growing_without_end_costs_one_look_a_minute(process):
    found = []
    for _ in range(600):
        process.memory *= 2
        found += process.seconds(1, messages=1)

    assert found == [SPACING * number for number in range(1, 11)]


def test_what_exists_at_the_start_is_never_looked_at_again_until_the_end():
    collector = Collector(lambda: 0)
    collector.start(0.0)
    try:
        assert gc.get_freeze_count() > 10_000
    finally:
        collector.close()

    assert gc.get_freeze_count() == 0


def test_the_memory_of_this_process_is_known():
    assert 10_000_000 < resident_memory() < 100_000_000_000

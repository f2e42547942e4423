"""One timer for what is looked at again and again."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from structlog.testing import capture_logs

from sipwright.node.rounds import SPACING, Rounds


class Clock:
    """A clock that is set by hand, and what was looked at when."""

    def __init__(self):
        self.now = 100.0
        self.seen: list[tuple[str, float]] = []
        self.rounds = Rounds(lambda: self.now)

    def note(self, what, now):
        self.seen.append((what, now - 100.0))

    def turns(self, count, lateness=0.0):
        for _ in range(count):
            self.now += SPACING + lateness
            self.rounds.turn(self.now)


@pytest.fixture
def clock():
    return Clock()


def test_each_is_looked_at_as_often_as_it_wants_and_in_order(clock):
    clock.rounds.every(SPACING, partial(clock.note, "often"))
    clock.rounds.every(1.0, partial(clock.note, "seldom"))
    clock.turns(1)
    clock.seen.clear()
    clock.turns(4)

    assert [what for what, _ in clock.seen] == ["often", "often", "often", "often", "seldom"]


def test_a_loop_that_is_a_little_late_skips_no_round(clock):
    clock.rounds.every(1.0, partial(clock.note, "look"))
    clock.turns(41, lateness=0.002)

    assert len(clock.seen) == 11


def test_one_that_fails_is_said_and_keeps_nobody_waiting(clock):
    def fail(now):
        raise ZeroDivisionError

    clock.rounds.every(SPACING, fail)
    clock.rounds.every(SPACING, partial(clock.note, "look"))
    with capture_logs() as logs:
        clock.turns(2)

    assert len(clock.seen) == 2
    assert [entry["event"] for entry in logs] == ["a look failed"] * 2


async def test_what_takes_longer_is_waited_for_before_it_is_asked_again(clock):
    done = asyncio.Event()

    def look(now):
        clock.note("look", now)
        return wait()

    async def wait():
        await done.wait()

    clock.rounds.every(SPACING, look)
    clock.turns(3)
    assert len(clock.seen) == 1
    done.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.turns(1)

    assert len(clock.seen) == 2
    await asyncio.sleep(0)


async def test_what_takes_longer_and_fails_is_said(clock):
    async def fail():
        raise ZeroDivisionError

    clock.rounds.every(SPACING, lambda now: fail())
    with capture_logs() as logs:
        clock.turns(1)
        await asyncio.sleep(0)

    assert [entry["event"] for entry in logs] == ["a look failed"]


async def test_nothing_goes_on_when_it_is_cancelled(clock):
    async def wait():
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:
            clock.note("cancelled", clock.now)
            raise

    clock.rounds.every(SPACING, lambda now: wait())
    running = asyncio.create_task(clock.rounds.run())
    await asyncio.sleep(0)
    clock.now += 1.0
    clock.rounds.turn(clock.now)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.sleep(0)

    assert [what for what, _ in clock.seen] == ["cancelled"]

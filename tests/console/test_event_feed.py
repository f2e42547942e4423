"""Events for a slow reader: the oldest are lost, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sipwright.console.event_feed import EventFeed


async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many():
    feed: EventFeed[int] = EventFeed(most=3)
    for number in range(10):
        feed.put(number)
    await feed.wait()

    assert feed.pop(2) == ([7, 8], 7)
    assert feed.pop(2) == ([9], 0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(feed.wait(), 0.01)


async def test_a_source_is_never_held_up_and_its_end_is_told_last():
    async def source() -> AsyncIterator[int]:
        for number in range(5):
            yield number
        raise ValueError("over")

    feed: EventFeed[int] = EventFeed()
    async with feed.filled_from(source()):
        await feed.wait()
        while len(feed) < 5:  # noqa: ASYNC110  the source is a task of its own
            await asyncio.sleep(0)
        assert feed.pop(10) == ([0, 1, 2, 3, 4], 0)
        with pytest.raises(ValueError, match="over"):
            await feed.wait()

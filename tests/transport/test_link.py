"""The socket pair between two workers."""

import asyncio
import socket

import pytest

from sipwright.transport import link as module
from sipwright.transport.link import Link


@pytest.fixture
def ends():
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for end in pair:
        end.setblocking(False)
    yield pair
    for end in pair:
        end.close()


async def take(heard: asyncio.Queue[bytes], count: int) -> list[bytes]:
    async with asyncio.timeout(60):
        return [await heard.get() for _ in range(count)]


async def test_messages_come_whole_and_in_order(ends):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    one, other = Link(ends[0], bytes), Link(ends[1], heard.put_nowait)
    other.start()
    words = [bytes([number]) * (number + 1) for number in range(100)]
    for word in words:
        one.send(word)
    found = await take(heard, 100)
    one.close()
    other.close()

    assert found == words


async def test_what_the_socket_has_no_room_for_waits(ends):
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    one, other = Link(ends[0], bytes), Link(ends[1], heard.put_nowait)
    words = [b"%05d" % number * 2_000 for number in range(1_000)]
    for word in words:
        one.send(word)
    other.start()
    found = await take(heard, 1_000)
    one.close()
    other.close()

    assert found == words
    assert one.dropped == 0


async def test_what_waits_is_bounded(ends, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    one = Link(ends[0], bytes)
    while not one.dropped:
        one.send(b"x" * 60_000)
    one.close()

    assert one.dropped == 1


async def test_nobody_at_the_other_end(ends):
    one = Link(ends[0], bytes)
    ends[1].close()
    one.send(b"x")
    one.close()

    assert one.dropped == 1

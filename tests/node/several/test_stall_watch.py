"""A process that was stopped knows that before it looks at what has come in meanwhile."""

import asyncio
import socket

import pytest

from sipwright.node.several.stall_watch import StallWatch
from sipwright.transport import UdpTransport


class Time:
    """A clock that tests move, while the watch sleeps for good."""

    def __init__(self):
        self.now = 100.0
        self.pauses = []

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        if not self.pauses:
            await asyncio.Event().wait()
        self.now += self.pauses.pop(0)


@pytest.fixture
def time():
    return Time()


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])
async def transport(request, time):
    made = UdpTransport(request.param, 0)
    made.sources.clock = time.clock
    made.seen = []
    made.on_message = lambda data, flow: made.seen.append(data)
    await made.start()
    made._watch.stop_reading()
    yield made
    await made.close()


async def watched(transport, time, on_stopped):
    watch = StallWatch([transport.sources, transport.sources], 2.0, on_stopped, sleep=time.sleep)
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    return task


def drain(transport):
    """Read what is there, as the loop does first of all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.sendto(b"INVITE", ("127.0.0.1", transport.local[1]))
    (transport._drain_pktinfo if transport._is_wildcard else transport._drain)()


async def test_what_was_read_late_is_looked_at_when_somebody_has_been_asked(transport, time):
    def hold():
        transport.on_message = lambda data, flow: transport.seen.append("held")

    task = await watched(transport, time, hold)
    time.now += 1.9
    drain(transport)
    time.now += 15.0
    drain(transport)
    task.cancel()
    await asyncio.wait([task])

    assert transport.seen == [b"INVITE", "held"]
    assert transport.sources.clock == time.clock


async def test_a_loop_that_goes_on_asks_nobody(transport, time):
    asked = []
    time.pauses = [0.5, 0.5, 1.9, 2.1, 0.5]
    task = await watched(transport, time, lambda: asked.append(time.now))
    task.cancel()
    await asyncio.wait([task])

    assert asked == [pytest.approx(105.0)]

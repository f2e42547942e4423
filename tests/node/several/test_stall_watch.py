"""A process that was stopped knows that before it looks at what has come in meanwhile."""

import asyncio
import socket

import pytest

from sipwright.node.several.stall_watch import Held, StallWatch
from sipwright.transport import UdpTransport
from sipwright.transport.held_sends import HeldSends


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


async def test_a_process_that_was_stopped_between_two_messages_does_not_say_the_second(time):
    """As when it is stopped while it does what a commit has allowed: no socket and no timer is looked at before."""
    said, sends = [], HeldSends(time.clock)
    send = sends.guard(said.append)
    task = asyncio.create_task(StallWatch([sends], 2.0, sends.hold, sleep=time.sleep).run())
    await asyncio.sleep(0)
    time.now += 1.9
    send(b"100 Trying")
    time.now += 15.0
    send(b"180 Ringing")
    task.cancel()
    await asyncio.wait([task])

    assert said == [b"100 Trying"]


async def test_clocks_that_do_not_tell_the_same_are_each_compared_with_themselves(time):
    """One of them counts the time for which the machine was suspended."""
    asked, timers, sends = [], HeldSends(time.clock), HeldSends(lambda: time.now + 3_600.0)
    task = asyncio.create_task(
        StallWatch([timers, sends], 2.0, lambda: asked.append(time.now), sleep=time.sleep).run()
    )
    await asyncio.sleep(0)
    time.now += 1.9
    told = timers.clock(), sends.clock()
    task.cancel()
    await asyncio.wait([task])

    assert (asked, told) == ([], (101.9, 3_701.9))


async def test_what_is_held_is_done_when_it_is_known_to_be_ours_and_never_when_it_is_not():
    """The sends before the timers: what those say comes after what was said before."""
    loop, told = asyncio.get_running_loop(), []
    held = Held(loop.call_later)
    send = held.sends.guard(told.append)
    answers = [held.hold(), held.hold()]
    held.timers.call_later(0.0, send, "by a timer")
    send("in the middle")
    await asyncio.sleep(0.001)
    before = list(told)
    answers += [held.release(), held.release()]
    await asyncio.sleep(0.001)
    held.hold()
    send("too late")
    held.stop()
    held.release()

    assert answers == [True, False, True, False]
    assert (before, told) == ([], ["in the middle", "by a timer"])


class Lease:
    """Held for two seconds from now on."""

    margin = 2.0

    def __init__(self):
        self.doubted = []

    def doubt(self):
        self.doubted.append(True)


async def test_where_another_node_may_have_taken_over_a_stop_is_told_before_anything_is_said():
    loop, told, lease = asyncio.get_running_loop(), [], Lease()
    held = Held(loop.call_later)
    held.sends.clock = lambda: len(told) * 15.0
    send, tasks = held.guard(told.append), [loop.create_task(each) for each in held.watch([], lease)]
    await asyncio.sleep(0)
    send("100 Trying")
    before = list(lease.doubted)
    send("180 Ringing")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert (before, lease.doubted) == ([], [True])


async def test_a_process_from_which_nobody_takes_over_while_it_is_there_has_no_doors():
    """As a worker on SQLite, whose calls are another one's only when it has ended."""
    loop, send = asyncio.get_running_loop(), [].append
    held = Held(loop.call_later, is_replaceable=False)

    assert held.guard(send) is send
    assert held.call_later == loop.call_later
    assert held.watch([], Lease()) == []

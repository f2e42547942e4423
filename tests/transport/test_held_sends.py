"""What is to be sent waits while nobody knows whether it is still ours to say, and is never said when it is not."""

import asyncio
import socket

import pytest

from sipwright.transport import TcpTransport, UdpTransport
from sipwright.transport.held_sends import MOST_HELD, HeldSends


@pytest.fixture
def sends():
    return HeldSends()


@pytest.fixture
def send(sends):
    said = []
    guarded = sends.guard(lambda *words: said.append(words))
    guarded.said = said
    return guarded


def test_what_waits_leaves_in_its_order(sends, send):
    send(b"1", "first")
    sends.hold()
    send(b"2")
    send(b"3", "second", 0)
    held = list(send.said)
    sends.release()
    send(b"4")

    assert held == [(b"1", "first")]
    assert send.said == [(b"1", "first"), (b"2",), (b"3", "second", 0), (b"4",)]


def test_nothing_leaves_any_more_once_another_one_speaks_for_us(sends, send):
    sends.hold()
    send(b"1")
    sends.stop()
    send(b"2")
    sends.release()  # an answer that comes late changes nothing
    send(b"3")

    assert send.said == []


def test_who_looks_at_the_clock_may_hold_what_is_just_leaving(sends, send):
    sends.clock = sends.hold
    send(b"1")

    assert send.said == []


def test_beyond_the_bound_the_oldest_are_lost(sends, send):
    sends.hold()
    for number in range(MOST_HELD + 2):
        send(number)
    sends.release()

    assert (sends.dropped, send.said[0], len(send.said)) == (2, (2,), MOST_HELD)


def test_one_that_finds_no_way_holds_up_no_other(sends):
    said = []

    def fail():
        raise ConnectionResetError("closed meanwhile")

    first, second = sends.guard(fail), sends.guard(said.append)
    sends.hold()
    first()
    second(b"2")
    sends.release()

    assert said == [b"2"]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_datagrams_pass_it(sends, host):
    transport = UdpTransport(host, 0)
    transport.guard = sends.guard
    await transport.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.setblocking(False)
        flow = transport.flow(phone.getsockname())
        flow.send(b"1")
        sends.hold()
        flow.send(b"2")
        first = phone.recv(99)
        with pytest.raises(BlockingIOError):
            phone.recv(99)
        sends.release()
        second = phone.recv(99)
    await transport.close()

    assert (first, second) == (b"1", b"2")


async def test_messages_of_a_connection_pass_it(sends):
    transport, heard = TcpTransport("127.0.0.1", 0), asyncio.Queue()
    transport.guard = sends.guard
    await transport.start()
    server = await asyncio.start_server(lambda *ends: heard.put_nowait(ends), "127.0.0.1", 0)
    flow = transport.flow(server.sockets[0].getsockname())
    flow.send(b"1")
    reader, writer = await heard.get()
    first = await reader.read(99)
    sends.hold()
    flow.send(b"2")
    sends.stop()
    flow.close()
    last = await reader.read(99)
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    await transport.close()

    assert (first, last) == (b"1", b"")

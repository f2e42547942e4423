"""What becomes of datagrams that nobody takes, on sockets of the kernel."""

from __future__ import annotations

import asyncio
import socket

import pytest

from sipwright.transport import UdpTransport


@pytest.fixture
def closed():
    """An address of this machine where nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        return gone.getsockname()


async def told(transport, count):
    """Return what a transport says that nobody has taken."""
    found, changed = [], asyncio.Event()

    def undelivered(data):
        found.append(data)
        changed.set()

    transport.on_undelivered = undelivered
    while len(found) < count:
        await asyncio.wait_for(changed.wait(), 60)
        changed.clear()
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_a_closed_port_is_told_with_what_was_sent_there(opened, closed, host):
    """RFC 3261 §18.4."""
    transport = UdpTransport(host, 0)
    await opened(transport)
    transport.flow(closed).send(b"INVITE 1")

    assert await told(transport, 1) == [b"INVITE 1"]


async def test_a_socket_hears_and_sends_on_after_an_error(opened, closed):
    """Libuv takes a socket that has an error for one that has ended, if it sees it."""
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)
    flow = transport.flow(closed)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(60)
        for number in range(3):
            flow.send(b"INVITE %d" % number)
            transport.flow(phone.getsockname()).send(b"to the phone")
            assert phone.recv(100) == b"to the phone"
            assert len(await told(transport, 1)) == 1
        phone.sendto(b"hello", transport.local)

        assert await inbox.message() == b"hello"


async def test_errors_do_not_keep_the_loop_busy(opened, closed):
    transport = UdpTransport("127.0.0.1", 0)
    await opened(transport)
    for _ in range(100):
        transport.flow(closed).send(b"INVITE 1")
    await told(transport, 1)
    wakes, read = [], transport._read_errors
    transport._read_errors = lambda: (wakes.append(1), read())
    for _ in range(200):
        await asyncio.sleep(0)

    assert len(wakes) < 120

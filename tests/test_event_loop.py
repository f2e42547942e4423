"""The event loop of every process of ours."""

import asyncio
import socket
import sys
from contextlib import suppress

import pytest
import uvloop

from sipwright.event_loop import listen_no_more, new_loop


def test_it_is_uvloops():
    loop = new_loop()
    loop.close()

    assert isinstance(loop, uvloop.Loop)


def test_it_is_the_librarys_own_without_uvloop(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)

    loop = new_loop()
    loop.close()

    assert isinstance(loop, asyncio.SelectorEventLoop)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_whoever_is_just_let_in_is_known_once_nobody_listens_any_more(make, turns):
    class Guest(asyncio.Protocol):
        def connection_made(self, transport):
            known.append(transport)

    async def come_and_go():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Guest, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            client.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            await listen_no_more(server)
            for transport in known:
                transport.abort()
            with suppress(ConnectionResetError):  # nobody had let it in
                async with asyncio.timeout(60):
                    assert await loop.sock_recv(client, 1) == b""

    known = []
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(come_and_go())

    assert all(transport.is_closing() for transport in known)

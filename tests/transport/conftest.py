import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from sipwright.transport import Flow, TcpTransport, Transport, UdpTransport


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every asynchronous test of a transport on both loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def ipv6() -> None:
    """Ask for it, which a machine or a container may not have."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"there is no IPv6 on this machine: {error}")


class Inbox:
    """What a transport has handed up."""

    def __init__(self, transport: Transport) -> None:
        self.messages: list[bytes] = []
        self.flows: list[Flow] = []
        self.stun: list[bytes] = []
        self.closed: list[tuple[Flow, OSError | None]] = []
        self.errors: list[str] = []
        self._changed = asyncio.Event()
        transport.on_message = self._on_message
        transport.on_stun = lambda data, flow: self._note(self.stun, data)
        transport.on_flow_closed = lambda flow, error: self._note(self.closed, (flow, error))
        transport.on_framing_error = lambda error, flow: self._note(self.errors, error.reason)

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not is_so():
                self._changed.clear()
                await self._changed.wait()

    async def message(self, count: int = 1) -> bytes:
        await self.until(lambda: len(self.messages) >= count)
        return self.messages[count - 1]

    def _on_message(self, data: bytes, flow: Flow) -> None:
        self.flows.append(flow)
        self._note(self.messages, data)

    def _note(self, where: list, what: object) -> None:
        where.append(what)
        self._changed.set()


Open = Callable[[Transport], Awaitable[Inbox]]


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Start transports with an inbox, and close them after the test."""
    transports: list[Transport] = []

    async def open_one(transport: UdpTransport | TcpTransport) -> Inbox:
        inbox = Inbox(transport)
        await transport.start()
        transports.append(transport)
        return inbox

    yield open_one
    for transport in transports:
        await transport.close()

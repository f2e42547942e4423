"""A network in memory for tests: it drops, repeats and delays by a seed, and time is a number.

Every run with the same seed does the same. Stacks on a `MemoryNetwork` take its `clock` and `call_later`, so
minutes of retransmissions pass in milliseconds.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

from sipwright.transport.base import (
    OnFlowClosed,
    OnFramingError,
    OnMessage,
    OnUndelivered,
    ignore_closed,
    ignore_framing_error,
    ignore_message,
    ignore_undelivered,
)
from sipwright.transport.flow import Address, Flow, Trust
from sipwright.transport.tap import Tap


@dataclass(frozen=True, slots=True)
class MemorySnapshot:
    """The counters of one memory transport."""

    local: Address
    received: int
    sent: int


def _nothing() -> None:
    """Do what a cancelled event does."""


class Event:
    """An event on the network that is to come, unless it is cancelled."""

    __slots__ = ("callback", "is_cancelled")

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Let it not happen, and let go of whatever it was for."""
        self.is_cancelled = True
        self.callback = _nothing


class MemoryNetwork:
    """The wires between memory transports, and the clock on the wall."""

    def __init__(
        self,
        seed: int = 0,
        *,
        drop: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        delay: float = 0.005,
    ) -> None:
        """Args say how likely a datagram is lost, sent twice or held back, and how long it travels."""
        self.drop, self.duplicate, self.reorder, self.delay = drop, duplicate, reorder, delay
        self.now = 1_000.0
        self.dropped = self.delivered = 0
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Event]] = []
        self._count = 0
        self._transports: dict[tuple[str, Address], MemoryTransport] = {}

    def clock(self) -> float:
        """Return the virtual time."""
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Event:
        """Call `callback` when the virtual time has advanced by `delay`."""
        event = Event(callback)
        self._count += 1
        heapq.heappush(self._events, (self.now + delay, self._count, event))
        return event

    def transport(
        self, host: str, port: int = 5060, protocol: str = "udp", *, behind: Address | None = None
    ) -> MemoryTransport:
        """Attach a transport; one `behind` a NAT is seen by others only at that address."""
        transport = MemoryTransport(self, (host, port), protocol, behind or (host, port))
        self._transports[protocol, transport.seen_as] = transport
        return transport

    def detach(self, transport: MemoryTransport) -> None:
        """Let nothing reach a transport any more."""
        self._transports.pop((transport.protocol, transport.seen_as), None)

    def lookup(self, protocol: str, address: Address) -> MemoryTransport | None:
        """Return the transport that others see at an address."""
        return self._transports.get((protocol, address))

    def carry(self, source: MemoryTransport, remote: Address, data: bytes) -> None:
        """Take a message on its way; a stream loses and repeats nothing."""
        copies = 1
        if not source.is_reliable:
            if self._random.random() < self.drop:
                self.dropped += 1
                return
            copies += self._random.random() < self.duplicate
        for _ in range(copies):
            delay = self.delay
            if not source.is_reliable and self._random.random() < self.reorder:
                delay += self._random.random() * 10 * self.delay
            self.call_later(delay, lambda: self._deliver(source, remote, data))

    def advance(self, seconds: float) -> None:
        """Let time pass and everything happen that falls into it."""
        end = self.now + seconds
        while self._events and self._events[0][0] <= end:
            self._step()
        self.now = end

    async def run(self, seconds: float) -> None:
        """Like `advance`, and let asyncio tasks take their turns between events."""
        end = self.now + seconds
        await _yield_to_tasks()
        while self._events and self._events[0][0] <= end:
            self._step()
            await _yield_to_tasks()
        self.now = end

    def _step(self) -> None:
        at, _, event = heapq.heappop(self._events)
        self.now = at
        if not event.is_cancelled:
            event.callback()

    def _deliver(self, source: MemoryTransport, remote: Address, data: bytes) -> None:
        target = self._transports.get((source.protocol, remote))
        if target is not None:
            self.delivered += 1
            target.receive(data, source.seen_as)


class MemoryFlow(Flow):
    """One pair of addresses on a `MemoryNetwork`."""

    __slots__ = ("_transport", "is_known", "is_reliable")

    def __init__(self, transport: MemoryTransport, remote: Address) -> None:
        super().__init__(transport.protocol, transport.local, remote)
        self._transport = transport
        self.is_reliable = transport.is_reliable
        self.is_known = False

    @property
    def is_closed(self) -> bool:
        """The flow was cut, or its transport closed."""
        return not self._transport.is_up or self._transport.flows.get(self.remote) is not self

    @property
    def is_open(self) -> bool:
        """Somebody is at the other end of a stream."""
        transport = self._transport
        is_answered = transport.network.lookup(self.protocol, self.remote) is not None
        return not self.is_closed and (is_answered or not self.is_reliable)

    def send(self, data: bytes) -> None:
        """Put a message on the wire.

        Raises:
            OSError: The flow is closed, or nobody listens at the other end of a stream.
        """
        self._transport.send(self, data)

    def redirected(self, port: int) -> Flow:
        """Return the flow to another port of the same peer; a connection has none but its own."""
        return self if self.is_reliable else self._transport.flow((self.remote[0], port))

    def add_alias(self, remote: Address) -> None:
        """Let requests to `remote` use this connection too."""
        self._transport.alias(self, remote)

    def vouch(self) -> None:
        """Note that somebody known is at the other end."""
        self.is_known = True


class MemoryTransport:
    """An address on a `MemoryNetwork`; the protocol `tcp` is reliable, `udp` is not."""

    def __init__(self, network: MemoryNetwork, local: Address, protocol: str, seen_as: Address) -> None:
        self.protocol = protocol
        self.is_reliable = protocol != "udp"
        self.local = local
        self.seen_as = seen_as
        self.network = network
        self.tap = Tap()
        self.on_message: OnMessage = ignore_message
        self.on_stun: OnMessage = ignore_message
        self.on_flow_closed: OnFlowClosed = ignore_closed
        self.on_framing_error: OnFramingError = ignore_framing_error
        self.on_undelivered: OnUndelivered = ignore_undelivered
        self.flows: dict[Address, MemoryFlow] = {}
        self._aliases: dict[Address, MemoryFlow] = {}
        self.is_up = True
        self._received = self._sent = 0

    async def start(self) -> None:
        """Do nothing: it is attached already."""

    async def close(self) -> None:
        """Leave the network."""
        self.is_up = False
        self.network.detach(self)

    def reaches(self, host: str) -> bool:
        """Return whether any address can be reached."""
        return True

    def flow(self, remote: Address, local: Address | None = None, trust: Trust | None = None) -> MemoryFlow:
        """Return the flow to a peer."""
        flow = self.find(remote)
        if flow is None:
            flow = self.flows[remote] = MemoryFlow(self, remote)
        return flow

    def find(self, remote: Address) -> MemoryFlow | None:
        """Return the flow to a peer if there is one; datagrams need none."""
        if not self.is_reliable and remote not in self.flows:
            self.flows[remote] = MemoryFlow(self, remote)
        return self.flows.get(remote) or self._aliases.get(remote)

    def snapshot(self) -> MemorySnapshot:
        """Return the counters."""
        return MemorySnapshot(self.local, self._received, self._sent)

    def send(self, flow: MemoryFlow, data: bytes) -> None:
        """Put a message on the wire. Raises OSError where the flow is closed or refused."""
        if flow.is_closed:
            raise ConnectionError(f"{flow.key} is closed")
        if self.is_reliable and self.network.lookup(self.protocol, flow.remote) is None:
            self.cut(flow)
            raise ConnectionRefusedError(f"nobody listens at {flow.remote}")
        if self.tap.listeners:
            self.tap.emit("out", flow, data)
        self._sent += 1
        self.network.carry(self, flow.remote, data)

    def alias(self, flow: MemoryFlow, remote: Address) -> None:
        """Use `flow` for what goes to `remote` too."""
        if remote not in self.flows:
            self._aliases[remote] = flow

    def receive(self, data: bytes, source: Address) -> None:
        """Take a message off the wire."""
        flow = self.flow(source)
        if self.tap.listeners:
            self.tap.emit("in", flow, data)
        self._received += 1
        self.on_message(data, flow)

    def cut(self, flow: MemoryFlow) -> None:
        """Break a connection, as a failing network would."""
        self.flows.pop(flow.remote, None)
        self._aliases = {remote: other for remote, other in self._aliases.items() if other is not flow}
        self.on_flow_closed(flow, ConnectionResetError(f"{flow.key} was cut"))


async def _yield_to_tasks() -> None:
    for _ in range(8):
        await asyncio.sleep(0)

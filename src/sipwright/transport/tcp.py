"""SIP over TCP (RFC 3261 §18, RFC 5626 §4.4.1, RFC 5923).

One table knows every connection by the address at its far end, whoever opened it, so that a request to a
peer with an open connection uses that one. What abuse could cost is bounded: connections in all and for each
source, bytes of unfinished messages, seconds that a message may take, bytes that a peer may leave unread.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter, OrderedDict
from dataclasses import dataclass

from sipwright.event_loop import listen_no_more
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
from sipwright.transport.flow import Address, Trust, is_wildcard
from sipwright.transport.held_sends import Guard, unguarded
from sipwright.transport.route import Routes, family_of
from sipwright.transport.sources import Sources
from sipwright.transport.tap import Tap
from sipwright.transport.tcp_connection import TcpFlow
from sipwright.transport.tcp_limits import TcpLimits

SWEEP_INTERVAL = 5.0
BACKLOG = 1_024
ALIASES_PER_CONNECTION = 8


@dataclass(frozen=True, slots=True)
class TcpSnapshot:
    """The counters of one TCP listener."""

    local: Address
    connections: int
    accepted: int
    refused: int
    received: int
    sent: int
    pings: int
    slow: int
    idle: int
    framing_errors: int
    unfinished_bytes: int


class TcpTransport:
    """A listening TCP socket, and the connections it accepted or we opened beside it."""

    protocol = "tcp"
    is_reliable = True
    flow_type: type[TcpFlow] = TcpFlow

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tap: Tap | None = None,
        routes: Routes | None = None,
        limits: TcpLimits | None = None,
    ) -> None:
        self.sources = Sources()
        self.tap = tap or Tap()
        self.on_message: OnMessage = ignore_message
        self.on_stun: OnMessage = ignore_message
        self.on_flow_closed: OnFlowClosed = ignore_closed
        self.on_framing_error: OnFramingError = ignore_framing_error
        self.on_undelivered: OnUndelivered = ignore_undelivered
        self.limits = limits or TcpLimits()
        self.inherited: socket.socket | None = None
        """The socket that an earlier process has left, to go on with."""
        self.is_shared = False
        """Whether other workers of this switch listen at the same address."""
        self.guard: Guard = unguarded
        """What stands in front of each connection for the messages that are sent."""
        self._address = (host, port)
        self._family = family_of(host)
        self._routes = routes or Routes()
        self._server: asyncio.Server | None = None
        self.listening: socket.socket | None = None
        """The socket, while it is open."""
        self._flows: dict[Address, TcpFlow] = {}
        self._aliases: dict[Address, TcpFlow] = {}
        self._sources: Counter[str] = Counter()
        self._waiting: OrderedDict[TcpFlow, float] = OrderedDict()
        """Connections that owe us the end of a message, oldest first, with the time it began."""
        self._resting: OrderedDict[TcpFlow, float] = OrderedDict()
        """The other connections of strangers, the one longest without traffic first."""
        self._known: OrderedDict[TcpFlow, float] = OrderedDict()
        """The other connections of those we know, likewise."""
        self._strangers: Counter[str] = Counter()
        """Connections of each source over which nobody has said yet who he is."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._unfinished_bytes = 0
        self.accepted = self.refused = self.received = self.sent = self.pings = 0
        self.slow = self.idle = self.framing_errors = 0

    @property
    def local(self) -> Address:
        """The bound address; the host may be a wildcard."""
        return self._address

    async def start(self) -> None:
        """Bind and listen."""
        self.loop = asyncio.get_running_loop()
        inherited, self.inherited = self.inherited, None
        listener = self.listening = inherited or _open_listener(
            self._family, self._address, is_shared=self.is_shared
        )
        self._server = await self.loop.create_server(
            lambda: self.flow_type(self, None), sock=listener, backlog=BACKLOG
        )
        self._address = listener.getsockname()[:2]

    async def close(self) -> None:
        """Stop listening, let what is written leave, and close every connection."""
        self.listening = None
        server, self._server = self._server, None
        if server is not None:
            await listen_no_more(server)
        for task in self._tasks:
            task.cancel()
        flows = {*self._waiting, *self._resting, *self._known}
        for flow in flows:
            flow.close()
        endings = [asyncio.ensure_future(flow.wait_lost()) for flow in flows]
        if endings:
            _, unfinished = await asyncio.wait(endings, timeout=self.limits.closing)
            for flow in flows if unfinished else ():
                flow.abort()
            for ending in unfinished:
                ending.cancel()
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def reaches(self, host: str) -> bool:
        """Return whether the IP address is of the listener's family."""
        return family_of(host) == self._family

    def find(self, remote: Address) -> TcpFlow | None:
        """Return the connection to a peer, or one that it asked us to use for this address."""
        return self._flows.get(remote) or self._aliases.get(remote)

    def flow(self, remote: Address, local: Address | None = None, trust: Trust | None = None) -> TcpFlow:
        """Return the connection to a peer; a new one queues what is sent until it is open.

        Raises:
            OSError: We are not listening, or no route leads there.
        """
        known = self.find(remote)
        if known is not None:
            return known
        flow = self._made(remote)
        self._dial(flow)
        return flow

    def _made(self, remote: Address) -> TcpFlow:
        """Make the flow of a connection that is to be opened."""
        if self._server is None:
            raise ConnectionError(f"the {self.protocol.upper()} transport is closed")
        host = self._address[0]
        if is_wildcard(host):
            host = self._routes.local_host(remote[0])
        flow = self.flow_type(self, remote, (host, self._address[1]))
        flow.source = self.sources.of(remote[0], is_certain=True)
        return flow

    def _dial(self, flow: TcpFlow) -> None:
        """Open a connection, which is in the tables from now on."""
        remote = flow.remote
        self._flows.setdefault(remote, flow)
        self._known[flow] = self.loop.time()
        self._sources[remote[0]] += 1
        task = self.loop.create_task(self._open(flow))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def snapshot(self) -> TcpSnapshot:
        """Return the counters."""
        return TcpSnapshot(
            local=self._address,
            connections=self._count,
            accepted=self.accepted,
            refused=self.refused,
            received=self.received,
            sent=self.sent,
            pings=self.pings,
            slow=self.slow,
            idle=self.idle,
            framing_errors=self.framing_errors,
            unfinished_bytes=self._unfinished_bytes,
        )

    # --- called by the flows -------------------------------------------------------------------------

    def admit(self, flow: TcpFlow) -> bool:
        """Take an accepted connection into the table, or refuse it because of a limit."""
        host = flow.remote[0]
        limits = self.limits
        is_too_many = (
            self._count >= limits.connections
            or self._sources[host] >= limits.connections_per_source
            or self._strangers[host] >= limits.strangers_per_source
        )
        if is_too_many or self._server is None or not self.sources.lets_in(host):
            self.refused += 1
            return False
        flow.source = self.sources.of(host, is_certain=True)
        self.accepted += 1
        self._sources[host] += 1
        self._strangers[host] += 1
        self._flows[flow.remote] = flow
        self._waiting[flow] = self.loop.time()
        self.opened(flow)
        return True

    def vouched(self, flow: TcpFlow) -> None:
        """Take a connection for one of somebody known from now on."""
        flow.is_known = True
        self.sources.vouched(flow)
        _subtract(self._strangers, flow.remote[0])
        if self._resting.pop(flow, None) is not None:
            self._known[flow] = self.loop.time()

    def alias(self, flow: TcpFlow, remote: Address) -> None:
        """Use a connection for what goes to `remote` too, unless that has one (RFC 5923 §5)."""
        if remote not in self._flows and not flow.is_closed and len(flow.aliases) < ALIASES_PER_CONNECTION:
            self._aliases[remote] = flow
            flow.aliases.add(remote)

    def opened(self, flow: TcpFlow) -> None:
        """Watch over the time of a connection from now on."""
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(SWEEP_INTERVAL, self._sweep)

    def progressed(self, flow: TcpFlow, has_ended: bool, grown: int, is_inside: bool) -> None:
        """Note that bytes came: whether they ended a message, and whether another has begun.

        Whoever only pings has said nothing yet, and has as long as for its first message.
        """
        self._unfinished_bytes += grown
        if is_inside or not flow.has_spoken:
            if (has_ended and flow.has_spoken) or flow not in self._waiting:
                self._resting.pop(flow, None)
                self._known.pop(flow, None)
                self._waiting[flow] = self.loop.time()
                self._waiting.move_to_end(flow)
        else:
            self._waiting.pop(flow, None)
            table = self._known if flow.is_known else self._resting
            table[flow] = self.loop.time()
            table.move_to_end(flow)
        if self._unfinished_bytes > self.limits.unfinished:
            self.slow += 1
            next(iter(self._waiting)).abort()

    def forget(self, flow: TcpFlow, error: OSError | None, unfinished: int) -> None:
        """Take a connection out of every table and tell the stack."""
        self._waiting.pop(flow, None)
        self._resting.pop(flow, None)
        self._known.pop(flow, None)
        self._unfinished_bytes -= unfinished
        _subtract(self._sources, flow.remote[0])
        if not flow.is_known:
            _subtract(self._strangers, flow.remote[0])
        if self._flows.get(flow.remote) is flow:
            del self._flows[flow.remote]
        for remote in flow.aliases:
            if self._aliases.get(remote) is flow:
                del self._aliases[remote]
        self.on_flow_closed(flow, error)

    @property
    def _count(self) -> int:
        return len(self._waiting) + len(self._resting) + len(self._known)

    # --- time ------------------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """Close what has had its time: unfinished messages, silent connections."""
        limits = self.limits
        for table, limit in (
            (self._waiting, limits.message),
            (self._resting, limits.stranger_idle),
            (self._known, limits.idle),
        ):
            for flow in older_than(table, now - limit):
                if table is self._waiting:
                    self.slow += 1
                else:
                    self.idle += 1
                flow.abort()

    def _sweep(self) -> None:
        self._sweeper = None
        self.sweep(self.loop.time())
        if self._count:
            self._sweeper = self.loop.call_later(SWEEP_INTERVAL, self._sweep)

    async def _open(self, flow: TcpFlow) -> None:
        host = self._address[0]
        try:
            async with asyncio.timeout(self.limits.connect):
                await self.loop.create_connection(
                    lambda: flow, *flow.remote, local_addr=None if is_wildcard(host) else (host, 0)
                )
                await flow.wait_open()
        except OSError as error:
            flow.fail(error)
        except asyncio.CancelledError:
            flow.fail(ConnectionAbortedError(f"the {self.protocol.upper()} transport was closed"))


def _subtract(counts: Counter[str], host: str) -> None:
    counts[host] -= 1
    if counts[host] <= 0:
        del counts[host]


def older_than(table: OrderedDict[TcpFlow, float], limit: float) -> list[TcpFlow]:
    """Return the connections in a table that are there for longer than since an instant, the oldest first."""
    old = []
    for flow, since in table.items():
        if since > limit:
            break
        old.append(flow)
    return old


def _open_listener(
    family: socket.AddressFamily, address: Address, *, is_shared: bool = False
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock

"""SIP over UDP on our own non-blocking socket (RFC 3261 §18, RFC 3581).

The event loop's datagram endpoints cost several times as much and hide EAGAIN, so this reads the socket
itself: one wake-up drains up to 16 datagrams, and each goes to its handler and back to the socket in one call
stack. When some turns in a row have not emptied the socket we are behind (`stack/backlog.py`); a burst of so many is
read sooner than put in order. What is sent to a peer leaves by its `UdpFlow`, which stands with the socket's own
ways in `udp_socket.py`; what ICMP says is in `icmp.py`.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

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
from sipwright.transport.icmp import Watch, undelivered
from sipwright.transport.route import Routes, family_of
from sipwright.transport.sources import PATIENCE, Sources
from sipwright.transport.steering import steer_datagrams
from sipwright.transport.tap import Tap
from sipwright.transport.udp_socket import (
    LOST,
    OF_EARLIER,
    WOULD_BLOCK,
    Ancillary,
    SocketAddress,
    UdpFlow,
    UdpSnapshot,
    address_of,
    age_of_unread,
    asked_host,
    leaving_from,
    open_socket,
    socket_address,
    stamp_arrivals,
)

DATAGRAMS_PER_WAKE = 16

TURNS_BEHIND = 4
"""Turns in a row after which a socket that is still not empty counts as behind; they take some milliseconds."""

LARGEST_DATAGRAM = 65_535
FLOWS_PER_GENERATION = 16_384


class UdpTransport:
    """A bound UDP socket."""

    protocol = "udp"
    is_reliable = False

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tap: Tap | None = None,
        routes: Routes | None = None,
        queue_messages: int = 8_192,
        queue_bytes: int = 16 << 20,
    ) -> None:
        self.sources = Sources()
        self.tap = tap or Tap()
        self.on_message: OnMessage = ignore_message
        self.on_stun: OnMessage = ignore_message
        self.on_flow_closed: OnFlowClosed = ignore_closed
        self.on_framing_error: OnFramingError = ignore_framing_error
        self.on_undelivered: OnUndelivered = ignore_undelivered
        self.on_behind: Callable[[], None] = _ignore_behind
        self.datagrams_per_wake = DATAGRAMS_PER_WAKE
        self._full_turns = 0
        self.inherited: socket.socket | None = None
        """The socket that an earlier process has left, to go on with."""
        self.is_shared = False
        """Whether other workers of this switch listen at the same address."""
        self.guard: Guard = unguarded
        """What stands in front of the socket for all that is sent."""
        self._address = (host, port)
        self._is_wildcard = is_wildcard(host)
        self._family = family_of(host)
        self._routes = routes or Routes()
        self._young: dict[object, UdpFlow] = {}
        self._old: dict[object, UdpFlow] = {}
        # What is read is copied from here: messages that are kept, each cut off 64 kB, would leave holes in the heap.
        self._buffer = bytearray(LARGEST_DATAGRAM)
        self._view = memoryview(self._buffer)
        self._queue_messages = queue_messages
        self._queue_bytes = queue_bytes
        self._queued_bytes = 0
        self.queue: deque[tuple[UdpFlow, bytes]] = deque()
        self.is_closed = True
        self.sent = 0
        self._received = self._dropped = self._keepalives = self._errors = 0

    @property
    def local(self) -> Address:
        """The bound address; the host may be a wildcard."""
        return self._address

    async def start(self) -> None:
        """Bind the socket and listen."""
        self._loop = asyncio.get_running_loop()
        inherited, self.inherited = self.inherited, None
        self._socket = sock = inherited or open_socket(
            self._family, self._address, wants_pktinfo=self._is_wildcard, is_shared=self.is_shared
        )
        if self.is_shared:
            steer_datagrams(sock)
        self._address = sock.getsockname()[:2]
        self.sendto, self.sendmsg = self.guard(sock.sendto), self.guard(sock.sendmsg)
        self.is_closed = False
        stamp_arrivals(sock)
        self._watch = Watch(self._loop, sock)
        self._watch.when_readable(self._drain_pktinfo if self._is_wildcard else self._drain)

    @property
    def listening(self) -> socket.socket | None:
        """The socket, once it is open."""
        return None if self.is_closed else self._socket

    def stop_reading(self) -> None:
        """Leave what comes in from now on in the socket, for the next process that has it; sending goes on."""
        if not self.is_closed:
            self._watch.stop_reading()

    async def close(self) -> None:
        """Close the socket; what is still queued is lost, as datagrams may be."""
        if self.is_closed:
            return
        self.is_closed = True
        if self.queue:
            self._watch.stop_writing()
            self.queue.clear()
        self._watch.close()
        self._socket.close()

    def reaches(self, host: str) -> bool:
        """Return whether the IP address is of this socket's family."""
        return family_of(host) == self._family

    def flow(self, remote: Address, local: Address | None = None, trust: Trust | None = None) -> UdpFlow:
        """Return the flow to a peer, from `local` where the socket has several addresses.

        Raises:
            OSError: No route leads there.
        """
        peer = socket_address(remote)
        if not self._is_wildcard:
            return self._flows_get(peer) or self._remember(peer, self._address, peer, None)
        if local is None or not self._routes.is_own(local[0]):
            local = (self._routes.local_host(remote[0]), self._address[1])
        key = (local[0], peer)
        return self._flows_get(key) or self._remember(key, local, peer, leaving_from(self._family, local[0]))

    def find(self, remote: Address) -> UdpFlow | None:
        """Return the flow to a peer, or None where no route leads."""
        try:
            return self.flow(remote)
        except OSError:
            return None

    def snapshot(self) -> UdpSnapshot:
        """Return the counters."""
        return UdpSnapshot(
            local=self._address,
            received=self._received,
            sent=self.sent,
            queued=len(self.queue),
            dropped=self._dropped,
            keepalives=self._keepalives,
            errors=self._errors,
            flows=len(self._young) + len(self._old),
        )

    @property
    def unread_for(self) -> float:
        """For how many seconds the first datagram has waited that is still to be read, by the kernel's stamp of it."""
        return 0.0 if self.is_closed else age_of_unread(self._socket)

    # --- receiving ---------------------------------------------------------------------------------

    def _drain(self) -> None:
        receive, buffer, view = self._socket.recvfrom_into, self._buffer, self._view
        young, sources = self._young, self.sources
        now = sources.clock()
        latest = now + PATIENCE
        for turn in range(self.datagrams_per_wake):
            try:
                size, peer = receive(buffer)
            except OSError as error:
                if self._is_empty(error, turn):
                    return
                continue
            data = bytes(view[:size])
            flow = young.get(peer) or self._flows_get(peer)
            if flow is None:
                if not sources.lets_in(peer[0]):
                    continue
                flow = self._remember(peer, self._address, peer, None)
                young = self._young
            # As `Sources.admits` does, which every message would have to call.
            source = flow.source
            pool = source.pool
            due = source.due
            if due > latest or pool.count >= pool.most:
                if not sources.spares(flow, data):
                    continue
            else:
                source.due = (due if due > now else now) + pool.cost
                pool.count += 1
            self._received += 1
            if data and data[0] > 31:
                if self.tap.listeners:
                    self.tap.emit("in", flow, data)
                self.on_message(data, flow)
            else:
                self._receive_other(data, flow)
            if self.is_closed:
                return
        self._turn_was_full()

    def _drain_pktinfo(self) -> None:
        receive, buffers, view, sources = self._socket.recvmsg_into, (self._buffer,), self._view, self.sources
        now = sources.clock()
        latest = now + PATIENCE
        for turn in range(self.datagrams_per_wake):
            try:
                size, ancillary, _flags, peer = receive(buffers, 64)
            except OSError as error:
                if self._is_empty(error, turn):
                    return
                continue
            data = bytes(view[:size])
            key = (ancillary[0][2], peer) if ancillary else peer
            flow = self._young.get(key) or self._flows_get(key)
            if flow is None:
                if not sources.lets_in(peer[0]):
                    continue
                try:
                    flow = self._flow_from(ancillary, peer)
                except OSError:
                    # A forged source that no route leads back to.
                    self._errors += 1
                    continue
                self._keep(key, flow)
            source = flow.source
            pool = source.pool
            due = source.due
            if due > latest or pool.count >= pool.most:
                if not sources.spares(flow, data):
                    continue
            else:
                source.due = (due if due > now else now) + pool.cost
                pool.count += 1
            self._received += 1
            if data and data[0] > 31:
                if self.tap.listeners:
                    self.tap.emit("in", flow, data)
                self.on_message(data, flow)
            else:
                self._receive_other(data, flow)
            if self.is_closed:
                return
        self._turn_was_full()

    def _turn_was_full(self) -> None:
        """Let the others have their turn, and say when that was once too often."""
        self._full_turns += 1
        if self._full_turns >= TURNS_BEHIND:
            self.on_behind()

    def _is_empty(self, error: OSError, turn: int) -> bool:
        """Tell an empty socket from an ICMP error, which ends no more than one transaction (RFC 3261 §18.4)."""
        if self.is_closed:
            return True
        is_empty = error.errno in WOULD_BLOCK
        if is_empty:
            self._full_turns = 0
        else:
            self._errors += 1
        if turn == 0 or not is_empty:  # woken up for nothing, but for what is in the queue of errors
            self._read_errors()
        return is_empty or self.is_closed

    def _read_errors(self) -> None:
        if not self.is_closed:
            for data in undelivered(self._socket):
                self.on_undelivered(data)

    def _receive_other(self, data: bytes, flow: UdpFlow) -> None:
        """Sort out STUN (RFC 5764 §5.1.2: first byte 0 to 3) and the keep-alives of phones."""
        if len(data) >= 20 and data[0] < 4:
            self.on_stun(data, flow)
            return
        message = data.lstrip(b"\r\n")
        if not message.strip(b"\0"):
            self._keepalives += 1
            return
        if self.tap.listeners:
            self.tap.emit("in", flow, message)
        self.on_message(message, flow)

    # --- flows: two generations, so that forgetting old ones costs nothing ---------------------------

    def _flows_get(self, key: object) -> UdpFlow | None:
        flow = self._young.get(key)
        if flow is None:
            flow = self._old.pop(key, None)
            if flow is not None:
                self._keep(key, flow)
        return flow

    def _remember(
        self, key: object, local: Address, peer: SocketAddress, ancillary: Ancillary | None
    ) -> UdpFlow:
        flow = UdpFlow(self, local, address_of(peer), peer, ancillary)
        self._keep(key, flow)
        return flow

    def _keep(self, key: object, flow: UdpFlow) -> None:
        if len(self._young) >= FLOWS_PER_GENERATION:
            self._old = self._young
            self._young = {}
        self._young[key] = flow

    def _flow_from(self, ancillary: list[tuple[int, int, bytes]], peer: SocketAddress) -> UdpFlow:
        """Make the flow of a datagram whose packet information says which of our addresses was asked."""
        host = asked_host(self._family, ancillary)
        return self.flow(address_of(peer), None if host is None else (host, self._address[1]))

    # --- sending -----------------------------------------------------------------------------------

    def send_failed(self, flow: UdpFlow, data: bytes, error: OSError) -> None:
        """Queue what the socket has no room for; raise what no waiting would mend."""
        if error.errno in WOULD_BLOCK and not self.is_closed:
            self.enqueue(flow, data)
        elif error.errno in OF_EARLIER and not self.is_closed:
            self._send_again(flow, data)
        elif error.errno in LOST and not self.is_closed:
            self._errors += 1  # no memory: as good as lost on the way
        else:
            raise error

    def _send_again(self, flow: UdpFlow, data: bytes) -> None:
        """Send what an ICMP error of an earlier datagram has kept back; told once, the error is out of the way."""
        self._errors += 1
        self._loop.call_soon(self._read_errors)
        try:
            flow.transmit(data)
        except OSError as error:
            if error.errno in WOULD_BLOCK:
                self.enqueue(flow, data)
            elif error.errno not in LOST:
                raise

    def enqueue(self, flow: UdpFlow, data: bytes) -> None:
        """Keep a datagram until the socket has room; beyond the limit the oldest one goes."""
        if not self.queue:
            self._watch.when_writable(self._flush)
        self.queue.append((flow, data))
        self._queued_bytes += len(data)
        while len(self.queue) > self._queue_messages or self._queued_bytes > self._queue_bytes:
            self._queued_bytes -= len(self.queue.popleft()[1])
            self._dropped += 1

    def _flush(self) -> None:
        while self.queue:
            flow, data = self.queue[0]
            try:
                flow.transmit(data)
            except OSError as error:
                if error.errno in WOULD_BLOCK:
                    return
                self._errors += 1
            self.queue.popleft()
            self._queued_bytes -= len(data)
        self._watch.stop_writing()


def _ignore_behind() -> None:
    """Take no notice: the rest is read in the next turn."""

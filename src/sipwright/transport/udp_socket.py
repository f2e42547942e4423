"""The socket under the UDP transport: how it is opened, its addresses as the kernel writes them, and how it sends.

A socket that is bound to all addresses learns with IP_PKTINFO which one was asked, and says with it which one a
datagram leaves from (RFC 3581 §4: the same address and port that the request was received on). Below it is the
flow: one pair of addresses that talk, which hands what is sent to a peer to the socket in the same call.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from fcntl import ioctl
from typing import Protocol

from sipwright.transport.flow import Address, Flow
from sipwright.transport.icmp import ask_for_errors
from sipwright.transport.sources import Sources
from sipwright.transport.tap import Tap

__all__ = [
    "LOST",
    "OF_EARLIER",
    "WOULD_BLOCK",
    "Ancillary",
    "SocketAddress",
    "UdpFlow",
    "UdpSnapshot",
    "address_of",
    "age_of_unread",
    "asked_host",
    "leaving_from",
    "open_socket",
    "socket_address",
    "stamp_arrivals",
]

SEND_BUFFER = 4 << 20
RECEIVE_BUFFER = 512 << 10
"""Bytes that the system keeps for us, at twice that cost: some 400 messages, a fifth of a second of full load.

What waits for longer than T1 (0.5 s) has been sent again before it is read. With room for thousands of messages a
switch that was away would read, of each of them, the copies of the last seconds, and be behind for good (RFC 3261
§17.1.1.2).
"""

_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
_IP_MTU_DISCOVER, _IP_PMTUDISC_DONT = 10, 0
_IPV6_MTU_DISCOVER = 23

_SIOCGSTAMPNS = 0x8907
_TIMESPEC = struct.Struct("=qq")

WOULD_BLOCK = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR)
"""The socket is full, or empty, for now."""
LOST = (errno.ECONNREFUSED, errno.ENOBUFS, errno.ENOMEM)
"""A datagram is as good as lost on the way."""
OF_EARLIER = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOPROTOOPT)
"""What ICMP has said about an earlier datagram."""

SocketAddress = tuple[str, int] | tuple[str, int, int, int]
"""An address as the socket module has it: of IPv6 with flow and scope."""
Ancillary = tuple[tuple[int, int, bytes], ...]
"""The control messages of a datagram."""


@dataclass(frozen=True, slots=True)
class UdpSnapshot:
    """The counters of one UDP socket."""

    local: Address
    received: int
    sent: int
    queued: int
    dropped: int
    keepalives: int
    errors: int
    flows: int


def open_socket(
    family: socket.AddressFamily, address: Address, *, wants_pktinfo: bool, is_shared: bool = False
) -> socket.socket:
    """Open a UDP socket that does not block.

    Raises:
        OSError: The address cannot be had.
    """
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            # 0.0.0.0 and :: can then be listened on side by side.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        _allow_fragments(sock, family)
        if is_shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if wants_pktinfo and family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        elif wants_pktinfo:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        ask_for_errors(sock, family)
        sock.bind(socket_address(address))
    except OSError:
        sock.close()
        raise
    return sock


def stamp_arrivals(sock: socket.socket) -> None:
    """Let the kernel stamp what comes from now on, for `age_of_unread`, where it can (Linux).

    It does so once it was asked for the stamp of what was read last, without giving one along with each datagram
    (SO_TIMESTAMPNS), which would have to be taken apart every time.
    """
    try:
        ioctl(sock, _SIOCGSTAMPNS, bytes(_TIMESPEC.size))
    except OSError:
        pass  # nothing was read yet


def age_of_unread(sock: socket.socket) -> float:
    """Return for how many seconds the first datagram has waited that nobody has read, 0 if there is none."""
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        seconds, nanoseconds = _TIMESPEC.unpack(ioctl(sock, _SIOCGSTAMPNS, bytes(_TIMESPEC.size)))
    except OSError:  # nothing waits, or nothing has a stamp yet
        return 0.0
    return float(time.time() - seconds - nanoseconds / 1e9)


def _allow_fragments(sock: socket.socket, family: socket.AddressFamily) -> None:
    """Let large responses be fragmented: path MTU discovery would lose the first one (Linux only)."""
    try:
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _IP_PMTUDISC_DONT)
    except OSError:
        pass


def address_of(peer: SocketAddress) -> Address:
    """Keep the scope of a link-local peer in the host, where no key or binding can lose it."""
    if len(peer) == 4 and peer[3] and "%" not in peer[0]:
        return f"{peer[0]}%{peer[3]}", peer[1]
    return peer[0], peer[1]


def socket_address(address: Address) -> SocketAddress:
    """Write an address for the socket module; the scope of a link-local one stands in its host."""
    host, port = address
    if ":" not in host:
        return address
    host, _, scope = host.partition("%")
    if not scope:
        return host, port, 0, 0
    return host, port, 0, int(scope) if scope.isdigit() else socket.if_nametoindex(scope)


def asked_host(family: socket.AddressFamily, ancillary: list[tuple[int, int, bytes]]) -> str | None:
    """Return which of our addresses a datagram was sent to, if its packet information says so."""
    for _level, kind, value in ancillary:
        if kind == _IP_PKTINFO and family == socket.AF_INET:
            return socket.inet_ntoa(value[4:8])
        if kind == socket.IPV6_PKTINFO and family == socket.AF_INET6:
            return socket.inet_ntop(socket.AF_INET6, value[:16])
    return None


def leaving_from(family: socket.AddressFamily, host: str) -> Ancillary:
    """Build the control message that makes a datagram leave from `host`."""
    if family == socket.AF_INET:
        value = struct.pack("=I4s4s", 0, socket.inet_aton(host), bytes(4))
        return ((socket.IPPROTO_IP, _IP_PKTINFO, value),)
    value = struct.pack("=16sI", socket.inet_pton(socket.AF_INET6, host.partition("%")[0]), 0)
    return ((socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, value),)


class Datagrams(Protocol):
    """The socket that a flow sends by."""

    tap: Tap
    sources: Sources
    queue: deque[tuple[UdpFlow, bytes]]
    """What waits until the socket has room."""
    is_closed: bool
    sent: int

    def sendto(self, data: bytes, peer: SocketAddress, /) -> object:
        """Send a datagram. Raises OSError."""

    def sendmsg(
        self, data: tuple[bytes, ...], ancillary: Ancillary, flags: int, peer: SocketAddress, /
    ) -> object:
        """Send one with what else the kernel is to know. Raises OSError."""

    def flow(self, remote: Address, local: Address | None = None) -> UdpFlow:
        """Return the flow to a peer, from `local` where the socket has several addresses."""

    def enqueue(self, flow: UdpFlow, data: bytes) -> None:
        """Keep a datagram until the socket has room."""

    def send_failed(self, flow: UdpFlow, data: bytes, error: OSError) -> None:
        """Do what there is to do about an error; raises it where no waiting would mend it."""


class UdpFlow(Flow):
    """One pair of addresses."""

    __slots__ = ("_ancillary", "_peer", "_transport", "is_known")

    def __init__(
        self,
        transport: Datagrams,
        local: Address,
        remote: Address,
        peer: SocketAddress,
        ancillary: Ancillary | None,
    ) -> None:
        super().__init__("udp", local, remote)
        self._transport = transport
        self._peer = peer
        self._ancillary = ancillary
        self.is_known = False
        self.source = transport.sources.of(remote[0])

    @property
    def is_closed(self) -> bool:
        """The socket is closed."""
        return self._transport.is_closed

    def send(self, data: bytes) -> None:
        """Send one datagram, or queue it while the socket is full.

        Raises:
            OSError: The network refuses it here and now: no route, too large, socket closed.
        """
        transport = self._transport
        if transport.tap.listeners:
            transport.tap.emit("out", self, data)
        if transport.queue:
            transport.enqueue(self, data)
            return
        try:
            # As `transmit` does, which nearly every message would have to call.
            if self._ancillary is None:
                transport.sendto(data, self._peer)
            else:
                transport.sendmsg((data,), self._ancillary, 0, self._peer)
        except OSError as error:
            transport.send_failed(self, data, error)
        else:
            transport.sent += 1

    def vouch(self) -> None:
        """Give somebody known a budget of their own."""
        if not self.is_known:
            self.is_known = True
            self._transport.sources.vouched(self)

    def keep_open(self) -> None:
        """Send an empty datagram, as nobody takes that for a message."""
        try:
            self.transmit(b"")
        except OSError:
            pass  # the next one is sent soon

    def redirected(self, port: int) -> UdpFlow:
        """Return the flow to another port of the same peer."""
        return self._transport.flow((self.remote[0], port), self.local)

    def transmit(self, data: bytes) -> None:
        """Hand one datagram to the kernel."""
        transport = self._transport
        if self._ancillary is None:
            transport.sendto(data, self._peer)
        else:
            transport.sendmsg((data,), self._ancillary, 0, self._peer)
        transport.sent += 1

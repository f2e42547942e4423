"""One pair of addresses that talk over UDP: what is sent to a peer goes to the socket in the same call."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from sipwright.transport.flow import Address, Flow
from sipwright.transport.sources import Sources
from sipwright.transport.tap import Tap
from sipwright.transport.udp_socket import Ancillary, SocketAddress

__all__ = ["UdpFlow"]


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

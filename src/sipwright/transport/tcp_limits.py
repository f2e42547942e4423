"""The limits of TCP: what abuse could cost is bounded, for each connection and for all of them together."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass

from sipwright.sip.parser import LONGEST_HEAD

__all__ = ["TcpLimits"]

_TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", 18)


@dataclass(frozen=True, slots=True)
class TcpLimits:
    """What connections may cost us. Times are in seconds, sizes in bytes."""

    connections: int = 20_000
    connections_per_source: int = 1_000
    strangers_per_source: int = 50
    """Accepted connections over which nobody has said yet who he is."""
    idle: float = 70 * 60.0
    """A connection of somebody known is kept longer than a registration lasts (an hour)."""
    stranger_idle: float = 300.0
    """A connection that carried a message, but nothing from anybody known."""
    message: float = 30.0
    """From the first byte of a message, or of the connection, to the last byte of the message."""
    head: int = LONGEST_HEAD
    body: int = 262_144
    unfinished: int = 64 << 20
    """Bytes of unfinished messages, all connections together; beyond it the oldest one is closed."""
    unsent: int = 1 << 20
    """Bytes that wait for one slow reader."""
    unacknowledged: float = 32.0
    """How long a peer may leave our bytes without any acknowledgement (64*T1)."""
    connect: float = 5.0
    closing: float = 1.0
    """How long what is written may take to leave when the transport closes."""

    def tune(self, writer: asyncio.Transport) -> None:
        """Let the system, too, see to it that a connection keeps to them."""
        writer.set_write_buffer_limits(high=self.unsent)
        sock = writer.get_extra_info("socket")
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(self.unacknowledged * 1000))
        except OSError:
            # The peer may have gone already, and not every system knows every option.
            pass

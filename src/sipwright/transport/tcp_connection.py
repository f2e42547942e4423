"""One TCP connection as a flow: bytes to whole messages and back, pings answered, ends noticed.

What is spoken inside of a connection (`tls_connection.py`, `ws_connection.py`) takes the bytes between the socket and
the messages: it stands as soon as that has been agreed on.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
from collections.abc import Callable, Sequence
from itertools import count
from typing import Protocol, cast

from sipwright.sip.errors import FramingError, ParseError
from sipwright.sip.framer import MOST_PINGS, PING, StreamFramer
from sipwright.transport.base import OnFramingError, OnMessage
from sipwright.transport.flow import Address, Flow, flow_key
from sipwright.transport.held_sends import Guard, unguarded
from sipwright.transport.sources import Sources
from sipwright.transport.tap import Tap
from sipwright.transport.tcp_limits import TcpLimits

_NOWHERE: Address = ("", 0)
_BOOT, _numbers = secrets.token_hex(3), count(1)

MOST_AT_ONCE = 64
"""Messages of one read that are handed up before others have a turn: many hundreds may be in it."""

REST = 1.0
"""Seconds for which nothing is read from a connection over which too much has come."""

LINGERS = 1.0
"""Seconds for which what still comes over a stream that cannot be followed is read, and thrown away."""


class Listener(Protocol):
    """The transport of a connection: who has it in its tables, and counts what goes through it."""

    protocol: str
    limits: TcpLimits
    loop: asyncio.AbstractEventLoop
    sources: Sources
    guard: Guard
    tap: Tap
    on_message: OnMessage
    on_framing_error: OnFramingError
    received: int
    sent: int
    pings: int
    slow: int
    framing_errors: int

    @property
    def local(self) -> Address:
        """The bound address; the host may be a wildcard."""

    def admit(self, flow: TcpFlow) -> bool:
        """Take an accepted connection into the table, or refuse it because of a limit."""

    def alias(self, flow: TcpFlow, remote: Address) -> None:
        """Use a connection for what goes to `remote` too."""

    def vouched(self, flow: TcpFlow) -> None:
        """Take a connection for one of somebody known from now on."""

    def opened(self, flow: TcpFlow) -> None:
        """Watch over the time of a connection from now on."""

    def progressed(self, flow: TcpFlow, has_ended: bool, grown: int, is_inside: bool) -> None:
        """Note that bytes came: whether they ended a message, and whether another has begun."""

    def forget(self, flow: TcpFlow, error: OSError | None, unfinished: int) -> None:
        """Take a connection that has ended out of the table."""


class Writer(Protocol):
    """What a connection is written to: the socket, or what is spoken inside of it."""

    def write(self, data: bytes, /) -> object:
        """Send some bytes, or keep them while the socket is full."""

    def close(self) -> None:
        """Send what is written, then close."""


class TcpFlow(Flow, asyncio.Protocol):
    """One connection, accepted or opened by us."""

    __slots__ = (
        "_buffered",
        "_framer",
        "_is_closed",
        "_is_lost",
        "_is_resting",
        "_left",
        "_lingers",
        "_pending",
        "_socket",
        "_transport",
        "_waiters",
        "_writer",
        "aliases",
        "has_spoken",
        "is_accepted",
        "is_known",
    )

    is_reliable = True
    _is_bare = True
    """Nothing is spoken inside that has last words of its own."""

    def __init__(self, transport: Listener, remote: Address | None, local: Address = _NOWHERE) -> None:
        super().__init__(transport.protocol, local, remote or _NOWHERE)
        self._transport = transport
        self._framer = StreamFramer(transport.limits.head, transport.limits.body)
        self._socket: asyncio.Transport | None = None
        self._writer: Writer | None = None
        """What is written to, once everything is agreed on."""
        self._pending: list[bytes] | None = None if remote is None else []
        """What waits for the connection to stand; None for one that was not admitted yet."""
        self._waiters: list[asyncio.Future[None]] = []
        self._is_closed = False
        self._is_lost = self._is_resting = self._lingers = False
        self._buffered = 0
        self._left: Sequence[bytes | object] = ()
        """Messages that have come and wait for their turn; nothing is read meanwhile."""
        self.is_accepted = remote is None
        self.has_spoken = remote is not None
        """It carried a message, or we opened it to send one: it may rest without being asked to leave."""
        self.is_known = remote is not None
        """Somebody known is at the other end: who authenticated, or whom we called."""
        self.aliases: set[Address] = set()

    @property
    def is_closed(self) -> bool:
        """The connection has ended, or could not be opened."""
        return self._is_closed

    @property
    def is_open(self) -> bool:
        """The connection stands; before, it is on its way, and after, it is closed."""
        return self._writer is not None

    def send(self, data: bytes) -> None:
        """Write one message, or keep it until the connection is open.

        Raises:
            OSError: The connection has ended, or too much waits for it already.
        """
        transport = self._transport
        writer = self._writer
        if writer is None:
            self._keep(data)
        if transport.tap.listeners:
            transport.tap.emit("out", self, data)
        if writer is not None:
            transport.sent += 1
            writer.write(data)

    def add_alias(self, remote: Address) -> None:
        """Let requests to `remote` use this connection too."""
        self._transport.alias(self, remote)

    def vouch(self) -> None:
        """Keep the connection of somebody known for longer than that of a stranger."""
        if not self.is_known and not self._is_closed:
            self._transport.vouched(self)

    def close(self) -> None:
        """Send what is written, then close; new messages are refused from now on."""
        writer = self._writer
        self._ended(None)
        if writer is None or self._is_bare:
            self.close_socket()
        else:
            writer.close()

    def abort(self) -> None:
        """Close at once and lose what was not sent."""
        self.fail(None)

    def fail(self, error: OSError | None) -> None:
        """Close at once, as the connection could not be opened, or what is spoken inside of it is broken."""
        self._ended(error)
        if self._socket is not None:
            self._socket.abort()

    async def wait_open(self) -> None:
        """Wait until the connection stands.

        Raises:
            OSError: It could not be opened, or has ended.
        """
        while self._writer is None:
            if self._is_closed:
                raise ConnectionRefusedError(f"no connection for {self.key}")
            await self._wait()

    async def wait_lost(self) -> None:
        """Wait until the socket itself is closed."""
        while not self._is_lost:
            await self._wait()

    # --- asyncio.Protocol ------------------------------------------------------------------------------

    def connection_made(self, writer: asyncio.BaseTransport) -> None:
        """Enter the table and send what has waited."""
        # uvloop's transports offer the same methods and share no class with asyncio's.
        writer = cast(asyncio.Transport, writer)
        transport = self._transport
        transport.limits.tune(writer)
        sockname, peername = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        self._socket = writer
        if sockname and peername:
            self.local = sockname[0], transport.local[1]
            serial = ""
            if self.is_accepted:
                self.remote = peername[0], peername[1]
                serial = f"{_BOOT}{next(_numbers):x}"
            self.key = flow_key(self.protocol, self.local, self.remote, serial)
        if self._is_closed or not (sockname and peername) or (self.is_accepted and not transport.admit(self)):
            self._is_closed = True
            writer.abort()
            return
        self._pending = self._pending or []
        self._connected(writer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the table."""
        self._is_lost = True
        self._ended(exc if isinstance(exc, OSError) else None)
        self._wake()

    def eof_received(self) -> None:
        """Treat a peer that stops sending as one that closes."""
        self._ended(None)

    def data_received(self, data: bytes) -> None:
        """Hand up each whole message that these bytes end."""
        if not self._is_closed:
            self._take(data)

    def pause_writing(self) -> None:
        """Drop a peer that does not read what it is sent."""
        self._transport.slow += 1
        self.abort()

    # --- what is spoken inside --------------------------------------------------------------------------

    def _connected(self, socket: asyncio.Transport) -> None:
        """Begin, as the socket is there: of plain TCP nothing is to be agreed on."""
        self._stand(socket)

    def _stand(self, writer: Writer) -> None:
        """Send what has waited, as messages can be written from now on."""
        if self._transport.guard is not unguarded:
            writer = _Guarded(writer, self._transport.guard)
        self._writer = writer
        for data in self._pending or ():
            self._transport.sent += 1
            writer.write(data)
        self._pending = []
        self._wake()

    def _take(self, data: bytes) -> None:
        """Hand up each whole message that these bytes end."""
        framer = self._framer
        try:
            items = framer.feed(data)
        except FramingError as error:
            self._hand_up([], framer.buffered)
            if not self._is_closed:
                self._broken(error)
        else:
            self._hand_up(items, framer.buffered)

    def _hand_up(self, items: Sequence[bytes | object], buffered: int) -> None:
        """Hand up messages and answer pings, with so many bytes of the next message there."""
        transport = self._transport
        grown, self._buffered = buffered - self._buffered, buffered
        for item in items:
            if item is not PING:
                self.has_spoken = True
                break
        transport.progressed(self, bool(items), grown, buffered > 0)
        if len(items) >= MOST_PINGS and items.count(PING) >= MOST_PINGS:
            self._rest()
        self._hand_up_some(items)

    def _hand_up_some(self, items: Sequence[bytes | object]) -> None:
        transport = self._transport
        if len(items) > MOST_AT_ONCE and self._socket is not None:
            items, self._left = items[:MOST_AT_ONCE], items[MOST_AT_ONCE:]
            self._socket.pause_reading()
            transport.loop.call_soon(self._go_on)
        for item in items:
            if self._is_closed:
                return
            if isinstance(item, bytes):
                if not transport.sources.admits(self, item):
                    self._rest()
                    continue
                transport.received += 1
                if transport.tap.listeners:
                    transport.tap.emit("in", self, item)
                transport.on_message(item, self)
            elif self._writer is not None:
                transport.pings += 1
                self._writer.write(b"\r\n")

    def _go_on(self) -> None:
        """Hand up what waits for its turn, and read on when that was all."""
        items, self._left = self._left, ()
        self._hand_up_some(items)
        if not self._left and not self._is_resting:
            self._read_on()

    def _broken(self, error: ParseError) -> None:
        """Close a stream that cannot be followed any more, after the answer that says why."""
        self._transport.framing_errors += 1
        self._transport.on_framing_error(error, self)
        self._lingers = True
        self.close()

    def close_socket(self) -> None:
        """Close the socket when all that was written to it has left, and nothing more is spoken inside."""
        socket = self._socket
        if socket is None:
            return
        if self._lingers and socket.can_write_eof():
            # What is unread at the end makes the kernel reset the connection, and the answer is lost (RFC 1122
            # §4.2.2.13).
            socket.write_eof()
            self._transport.loop.call_later(LINGERS, socket.abort)
        else:
            socket.close()

    # --- inside ----------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """Read nothing for a while from somebody who sends too much; close what is banned."""
        if self.source.is_banned:
            self.abort()
        elif self._socket is not None and not self._is_resting:
            self._is_resting = True
            self._socket.pause_reading()
            self._transport.loop.call_later(REST, self._read_on)

    def _read_on(self) -> None:
        self._is_resting = False
        if self._socket is not None and not self._is_closed and not self._left:
            self._socket.resume_reading()

    def _keep(self, data: bytes) -> None:
        if self._is_closed or self._pending is None:
            raise ConnectionError(f"{self.key} is closed")
        if sum(map(len, self._pending)) + len(data) > self._transport.limits.unsent:
            raise OSError(errno.ENOBUFS, f"too much waits for {self.key}")
        self._pending.append(data)

    def _ended(self, error: OSError | None) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        # Of what has no socket no loss will be reported.
        self._is_lost = self._is_lost or self._socket is None
        if self._writer is None:
            self._wake()
        self._writer = None
        self._transport.forget(self, error, self._buffered)
        self._buffered = 0

    async def _wait(self) -> None:
        waiter: asyncio.Future[None] = self._transport.loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class _Guarded:
    """Writes what the guard of all that is sent lets through."""

    __slots__ = ("close", "write")

    def __init__(self, writer: Writer, guard: Guard) -> None:
        self.write: Callable[[bytes], object] = guard(writer.write)
        self.close = writer.close

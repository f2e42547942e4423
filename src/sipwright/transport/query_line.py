"""A line to one server, for asking a few questions and hanging up: a socket of its own, beside all flows of the stack.

Whoever finds out what a server can do does not want what the stack does so well: connections that are shared, other
transports tried in silence, certificates that must be right.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from sipwright.sip.errors import ParseError
from sipwright.sip.framer import StreamFramer
from sipwright.sip.message import Request, Response
from sipwright.sip.parser import parse
from sipwright.transport.flow import Address, format_address
from sipwright.transport.route import family_of

__all__ = ["QueryLine"]

T = TypeVar("T")

COPIES = (0.5, 1.0, 2.0)
"""Seconds after each copy of a request over UDP (RFC 3261 §17.1.2.1, cut short)."""

PATIENCE = 4.0
"""Seconds that a server may take for a connection, or to answer over one."""

_MOST_IGNORED = 50
_LONGEST = 65_535


class QueryLine:
    """One socket to one server.

    Attributes:
        protocol: ``udp``, ``tcp`` or ``tls``.
        remote: Where the server is.
        local: Where we are, as our Via and Contact say.
    """

    def __init__(self, protocol: str, remote: Address) -> None:
        self.protocol = protocol
        self.remote = remote
        self.local: Address = ("", 0)
        self._datagrams: socket.socket | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._framer = StreamFramer()

    async def open(self, context: ssl.SSLContext | None = None, name: str | None = None) -> None:
        """Connect; over TLS with a context, and the name that is asked for.

        Raises:
            OSError: Nobody is there, or TLS came to nothing.
        """
        if self.protocol == "udp":
            self._datagrams = socket.socket(family_of(self.remote[0]), socket.SOCK_DGRAM)
            self._datagrams.setblocking(False)
            self._datagrams.connect(self.remote)
            self.local = self._datagrams.getsockname()[:2]
            return
        async with asyncio.timeout(PATIENCE):
            self._reader, self._writer = await asyncio.open_connection(
                *self.remote, ssl=context, server_hostname=(name or "") if context is not None else None
            )
        self.local = self._writer.get_extra_info("sockname")[:2]

    @property
    def tls(self) -> ssl.SSLObject | None:
        """What TLS has agreed on."""
        found: ssl.SSLObject | None = (
            None if self._writer is None else self._writer.get_extra_info("ssl_object")
        )
        return found

    def via(self, branch: str) -> str:
        """Return the Via of a request on this line."""
        return f"SIP/2.0/{self.protocol.upper()} {format_address(self.local)};branch={branch};rport"

    async def ask(self, request: Request) -> Response | None:
        """Send a request and return its final response, or None when there came none in time.

        Raises:
            OSError: The server has hung up, or refuses.
        """
        data, branch = bytes(request), request.branch

        def is_answer(heard: bytes) -> Response | None:
            try:
                message = parse(heard)
            except ParseError:
                return None
            is_it = isinstance(message, Response) and message.is_final and message.branch == branch
            return message if isinstance(message, Response) and is_it else None

        if self._datagrams is not None:
            return await self._exchange(data, is_answer)
        assert self._writer is not None
        self._writer.write(data)
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    for item in await self._read():
                        if isinstance(item, bytes) and (found := is_answer(item)) is not None:
                            return found
        except TimeoutError:
            return None

    async def ask_raw(self, data: bytes, is_answer: Callable[[bytes], T | None]) -> T | None:
        """Send a datagram that is no SIP, and return what is made of its answer."""
        return await self._exchange(data, is_answer)

    async def ping(self) -> bool:
        """Return whether two line breaks over a connection are answered with one (RFC 5626 §3.5.1)."""
        assert self._writer is not None
        assert self._reader is not None
        self._writer.write(b"\r\n\r\n")
        try:
            async with asyncio.timeout(PATIENCE / 2):
                return (await self._reader.readexactly(2)) == b"\r\n"
        except (OSError, EOFError):
            return False

    def close(self) -> None:
        """Hang up."""
        if self._datagrams is not None:
            self._datagrams.close()
        if self._writer is not None:
            self._writer.transport.abort()

    async def _exchange(self, data: bytes, is_answer: Callable[[bytes], T | None]) -> T | None:
        """Send a datagram, again and again while nothing comes."""
        loop, sock = asyncio.get_running_loop(), self._datagrams
        assert sock is not None
        for patience in COPIES:
            await loop.sock_sendall(sock, data)
            try:
                async with asyncio.timeout(patience):
                    for _ in range(_MOST_IGNORED):
                        if (found := is_answer(await loop.sock_recv(sock, _LONGEST))) is not None:
                            return found
            except TimeoutError:
                continue
        return None

    async def _read(self) -> list[object]:
        assert self._reader is not None
        data = await self._reader.read(_LONGEST)
        if not data:
            raise ConnectionResetError("it hangs up")
        return list(self._framer.feed(data))

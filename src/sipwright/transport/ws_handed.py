"""WebSockets that the listener of the pages hands on (RFC 7118): their bytes come over a socket in the data folder.

The process of the pages takes the TLS off and says in one line of JSON who is at the other end; from there on a
connection is what any WebSocket is, with the same limits and the same look at its origin. Only our own user can write
to the socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import orjson

from sipwright.folder_sockets import listen
from sipwright.transport.flow import Address
from sipwright.transport.tcp import BACKLOG
from sipwright.transport.ws import WsTransport
from sipwright.transport.ws_connection import WsFlow

__all__ = ["HandedWsTransport", "handed_socket", "write_preamble"]

LONGEST_PREAMBLE = 512


def handed_socket(protocol: str) -> str:
    """Return the name of the socket in the data folder for ``ws`` or ``wss``."""
    return f"sip-{protocol}.sock"


def write_preamble(remote: Address, local: Address) -> bytes:
    """Write who is at the other end of a connection, and which address of ours was asked for."""
    return orjson.dumps({"remote": remote, "local": local}) + b"\n"


class _HandedSocket:
    """A socket in the data folder that says of itself what the browser's would."""

    def __init__(self, inner: asyncio.Transport, remote: Address, local: Address) -> None:
        self._inner = inner
        self._said = {"peername": remote, "sockname": local}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the addresses of the browser's connection; everything else is that of the socket."""
        return self._said.get(name) or self._inner.get_extra_info(name, default)


class HandedWsFlow(WsFlow):
    """One WebSocket that was handed on."""

    __slots__ = ("_early", "_opened")

    def connection_made(self, writer: asyncio.BaseTransport) -> None:
        """Wait for the line that says who is there."""
        # uvloop's transports have the same methods and share no class with asyncio's.
        self._opened: asyncio.Transport | None = cast(asyncio.Transport, writer)
        self._early = b""

    def data_received(self, data: bytes) -> None:
        """Read that line, and then what the browser says."""
        opened = self._opened
        if opened is None:
            super().data_received(data)
            return
        self._early += data
        line, end, rest = self._early.partition(b"\n")
        if not end and len(self._early) < LONGEST_PREAMBLE:
            return
        self._opened, self._early = None, b""
        try:
            said = orjson.loads(line)
            places = [(str(said[name][0]), int(said[name][1])) for name in ("remote", "local")]
        except (ValueError, KeyError, IndexError, TypeError):
            opened.abort()
            return
        # It has those methods of a transport that a connection uses, and passes on all others.
        super().connection_made(cast(asyncio.BaseTransport, _HandedSocket(opened, *places)))
        if rest and not self.is_closed:
            super().data_received(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the table, if it has come as far as that."""
        if self._opened is None:
            super().connection_lost(exc)

    def eof_received(self) -> None:
        """Treat a browser that stops sending as one that closes."""
        if self._opened is None:
            super().eof_received()


class HandedWsTransport(WsTransport):
    """The WebSockets of one protocol, ``ws`` or ``wss``, that the listener of the pages hands on.

    Args:
        protocol: What the browser speaks.
        listen: The address of the pages, which is ours for whoever is there.
        folder: The data folder.
        origins: The sites whose pages may connect.
    """

    flow_type = HandedWsFlow

    def __init__(
        self, protocol: str, listen: Address, folder: Path, origins: Iterable[str] = (), **options: Any
    ) -> None:
        super().__init__(*listen, origins, **options)
        self.protocol = protocol
        self._folder = folder

    async def start(self) -> None:
        """Listen in the data folder.

        Raises:
            OSError: The socket cannot be made there.
        """
        self.loop = asyncio.get_running_loop()
        listener = listen(self._folder, handed_socket(self.protocol), BACKLOG)
        self._server = await self.loop.create_unix_server(
            lambda: self.flow_type(self, None), sock=listener, backlog=BACKLOG
        )

    async def close(self) -> None:
        """Listen no more, and close every connection."""
        await super().close()
        (self._folder / handed_socket(self.protocol)).unlink(missing_ok=True)

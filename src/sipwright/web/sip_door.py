"""`/sip`: phones in browsers connect where the pages are; their WebSockets are handed on to the switch (RFC 7118).

This process takes the TLS off and passes bytes on, a bounded number at a time. What they say, who may say it and how
much is looked at by the switch, as on a listener of its own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol, cast

import h11

from sipwright.config import Settings
from sipwright.folder_sockets import connect
from sipwright.transport.flow import Address
from sipwright.transport.ws_handed import handed_socket, write_preamble
from sipwright.web.problems import problem
from sipwright.web.proxies import BehindProxies

__all__ = ["SipDoor"]

PATH = "/sip"
MOST_WAITING = 65_536
"""Bytes for one side after which the other one is not read any more until they have left."""

_head, _body = problem(
    503, "the switch takes no WebSockets now; try again in a moment", headers={"Retry-After": "5"}
)
AWAY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n%s\r\n%s" % (
    b"".join(b"%s: %s\r\n" % line for line in _head),
    _body,
)


class _Place(Protocol):
    def release(self) -> None: ...


class SipDoor:
    """Takes the upgrades to WebSockets at `/sip`."""

    def __init__(self, settings: Settings) -> None:
        web = settings.web
        self._folder = settings.data_dir
        self._is_secure = bool(web.certificate)
        self._paths = {PATH, web.prefix + PATH}
        self._proxies = BehindProxies(_nobody, web.trusted_proxies, "")

    def takes(self, event: h11.Request) -> bool:
        """Return whether a request is for us."""
        return event.target.partition(b"?")[0].decode("latin-1") in self._paths

    def take(self, browser: asyncio.Transport, event: h11.Request, rest: bytes, place: _Place) -> None:
        """Hand a connection on, with its request and what has come after that."""
        remote, is_secure = self._asking(browser, event)
        local = browser.get_extra_info("sockname")[:2]
        lines = b"".join(b"%s: %s\r\n" % line for line in event.headers)
        request = b"%s %s HTTP/1.1\r\n%s\r\n" % (event.method, event.target, lines)
        side = _Side(browser, place)
        browser.set_protocol(side)
        browser.pause_reading()
        connecting = _Connecting(self._folder, handed_socket("wss" if is_secure else "ws"), side)
        connecting.begin(write_preamble(remote, local) + request + rest)

    def _asking(self, browser: asyncio.Transport, event: h11.Request) -> tuple[Address, bool]:
        """Return who asks, and whether over TLS, as far as proxies say so that are believed."""
        peer: Address = browser.get_extra_info("peername")[:2]
        scope = {"type": "websocket", "client": peer, "scheme": "wss" if self._is_secure else "ws", "path": "/",
                 "headers": [(name.lower(), value) for name, value in event.headers]}  # fmt: skip
        self._proxies.place(scope)
        host = str(scope["client"][0])
        return (host, peer[1]), scope["scheme"] == "wss"


class _Connecting:
    """The way to the switch for one browser."""

    def __init__(self, folder: Path, name: str, side: _Side) -> None:
        self._folder, self._name = folder, name
        self._side = side

    def begin(self, first: bytes) -> None:
        """Connect, and pass on what was said."""
        self._side.task = asyncio.ensure_future(self._connect(first))

    async def _connect(self, first: bytes) -> None:
        browser = self._side
        try:
            transport, _ = await asyncio.get_running_loop().create_unix_connection(
                lambda: browser.other, sock=connect(self._folder, self._name)
            )
        except OSError:
            if not browser.transport.is_closing():
                browser.transport.write(AWAY)
                browser.transport.close()
            return
        transport.write(first)
        if browser.transport.is_closing():
            transport.abort()
        else:
            browser.transport.resume_reading()


class _Side(asyncio.Protocol):
    """One side of a connection that is passed on; what it hears goes to the other one."""

    task: asyncio.Task[None] | None = None
    """What connects the other side."""

    def __init__(self, transport: asyncio.Transport, place: _Place) -> None:
        self.transport = transport
        self._place = place
        self.other = _SwitchSide(self)
        transport.set_write_buffer_limits(high=MOST_WAITING)

    def data_received(self, data: bytes) -> None:
        """Pass on what the browser says."""
        self.other.transport.write(data)

    def pause_writing(self) -> None:
        """Read no more of the switch."""
        self.other.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        self.other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the other side go, and give up the place."""
        self._place.release()
        if self.task is not None and not self.task.done():
            self.task.cancel()
        self.other.end()


class _SwitchSide(asyncio.Protocol):
    """The side of the switch."""

    transport: asyncio.Transport

    def __init__(self, browser: _Side) -> None:
        self._browser = browser
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to pass on."""
        # uvloop's transports have the same methods and share no class with asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=MOST_WAITING)
        self._is_open = True

    def data_received(self, data: bytes) -> None:
        """Pass on what the switch says."""
        self._browser.transport.write(data)

    def pause_writing(self) -> None:
        """Read no more of the browser."""
        self._browser.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        if not self._browser.transport.is_closing():
            self._browser.transport.resume_reading()

    def pause_reading(self) -> None:
        """Wait until the browser has taken what there is for it."""
        if self._is_open:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on."""
        if self._is_open and not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the browser go, after what waits for it has left."""
        self._is_open = False
        self._browser.transport.close()

    def end(self) -> None:
        """Close, as the browser has gone."""
        if self._is_open:
            self.transport.close()


async def _nobody(*_: object) -> None:
    """Handle nothing: only what proxies say is read."""

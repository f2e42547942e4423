"""The HTTP server: uvicorn inside our loop, on a socket that is open already, with every connection bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from functools import partial
from typing import Any

import structlog
import uvicorn

from sipwright.certificate import tls_context
from sipwright.config import Settings
from sipwright.web.connections import (
    HEAD_WITHIN,
    KEPT_FOR,
    BoundedConnection,
    Connections,
    Place,
    PlacedWebSocket,
)
from sipwright.web.problems import problem
from sipwright.web.sip_door import SipDoor

__all__ = ["WebServer"]

log = structlog.get_logger(__name__)

PATIENCE = 2
"""Seconds that a request has to end in when the server stops."""
WEBSOCKET_MESSAGE = 1_000_000
PING_EVERY = 20.0
ACCEPTED_AT_ONCE = 32
FILES_FOR_OTHERS = 256

_head, _body = problem(
    503, "there are too many connections; try again in a moment", headers={"Retry-After": "5"}
)
FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n%s\r\n%s" % (
    b"".join(b"%s: %s\r\n" % line for line in _head),
    _body,
)
"""What the one hears for whom there is no place."""


class WebServer:
    """An application served on a socket, over TLS where there is a certificate."""

    def __init__(self, app: Any, settings: Settings, listening: socket.socket) -> None:
        logging.getLogger("uvicorn").setLevel(
            logging.CRITICAL
        )  # what strangers send is not worth a line each
        config = uvicorn.Config(
            app,
            http="h11",
            ws=PlacedWebSocket,
            ws_max_size=WEBSOCKET_MESSAGE,
            ws_ping_interval=PING_EVERY,
            ws_ping_timeout=PING_EVERY,
            ws_per_message_deflate=False,
            lifespan="on",
            loop="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(KEPT_FOR),
            timeout_graceful_shutdown=PATIENCE,
        )
        config.load()
        self.connections = Connections(min(settings.web.connections, _most_files()))
        self._tls = tls_context(settings)
        self._sip = SipDoor(settings)
        self._server = _Server(config)
        self._listening = listening
        self._handshakes: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve from now on.

        Raises:
            RuntimeError: The application does not start.
        """
        await self._server.startup()
        self._task = asyncio.create_task(self._server.main_loop())
        self._listen()

    async def stop(self) -> None:
        """Finish what is going on, if that is soon, and close."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listening)
        for task in list(self._handshakes):
            task.cancel()
        if self._task is not None:
            self._task.cancel()
        await self._server.shutdown()
        self._listening.close()

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        """Take the connections that wait, some at a time."""
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                opened, _address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no more open files: whoever waits waits on
                loop = asyncio.get_running_loop()
                log.warning("no connection can be taken", error=str(error))
                loop.remove_reader(self._listening)
                loop.call_later(1.0, self._listen)
                return
            opened.setblocking(False)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._begin(opened)

    def _begin(self, opened: socket.socket) -> None:
        place = self.connections.take(opened.close)
        if place is None:
            with contextlib.suppress(OSError):
                opened.send(b"" if self._tls else FULL)
            opened.close()
            return
        task = asyncio.create_task(self._connect(opened, place))
        place.close = task.cancel
        self._handshakes.add(task)
        task.add_done_callback(partial(self._connected, opened, place))

    def _connected(self, opened: socket.socket, place: Place, task: asyncio.Task[None]) -> None:
        self._handshakes.discard(task)
        if task.cancelled():  # perhaps before its first line
            place.release()
            opened.close()

    async def _connect(self, opened: socket.socket, place: Place) -> None:
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            return BoundedConnection(
                place=place,
                sip=self._sip,
                config=self._server.config,
                server_state=self._server.server_state,
                app_state=self._server.lifespan.state,
            )

        within = HEAD_WITHIN if self._tls else None
        try:
            await loop.connect_accepted_socket(protocol, opened, ssl=self._tls, ssl_handshake_timeout=within)
        except (OSError, TimeoutError):  # no TLS, or gone already
            place.release()
            opened.close()


class _Server(uvicorn.Server):
    """What uvicorn does but for signals and listening: those are ours."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan = self.config.lifespan_class(self.config)
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise RuntimeError("the pages do not start")
        self.servers = []
        self.started = True

    async def main_loop(self) -> None:
        """Tell the time once a second, which goes out with each answer."""
        while True:
            await self.on_tick(0)
            await asyncio.sleep(1.0)


def _most_files() -> int:
    return max(10, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - FILES_FOR_OTHERS)

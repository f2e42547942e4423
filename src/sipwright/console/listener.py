"""The listener: takes connections, and closes at once what has no place, before anything is computed for it."""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial
from pathlib import Path

import structlog
from asyncssh import SSHServerConnectionOptions

from sipwright.config import Settings, listen_address
from sipwright.console.admission import Admission, Place
from sipwright.console.connection import ConsoleConnection, options
from sipwright.console.gate import Gate, House
from sipwright.console.host_key import ensure_host_key, fingerprint
from sipwright.usecases import UseCases

__all__ = ["Console", "listening_socket"]

log = structlog.get_logger(__name__)

BACKLOG = 1_024
"""Connections that may wait to be taken: of one too many the system drops the first packet, and its client waits for
seconds before the next, whether it is a scanner or somebody who wants to log in."""

AT_ONCE = 32
"""Connections that are taken before others in this process have their turn."""

REPORT_EVERY = 60.0
BREATHER = 1.0
"""Seconds without taking connections after the system had no files left."""


def listening_socket(address: str) -> socket.socket:
    """Open the socket of ``[ssh] listen``.

    Raises:
        OSError: Somebody else listens there.
    """
    host, port = listen_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


class Console:
    """The SSH console of one data folder, until `close`."""

    def __init__(self, usecases: UseCases, settings: Settings, listener: socket.socket | None = None) -> None:
        self._settings = settings
        self._listener = listener
        self._admission = Admission(settings.ssh.clients, settings.ssh.clients_per_address)
        self._house = House(usecases)
        self._connections: set[ConsoleConnection] = set()
        self._report: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        assert self._listener is not None
        found = self._listener.getsockname()
        return found[0], found[1]

    async def start(self) -> None:
        """Listen."""
        logging.getLogger("asyncssh").setLevel(logging.ERROR)  # what scanners do is told once a minute
        self._loop = asyncio.get_running_loop()
        self._options = await asyncio.to_thread(self._read_options)
        if self._listener is None:
            self._listener = listening_socket(self._settings.ssh.listen)
        self._listener.setblocking(False)
        self._listen()

    async def close(self) -> None:
        """End all sessions, and listen no longer."""
        if self._listener is not None:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
        for timer in (self._report, self._pause):
            if timer is not None:
                timer.cancel()
        self._tell_refusals()
        await asyncio.gather(*self._house.tasks)  # whoever was just being let in is a connection then
        connections = tuple(self._connections)
        for connection in connections:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))
        await asyncio.gather(*self._house.tasks)

    def _read_options(self) -> SSHServerConnectionOptions:
        path: Path = ensure_host_key(self._settings.data_dir)
        fingerprint(path)  # which says what to do about a file that is no key
        return options(path, partial(Gate, self._house))

    def _accept(self) -> None:
        """Take those who wait."""
        assert self._listener is not None
        for _ in range(AT_ONCE):
            try:
                client, address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue
            except OSError as error:
                self._rest(error)
                return
            if self._house.usecases.bans.is_banned(address[0]):
                client.close()
                continue
            place = self._admission.admit(address[0], self._loop.time())
            if place is None:
                client.close()
                self._report_later()
                continue
            self._house.start(self._connect(client, place), "console connection")

    async def _connect(self, client: socket.socket, place: Place) -> None:
        """Begin to speak with somebody who has a place."""
        client.setblocking(False)
        connection = ConsoleConnection(self._loop, self._options, place, self._connections.discard)
        self._connections.add(connection)
        try:
            await self._loop.connect_accepted_socket(lambda: connection, client)
        except OSError:  # gone again already
            connection.connection_lost(None)
            client.close()

    def _rest(self, error: OSError) -> None:
        """Leave connections where they are for a moment, as there are no files left for them."""
        assert self._listener is not None
        log.warning("console takes no connections for a moment", error=str(error))
        self._loop.remove_reader(self._listener.fileno())
        self._pause = self._loop.call_later(BREATHER, self._listen)

    def _listen(self) -> None:
        assert self._listener is not None
        self._loop.add_reader(self._listener.fileno(), self._accept)

    def _report_later(self) -> None:
        if self._report is None:
            self._report = self._loop.call_later(REPORT_EVERY, self._tell_refusals)

    def _tell_refusals(self) -> None:
        """Say in one line how many were closed at once."""
        self._report = None
        count, addresses = self._admission.refusals()
        if count:
            log.warning(
                "console refused connections: too many at once",
                count=count,
                addresses=", ".join(addresses),
                clients=len(self._admission),
            )
            self._house.usecases.gate.crowded("ssh", count, addresses)

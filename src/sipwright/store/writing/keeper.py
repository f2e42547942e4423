"""The process that keeps the tables of an SQLite database up to date for several workers.

Each of them appends what it commits to segments of its own, as a single process does (`sqlite_committer.py`), and waits
for nobody. To write that into the tables is this one's part, once a second and whenever a worker wants to read them: so
one process writes what all have committed, and their loops have nothing to do with it. When it dies, nobody who only
commits takes notice.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import struct
from pathlib import Path
from socket import SO_PEERCRED, SOL_SOCKET
from typing import cast

import structlog

from sipwright.event_loop import listen_no_more
from sipwright.folder_sockets import listen
from sipwright.store.errors import StoreError
from sipwright.store.writing.log_applier import Applier

__all__ = ["APPLY_EVERY", "SOCKET", "Keeper"]

SOCKET = "store.sock"
"""The name of the socket in the data folder. Who has written a byte there hears one when the tables have all."""

APPLY_EVERY = 1.0
"""Seconds for which batches are gathered before they are applied to the tables."""

BACKLOG = 128
"""Workers that wait to be taken."""

log = structlog.get_logger(__name__)

_CREDENTIALS = struct.Struct("3i")
_FAULTS = (OSError, sqlite3.Error, StoreError)


class Keeper:
    """Applies the logs from `start` to `close`."""

    def __init__(self, database: Path) -> None:
        """Get ready; nothing of the database is touched before somebody comes, who has brought it up to date."""
        # Whoever removes a segment syncs the disk; nothing is removed here.
        self._applier = Applier(database, patience=5.0)
        self._server: asyncio.Server | None = None
        self._following: asyncio.Task[None] | None = None
        self._is_failing = False
        self._clients: set[Client] = set()

    async def start(self, folder: Path) -> None:
        """Listen in a data folder.

        Raises:
            OSError: The socket cannot be made there.
        """
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: Client(self), sock=listen(folder, SOCKET, BACKLOG)
        )

    async def close(self) -> None:
        """Take nothing more, and apply what is in the log."""
        if self._server is not None:
            await listen_no_more(self._server)
        for client in tuple(self._clients):
            client.abort()
        if self._following is not None:
            self._following.cancel()
            await self.apply()
        self._applier.close()

    def came(self, client: Client) -> None:
        """Take note of a worker."""
        self._clients.add(client)
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow())

    def went(self, client: Client) -> None:
        """Forget a worker."""
        self._clients.discard(client)

    async def apply(self) -> bool:
        """Bring the tables up to date, and return whether they are."""
        try:
            await asyncio.to_thread(self._applier.apply)
        except _FAULTS as error:
            if not self._is_failing:
                log.error("the tables cannot follow the log; what is committed stays there", error=str(error))
            self._is_failing = True
            return False
        self._is_failing = False
        return True

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(APPLY_EVERY)
            await self.apply()


class Client(asyncio.Protocol):
    """The connection of a worker, as the keeper has it."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._transport: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let in our own user alone."""
        # uvloop's transports have the same methods and share no class with asyncio's.
        opened = cast("asyncio.Transport", transport)
        peer = opened.get_extra_info("socket")
        _, uid, _ = _CREDENTIALS.unpack(peer.getsockopt(SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size))
        if uid not in (0, os.geteuid()):
            opened.abort()
            return
        self._transport = opened
        self._keeper.came(self)

    def data_received(self, data: bytes) -> None:
        """Begin to apply for each byte."""
        for _ in data:
            task = asyncio.get_running_loop().create_task(self._apply())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave."""
        self._transport = None
        self._keeper.went(self)

    def abort(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def _apply(self) -> None:
        """Say when it is done; whoever waits in vain looks by himself, and meets the same."""
        if await self._keeper.apply() and self._transport is not None:
            self._transport.write(b"\n")

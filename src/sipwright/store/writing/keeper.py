"""The process that keeps an SQLite database for several workers: it alone appends to the log and applies it.

So there is one order of all batches, whoever has handed them in, and the tables are written by one. What workers ask of
the tables they read by themselves, after they have let it bring these up to date.
"""

from __future__ import annotations

import asyncio
import marshal
import os
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from socket import SO_PEERCRED, SOL_SOCKET
from typing import Any, cast

import structlog

from sipwright.folder_sockets import listen
from sipwright.store.errors import StoreError
from sipwright.store.writing.handed_batches import (
    APPLIED,
    APPLY,
    BATCH,
    COMMITTED,
    FENCE,
    FENCED,
    HEAD,
    SOCKET,
)
from sipwright.store.writing.sqlite_committer import SqliteCommitter
from sipwright.store.writing.writer import Batch

__all__ = ["Keeper"]

BACKLOG = 128
"""Workers that wait to be taken."""

log = structlog.get_logger(__name__)

_CREDENTIALS = struct.Struct("3i")


class Keeper:
    """Takes batches from `start` to `close`."""

    def __init__(self, database: Path, synchronous: str = "normal") -> None:
        """Get ready; nothing of the database is touched before somebody comes, who has brought it up to date."""
        self._database = database
        self._synchronous = synchronous
        self._committer: SqliteCommitter | None = None
        self._server: asyncio.Server | None = None
        self._under_way: dict[Batch, Client] = {}
        self._leases: sqlite3.Connection | None = None
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
            self._server.close()
        for client in tuple(self._clients):
            client.abort()
        if self._committer is not None:
            await self._committer.close()
        if self._leases is not None:
            self._leases.close()

    def came(self, client: Client) -> None:
        """Take note of a worker."""
        self._clients.add(client)
        if self._committer is None:
            self._committer = SqliteCommitter(self._database, self._synchronous)
            self._committer.start(self._done)

    def went(self, client: Client) -> None:
        """Forget a worker; what it has handed in is committed all the same."""
        self._clients.discard(client)

    def put(self, client: Client, data: bytes) -> None:
        """Commit a batch, as its sender has written it."""
        assert self._committer is not None
        if client.fence is not None and not self._holds(*client.fence):
            client.say(FENCED)
            return
        # A worker of ours has written it (`handed_batches.py`).
        batch = Batch(rows=cast("dict[str, dict[Any, Any]]", data))
        self._under_way[batch] = client
        self._committer.submit(batch)

    async def apply(self, client: Client) -> None:
        """Bring the tables up to date, and say so."""
        assert self._committer is not None
        try:
            await asyncio.to_thread(self._committer.apply)
        except (OSError, sqlite3.Error, StoreError) as error:
            log.error("the tables cannot follow the log; what is committed stays there", error=str(error))
            return  # whoever waits looks by himself, and meets the same
        client.say(APPLIED)

    def _done(self, batch: Batch) -> None:
        client = self._under_way.pop(batch, None)
        if client is not None:
            client.say(COMMITTED)

    def _holds(self, lease: str, fence: int) -> bool:
        """Return whether nobody else has taken a lease; a database that cannot say so has not changed either."""
        try:
            if self._leases is None:
                self._leases = sqlite3.connect(self._database, isolation_level=None)
            with closing(self._leases.execute("SELECT fence FROM leases WHERE name = ?", (lease,))) as found:
                row = found.fetchone()
        except sqlite3.Error:
            return True
        return row is None or row[0] == fence


class Client(asyncio.Protocol):
    """The connection of a worker, as the keeper has it."""

    def __init__(self, keeper: Keeper) -> None:
        self.fence: tuple[str, int] | None = None
        self._keeper = keeper
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()
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
        """Take the frames that are whole."""
        read = self._read
        read += data
        at = 0
        while len(read) - at >= HEAD.size:
            end = at + HEAD.size + HEAD.unpack_from(read, at)[0]
            if end > len(read):
                break
            start = at + HEAD.size
            self._take(bytes(read[start : start + 1]), bytes(read[start + 1 : end]))
            at = end
        del read[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave."""
        self._transport = None
        self._keeper.went(self)

    def say(self, what: bytes) -> None:
        """Answer, if anybody still listens."""
        if self._transport is not None:
            self._transport.write(what)

    def abort(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _take(self, kind: bytes, data: bytes) -> None:
        if kind == BATCH:
            self._keeper.put(self, data)
        elif kind == APPLY:
            task = asyncio.get_running_loop().create_task(self._keeper.apply(self))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif kind == FENCE:
            self.fence = marshal.loads(data)

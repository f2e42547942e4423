"""The connection of a worker to the process that keeps the tables up to date for all of them (`keeper.py`)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import cast

from sipwright.folder_sockets import connect
from sipwright.store.writing.keeper import SOCKET

__all__ = ["KeeperLink"]

PAUSE = 0.02
"""Seconds between two attempts to reach the keeper, which is started again at once when it dies."""

PATIENCE = 10.0
"""Seconds that the tables may take to be brought up to date."""


class KeeperLink(asyncio.Protocol):
    """What a worker asks of the keeper."""

    def __init__(self, folder: Path) -> None:
        """Introduce this worker; `folder` is the data folder."""
        self._folder = folder
        self._transport: asyncio.Transport | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self._is_closed = False
        self._connect()

    async def apply(self) -> None:
        """Wait until the tables have all that is committed by now.

        Raises:
            TimeoutError: It takes too long.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._transport is not None:
            self._transport.write(b"\n")
        async with asyncio.timeout(PATIENCE):
            await done

    def close(self) -> None:
        """Ask for nothing more."""
        self._is_closed = True
        self._connecting.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for what is waited for."""
        # uvloop's transports have the same methods and share no class with asyncio's.
        opened = self._transport = cast("asyncio.Transport", transport)
        opened.write(b"\n" * len(self._waiting))

    def data_received(self, data: bytes) -> None:
        """Let go who has waited longest, for each byte: what was asked for later was begun later, and is done, too."""
        for done in self._waiting[: len(data)]:
            if not done.done():
                done.set_result(None)
        del self._waiting[: len(data)]

    def connection_lost(self, exc: Exception | None) -> None:
        """Look for the next keeper."""
        self._transport = None
        if not self._is_closed:
            self._connect()

    def _connect(self) -> None:
        self._connecting = asyncio.get_running_loop().create_task(self._keep_trying())

    async def _keep_trying(self) -> None:
        while True:
            with suppress(OSError):
                connection = connect(self._folder, SOCKET)
                await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=connection)
                return
            await asyncio.sleep(PAUSE)

"""Commits the batches of a worker on SQLite: hands them to the process that keeps the database.

A batch counts as committed when that one has it in its log. When it dies the batch that is under way is handed to the
next one once more, which does no harm: rows are written whole. So nothing that anybody was told is lost by the death of
either.
"""

from __future__ import annotations

import asyncio
import marshal
from collections.abc import Callable
from pathlib import Path
from typing import cast

import structlog

from sipwright.folder_sockets import connect
from sipwright.services.leases import Fence
from sipwright.store.writing.handed_batches import (
    APPLIED,
    APPLY,
    BATCH,
    COMMITTED,
    FENCE,
    FENCED,
    SOCKET,
    frame,
)
from sipwright.store.writing.log_records import written
from sipwright.store.writing.writer import Batch, batch_refused, outage_began, outage_ended

__all__ = ["HandingCommitter"]

log = structlog.get_logger(__name__)

PAUSE = 0.02
"""Seconds between two attempts to reach the keeper, which is started again at once when it dies."""

NOTICED = 1.0
"""Seconds without a keeper that are no outage yet."""

PATIENCE = 10.0
"""Seconds that the tables may take to be brought up to date."""


class HandingCommitter(asyncio.Protocol):
    """The connection of a worker to the keeper."""

    def __init__(self, folder: Path) -> None:
        """Get ready; `folder` is the data folder."""
        self.failing_since: float | None = None
        self._folder = folder
        self._transport: asyncio.Transport | None = None
        self._batch: Batch | None = None
        self._frame = b""
        self._fence: Fence | None = None
        self._on_fenced: Callable[[], object] = lambda: None
        self._is_fenced = False
        self._applied: list[asyncio.Future[None]] = []
        self._connecting: asyncio.Task[None] | None = None
        self._is_closed = False

    def fence(self, fence: Fence, on_fenced: Callable[[], object]) -> None:
        """Commit nothing any more when somebody else has the lease of `fence`, and tell that."""
        self._fence, self._on_fenced = fence, on_fenced
        if self._transport is not None:
            self._introduce(self._transport)

    def start(self, on_done: Callable[[Batch], None]) -> None:
        """Get ready."""
        self._on_done = on_done
        self._loop = asyncio.get_running_loop()
        self._connect()

    def submit(self, batch: Batch) -> None:
        """Begin to commit a batch."""
        try:
            data = written(batch.rows)
        except (TypeError, ValueError):
            batch_refused(batch)
            self._loop.call_soon(self._on_done, batch)
            return
        self._batch, self._frame = batch, frame(BATCH, data)
        if self._transport is not None:
            self._transport.write(self._frame)

    async def apply(self) -> None:
        """Wait until the tables have all that is committed by now.

        Raises:
            TimeoutError: It takes too long.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        self._applied.append(done)
        if self._transport is not None:
            self._transport.write(frame(APPLY))
        async with asyncio.timeout(PATIENCE):
            await done

    async def close(self) -> None:
        """Stop, and give up a batch that cannot be committed."""
        self._is_closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._transport is not None:
            self._transport.close()

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who it is, and go on with what is under way."""
        # uvloop's transports have the same methods and share no class with asyncio's.
        opened = self._transport = cast("asyncio.Transport", transport)
        self._introduce(opened)
        if self._batch is not None:
            opened.write(self._frame)
        for _ in self._applied:
            opened.write(frame(APPLY))

    def data_received(self, data: bytes) -> None:
        """Take what the keeper says."""
        for place in range(len(data)):
            said = data[place : place + 1]
            if said == COMMITTED:
                self._committed()
            elif said == APPLIED and self._applied:
                done = self._applied.pop(0)
                if not done.done():
                    done.set_result(None)
            elif said == FENCED and not self._is_fenced:
                self._is_fenced = True
                self._on_fenced()  # nobody is told of this batch, nor of any after it

    def connection_lost(self, exc: Exception | None) -> None:
        """Look for the next keeper."""
        self._transport = None
        if not self._is_closed:
            self._connect()

    def _committed(self) -> None:
        batch, self._batch, self._frame = self._batch, None, b""
        if self.failing_since is not None:
            outage_ended(self.failing_since)
            self.failing_since = None
        if batch is not None and not self._is_fenced:
            self._on_done(batch)

    def _introduce(self, transport: asyncio.Transport) -> None:
        if self._fence is not None:
            transport.write(frame(FENCE, marshal.dumps(tuple(self._fence))))

    def _connect(self) -> None:
        self._connecting = self._loop.create_task(self._keep_trying())

    async def _keep_trying(self) -> None:
        began = self._loop.time()
        while not self._is_closed:
            try:
                await self._loop.create_unix_connection(lambda: self, sock=connect(self._folder, SOCKET))
                return
            except OSError as error:
                if self.failing_since is None and self._loop.time() - began > NOTICED:
                    self.failing_since = outage_began(error)
            await asyncio.sleep(PAUSE)

"""A database on a server behind ``read`` and ``write``: a pool of connections, and when a transaction is repeated.

A transaction that another one was in the way of was taken back, and is repeated; so is one whose connection was lost
before its COMMIT was sent. Of one that was lost behind that nobody knows whether it is there: it is not repeated.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from math import inf
from typing import Any, TypeVar
from weakref import WeakSet

from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from sipwright.store.database.database import NO_TEXT
from sipwright.store.dialects import Dialect, Trouble
from sipwright.store.errors import DatabaseAwayError, StoreError
from sipwright.store.writing.board import Glance

__all__ = ["ATTEMPTS", "ServerDatabase"]

T = TypeVar("T")

ATTEMPTS = 6
"""How often a transaction is tried, within two seconds."""

PATIENCE = 30.0
"""Seconds that queries may take until the server counts as away."""

_PAUSE = 0.05
"""Seconds before the second try; each further one waits twice as long, and a part of it by chance."""

CLOSE_WITHIN = 3.0
"""Seconds that connections are given to end in order."""

CONNECTIONS = 3
"""Connections that are held open; some more while many want one."""


class ServerDatabase:
    """What databases on servers have in common."""

    dialect: str
    url: URL
    catch_up: Callable[[], Awaitable[None]] | None = None
    _engine: AsyncEngine
    _words: Dialect

    def __init__(self, patience: float | None = None) -> None:
        """Make one; with `patience` a connection and the locks of others are waited for no longer than that."""
        self._patience = patience
        self._silence: int | None = None
        self._opened: WeakSet[Any] = WeakSet()

    async def bound_silence(self, seconds: int) -> None:
        """Have each transaction taken back from now on in which nobody says anything for so long.

        A process that is stopped in the middle of one, or lost with its network, would keep for as long what it has
        locked, such as the row of its lease: nobody could go on with what it has. Whoever waits for a lock gives up
        after half of that, and tries once more: of a process that is stopped one transaction after the other would get
        what it has waited for, and keep it for as long.
        """
        self._silence = seconds
        await self._engine.dispose()  # connections that know nothing of it

    def glance(self, kind: int) -> Glance:
        """Return what says whether there may be news, which is always so."""
        return Glance(None, kind)

    def _end(self, connection: Any) -> None:
        """End a connection of the driver at once."""
        connection.close()

    async def read(self, work: Callable[[Connection], T], *, of_nodes: bool = True) -> T:
        """Run queries in a transaction of their own."""
        return await self.write(work, of_nodes=of_nodes, patience=PATIENCE)

    async def write(
        self, work: Callable[[Connection], T], *, of_nodes: bool = True, patience: float | None = 60.0
    ) -> T:
        """Run statements in one transaction."""
        try:
            async with asyncio.timeout(patience):
                if of_nodes and self.catch_up is not None:
                    await self.catch_up()
                return await self._repeated(work)
        except TimeoutError as error:
            raise self._failure(TimeoutError("it does not answer")) from error

    async def _repeated(self, work: Callable[[Connection], T]) -> T:
        attempt, until = 1, time.monotonic() + (inf if self._patience is None else self._patience)
        while True:
            try:
                return await self._once(work)
            except _Repeatable as failed:
                if attempt == ATTEMPTS or time.monotonic() >= until:
                    raise self._failure(failed.cause) from failed.cause
            await asyncio.sleep(_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
            attempt += 1

    async def close(self) -> None:
        """Give back every connection."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._engine.dispose()
        except TimeoutError:
            for connection in list(self._opened):  # whoever hangs hears no farewell
                self._end(connection)
            await self._engine.dispose(close=False)

    async def _once(self, work: Callable[[Connection], T]) -> T:
        is_committing = False
        try:
            async with self._connected() as connection:
                result = await connection.run_sync(work)
                is_committing = True
                await connection.commit()
                return result
        except DBAPIError as error:
            trouble = self._words.trouble(error.orig)
            if trouble is Trouble.UNFIT:
                raise StoreError(NO_TEXT) from error
            if trouble is Trouble.CONFLICT:
                raise _Repeatable(error.orig) from error
            if trouble is not Trouble.AWAY or is_committing:
                raise self._failure(error.orig) from error
            if not error.connection_invalidated:
                await self._engine.dispose()  # such as one that only follows another server now
            raise _Repeatable(error.orig) from error
        except (UnicodeEncodeError, OverflowError) as error:
            raise StoreError(NO_TEXT) from error
        except OSError as error:
            raise self._failure(error) from error

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        connection = self._engine.connect()
        try:
            async with asyncio.timeout(self._patience):
                await connection.start()
        except TimeoutError:
            raise TimeoutError("it does not answer") from None
        async with AsyncExitStack() as stack:
            stack.push_async_exit(connection)
            yield connection

    def _failure(self, error: BaseException | None) -> DatabaseAwayError:
        said = str(error) or type(error).__name__
        return DatabaseAwayError(f"the database {self.url.render_as_string()} does not work: {said}")


class _Repeatable(Exception):
    """A transaction of which nothing is left, and that may be tried again."""

    def __init__(self, cause: Any) -> None:
        self.cause: BaseException | None = cause

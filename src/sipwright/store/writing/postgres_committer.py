"""Writes batches on PostgreSQL: one prepared statement per kind, one array per column."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import asyncpg

from sipwright.services.leases import Fence
from sipwright.store.dialects import Trouble, postgresql
from sipwright.store.errors import FencedError
from sipwright.store.schema.rows import KINDS
from sipwright.store.writing.statements import postgres_delete, postgres_upsert
from sipwright.store.writing.writer import Row

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

__all__ = ["PostgresSession"]

HELD_FOR = 1.5
"""For how many seconds a transaction keeps a lease in which nobody says anything."""

_UPSERTS = {name: postgres_upsert(kind) for name, kind in KINDS.items()}
_DELETES = {name: postgres_delete(kind) for name, kind in KINDS.items()}

# Errors that the same rows will cause again, as opposed to those of the server or the network.
_OF_ROWS: tuple[type[Exception], ...] = (
    asyncpg.exceptions.DataError,
    asyncpg.exceptions.InterfaceError,
    asyncpg.exceptions.IntegrityConstraintViolationError,
    asyncpg.exceptions.ProgramLimitExceededError,
    UnicodeEncodeError,
    OverflowError,
    TypeError,
    ValueError,
)


class PostgresSession:
    """A connection and its prepared statements."""

    # The internal error is how a connection fails that the server has ended while it was idle.
    ERRORS: tuple[type[Exception], ...] = (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        OSError,
        *_OF_ROWS,
    )

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._open = connect
        self._connection: asyncpg.Connection | None = None
        self._prepared: dict[str, PreparedStatement] = {}

    async def connect(self) -> None:
        """Open the connection."""
        self._connection = await self._open()

    def disconnect(self) -> None:
        """Close it at once, without a word."""
        self._prepared.clear()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.terminate()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, that may have ended unnoticed."""
        return self._connection is not None

    @property
    def is_alive(self) -> bool:
        """Whether there is a connection that has not ended, as far as is known."""
        return self._connection is not None and not self._connection.is_closed()

    async def begin(self, fence: Fence | None) -> None:
        """Begin a transaction, in one round trip as BEGIN alone: who takes the lease waits for its end.

        But not for that of a process which is stopped in the middle of it, or of a machine that the network has lost.

        Raises:
            FencedError: Somebody else has the lease.
        """
        if fence is None:
            await self.command("BEGIN")
            return
        lease = fence.lease.replace("'", "''")
        try:
            await self.command(
                f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = {round(HELD_FOR * 1000)};"
                f" SELECT 1 / COALESCE((SELECT (fence = {fence.number:d})::int FROM leases"
                f" WHERE name = '{lease}' FOR SHARE), 0)"
            )
        except asyncpg.DivisionByZeroError:
            raise FencedError(*fence, None) from None

    async def upsert(self, kind: str, rows: list[Row]) -> None:
        """Insert or replace rows."""
        await self._execute(_UPSERTS[kind], list(zip(*rows, strict=True)))

    async def delete(self, kind: str, keys: list[Any]) -> None:
        """Delete rows by their keys."""
        single = len(KINDS[kind].key) == 1
        await self._execute(_DELETES[kind], [keys] if single else list(zip(*keys, strict=True)))

    async def command(self, sql: str) -> None:
        """Execute a statement without values."""
        assert self._connection is not None
        await self._connection.execute(sql)

    def trouble(self, error: BaseException) -> Trouble:
        """Tell what an error means."""
        return Trouble.UNFIT if isinstance(error, _OF_ROWS) else postgresql.trouble(error)

    async def _execute(self, sql: str, arrays: list[Any]) -> None:
        statement = self._prepared.get(sql)
        if statement is None:
            assert self._connection is not None
            statement = self._prepared[sql] = await self._connection.prepare(sql)
        await statement.fetch(*arrays)

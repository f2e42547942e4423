"""Writes batches on MariaDB: some dozens of rows to a statement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from asyncmy.errors import IntegrityError, MySQLError

from sipwright.services.leases import Fence
from sipwright.store.dialects import Trouble, mariadb
from sipwright.store.errors import FencedError
from sipwright.store.schema.rows import KINDS
from sipwright.store.writing.session import Rows, write
from sipwright.store.writing.statements import mariadb_delete, mariadb_upsert
from sipwright.store.writing.writer import Row

if TYPE_CHECKING:
    from asyncmy.connection import Connection as Driver

__all__ = ["MariadbSession"]

_LONGEST = 4_000_000
"""Bytes to a statement, about: a server takes 16 MB."""

_MOST = 500
"""Rows to a statement at most."""

_HOLD = "UPDATE leases SET writes = COALESCE(writes, 0) + 1 WHERE name = %s AND fence = %s"


class MariadbSession:
    """A connection, which begins a transaction with its first statement."""

    ERRORS: tuple[type[Exception], ...] = (MySQLError, OSError, OverflowError, TypeError, ValueError)

    def __init__(self, connect: Callable[[], Awaitable[Driver]]) -> None:
        self._open = connect
        self._connection: Driver | None = None

    async def connect(self) -> None:
        """Open the connection."""
        self._connection = await self._open()

    def disconnect(self) -> None:
        """Close it at once, without a word."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, that may have ended unnoticed."""
        return self._connection is not None

    @property
    def is_alive(self) -> bool:
        """Whether there is a connection that has not ended, as far as is known."""
        return self._connection is not None and self._connection.connected

    async def commit(self, rows: Rows, fence: Fence | None) -> None:
        """Commit rows as a whole, before somebody else has the lease of a fence, or not at all.

        Raises:
            FencedError: Somebody has it.
        """
        await self.begin(fence)
        await write(self, rows)
        await self.command("COMMIT")

    async def roll_back(self) -> None:
        """Be ready for the next transaction after one whose rows were not taken, of which nothing is left."""
        await self.command("ROLLBACK")

    async def begin(self, fence: Fence | None) -> None:
        """Begin a transaction that writes the row of its lease.

        Who takes the lease at the same server waits for its end. At two servers of a Galera cluster one of both is
        taken back, as both write that row.

        Raises:
            FencedError: Somebody else has the lease.
        """
        if fence is not None and not await self._execute(_HOLD, tuple(fence)):
            raise FencedError(*fence, None)

    async def upsert(self, kind: str, rows: list[Row]) -> None:
        """Insert or replace rows."""
        for part in _parts(rows):
            await self._execute(mariadb_upsert(KINDS[kind], len(part)), tuple(chain.from_iterable(part)))

    async def delete(self, kind: str, keys: list[Any]) -> None:
        """Delete rows by their keys."""
        single = len(KINDS[kind].key) == 1
        for part in _parts([(key,) for key in keys] if single else keys):
            await self._execute(mariadb_delete(KINDS[kind], len(part)), tuple(chain.from_iterable(part)))

    async def command(self, sql: str) -> None:
        """Execute a statement without values."""
        await self._execute(sql, None)

    def trouble(self, error: BaseException) -> Trouble:
        """Tell what an error means."""
        is_of_row = isinstance(error, IntegrityError | TypeError)
        return Trouble.UNFIT if is_of_row else mariadb.trouble(error)

    async def _execute(self, sql: str, values: tuple[Any, ...] | None) -> int:
        assert self._connection is not None
        async with self._connection.cursor() as cursor:
            await cursor.execute(sql, values)
            # The driver has no types.
            return cast("int", cursor.rowcount)


def _parts(rows: list[Row]) -> Iterator[list[Row]]:
    """Split rows so that no statement becomes too long."""
    part: list[Row] = []
    size = 0
    for row in rows:
        length = sum(2 * len(value) for value in row if isinstance(value, str | bytes))
        if part and (size + length > _LONGEST or len(part) == _MOST):
            yield part
            part, size = [], 0
        part.append(row)
        size += length
    if part:
        yield part

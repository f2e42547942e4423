"""Writes batches on PostgreSQL: by prepared statements, with one array per column.

A statement is a transaction, so a batch of one kind or two, as nearly all are while few rows come, is one trip to the
server and back, where one that begins, writes some kinds and commits is three and more.

The server may find such a statement late, after its connection was given up and its rows were committed over the next
one, and newer ones too. So each connection counts itself in the row of the lease before its first commit, and each
statement says which one it is of: that of an earlier connection writes nothing any more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import asyncpg

from sipwright.services.leases import Fence
from sipwright.store.dialects import Trouble, postgresql
from sipwright.store.errors import FencedError
from sipwright.store.schema.rows import KINDS
from sipwright.store.writing.session import Parts, Rows, parts, write
from sipwright.store.writing.statements import postgres_commit, postgres_delete, postgres_upsert
from sipwright.store.writing.writer import Row

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

__all__ = ["PostgresSession"]

HELD_FOR = 1.5
"""For how many seconds a transaction keeps a lease in which nobody says anything."""

_COUNT_CONNECTION = (
    "UPDATE leases SET writes = COALESCE(writes, 0) + 1 WHERE name = $1 AND fence = $2 RETURNING writes"
)

MOST_PARTS = 2
"""Kinds of a batch that is one statement: to plan one takes long, and there are as many as kinds come together."""

MOST_PREPARED = 64
"""Such statements: a batch that would be another one is written kind by kind."""

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
        self._counted: tuple[Fence, int] | None = None
        """Under which fence this connection has counted itself, and the number that it got."""
        self._commits: dict[tuple[bool, tuple[tuple[str, bool], ...]], str] = {}

    async def connect(self) -> None:
        """Open the connection."""
        self._connection = await self._open()

    def disconnect(self) -> None:
        """Close it at once, without a word."""
        self._prepared.clear()
        self._counted = None
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

    async def commit(self, rows: Rows, fence: Fence | None) -> None:
        """Commit rows as a whole, before somebody else has the lease of a fence, or not at all.

        Raises:
            FencedError: Somebody has it.
            ConnectionResetError: This connection is not the last one that was opened under the fence.
        """
        number = None if fence is None else await self._number(fence)
        of_kinds = parts(rows)
        statement = self._statement(of_kinds, is_fenced=fence is not None)
        if statement is None:
            await self.begin(fence)
            await write(self, rows)
            await self.command("COMMIT")
            return
        arrays: list[Any] = [] if fence is None else [fence.number, fence.lease, number]
        for kind, kept, gone in of_kinds:
            arrays += zip(*kept, strict=True)
            arrays += _columns_of(kind, gone) if gone else ()
        try:
            await self._execute(statement, arrays)
        except asyncpg.DivisionByZeroError:
            assert fence is not None
            raise await self._refused(fence) from None

    async def _refused(self, fence: Fence) -> Exception:
        """Return why nothing was written: somebody else has the lease, or another connection has counted itself since.

        That may be one that was given up before it heard its number, so the lease is ours as before.
        """
        assert self._connection is not None
        held = await self._connection.fetchval("SELECT fence FROM leases WHERE name = $1", fence.lease)
        if held == fence.number:
            return ConnectionResetError("another connection has been counted since this one")
        return FencedError(*fence, None)

    async def _number(self, fence: Fence) -> int:
        """Return the number of this connection among those that were opened under a fence and the ones before it."""
        if self._counted is None or self._counted[0] != fence:
            assert self._connection is not None
            number = await self._connection.fetchval(_COUNT_CONNECTION, fence.lease, fence.number)
            if number is None:
                raise FencedError(*fence, None)
            self._counted = fence, number
        return self._counted[1]

    def _statement(self, of_kinds: Parts, *, is_fenced: bool) -> str | None:
        """Return the statement that writes rows of those kinds; None where they are written one after the other."""
        shape = tuple((kind, rows is gone) for kind, kept, gone in of_kinds for rows in (kept, gone) if rows)
        if not 0 < len(shape) <= MOST_PARTS:
            return None
        known = self._commits.get((is_fenced, shape))
        if known is None and len(self._commits) < MOST_PREPARED:
            known = postgres_commit([(KINDS[kind], is_gone) for kind, is_gone in shape], is_fenced=is_fenced)
            self._commits[is_fenced, shape] = known
        return known

    async def roll_back(self) -> None:
        """Be ready for the next transaction after one whose rows were not taken, of which nothing is left."""
        assert self._connection is not None
        if self._connection.is_in_transaction():
            await self.command("ROLLBACK")

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
        await self._execute(_DELETES[kind], _columns_of(kind, keys))

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
            statement = await self._connection.prepare(sql)
            self._prepared[sql] = statement
        await statement.fetch(*arrays)


def _columns_of(kind: str, keys: list[Any]) -> list[Any]:
    """Return an array for each column of some keys."""
    return [keys] if len(KINDS[kind].key) == 1 else list(zip(*keys, strict=True))

"""Commits batches to PostgreSQL: one connection, one prepared statement per kind, one array per column."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Any

import asyncpg

from sipwright.services.leases import Fence
from sipwright.store.errors import FencedError
from sipwright.store.schema.rows import KINDS, storable
from sipwright.store.writing.statements import postgres_delete, postgres_upsert
from sipwright.store.writing.writer import Batch, Row, batch_refused, outage_began, outage_ended, row_refused

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

__all__ = ["PostgresCommitter"]

_BACKOFF = (0.05, 0.1, 0.2, 0.5, 1.0)
# A commit that takes longer is taken for a dead connection; repeating it does no harm.
_TIMEOUT = 15.0

HELD_FOR = 1.5
"""For how many seconds a transaction keeps a lease in which nobody says anything."""

_Statement = tuple[str, list[Any]]
_UPSERTS = {name: postgres_upsert(kind) for name, kind in KINDS.items()}
_DELETES = {name: postgres_delete(kind) for name, kind in KINDS.items()}

# Errors that the same rows will cause again, as opposed to those of the server or the network.
_ROW_ERRORS = (
    asyncpg.exceptions.DataError,
    asyncpg.exceptions.InterfaceError,
    asyncpg.exceptions.IntegrityConstraintViolationError,
    asyncpg.exceptions.ProgramLimitExceededError,
    UnicodeEncodeError,
    OverflowError,
    TypeError,
    ValueError,
)
# The internal error is how a connection fails that the server has ended while it was idle.
_OUTAGES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class PostgresCommitter:
    """The writer's connection; each of its transactions names the fence of its node, if that has one."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self.failing_since: float | None = None
        self._connect = connect
        self._connection: asyncpg.Connection | None = None
        self._prepared: dict[str, PreparedStatement] = {}
        self._task: asyncio.Task[None] | None = None
        self._fence: Fence | None = None
        self._begin_fenced = ""
        self._on_fenced: Callable[[], object] = lambda: None

    def fence(self, fence: Fence, on_fenced: Callable[[], object]) -> None:
        """Commit nothing any more when somebody else has the lease of `fence`, and tell that."""
        self._fence, self._on_fenced = fence, on_fenced
        lease = fence.lease.replace("'", "''")
        # One round trip, as BEGIN alone is. The lock keeps whoever takes the lease waiting for our commit, but not for
        # that of a process which is stopped in the middle of it, or of a machine that the network has lost.
        self._begin_fenced = (
            f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = {round(HELD_FOR * 1000)};"
            f" SELECT 1 / COALESCE((SELECT (fence = {fence.number:d})::int FROM leases"
            f" WHERE name = '{lease}' FOR SHARE), 0)"
        )

    def start(self, on_done: Callable[[Batch], None]) -> None:
        """Get ready."""
        self._on_done = on_done

    def submit(self, batch: Batch) -> None:
        """Begin to commit a batch."""
        self._task = asyncio.get_running_loop().create_task(self._commit_for_sure(batch))

    async def close(self) -> None:
        """Stop, and give up a batch that cannot be committed."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        self._disconnect()

    async def _commit_for_sure(self, batch: Batch) -> None:
        attempt = 0
        while True:
            try:
                # Not wait_for(): on Python 3.11 that can lose a cancellation.
                async with asyncio.timeout(_TIMEOUT):
                    await self._commit(batch)
                break
            except FencedError:
                self._disconnect()
                self._on_fenced()
                return  # nobody is told of this batch, nor of any after it
            except _OUTAGES as error:
                self._disconnect()
                if self.failing_since is None:
                    self.failing_since = outage_began(error)
                await asyncio.sleep(_BACKOFF[min(attempt, len(_BACKOFF) - 1)])
                attempt += 1
            except Exception:
                self._disconnect()
                batch_refused(batch)
                break
        if self.failing_since is not None:
            outage_ended(self.failing_since)
            self.failing_since = None
        self._on_done(batch)

    async def _commit(self, batch: Batch) -> None:
        if self._connection is None:
            self._connection = await self._connect()
        try:
            await self._run(_statements(batch.rows))
        except _ROW_ERRORS:
            if self._connection.is_closed():
                raise
            await self._roll_back()
            await self._commit_one_by_one(batch)

    async def _run(self, statements: list[_Statement]) -> None:
        if len(statements) == 1 and self._fence is None:
            await self._execute(*statements[0])
            return
        await self._begin()
        for statement in statements:
            await self._execute(*statement)
        await self._command("COMMIT")

    async def _commit_one_by_one(self, batch: Batch) -> None:
        """Save what can be saved of a batch of which the database has refused some row."""
        assert self._connection is not None
        await self._begin()
        for name, rows in batch.rows.items():
            for key, row in rows.items():
                await self._command("SAVEPOINT row")
                clean = None if row is None else storable(row)
                try:
                    for statement in _statements({name: {_storable_key(key): clean}}):
                        await self._execute(*statement)
                except _ROW_ERRORS as error:
                    if self._connection.is_closed():
                        raise
                    await self._command("ROLLBACK TO SAVEPOINT row")
                    row_refused(name, key, error)
                    batch.refused.add((name, key))
        await self._command("COMMIT")

    async def _begin(self) -> None:
        if self._fence is None:
            await self._command("BEGIN")
            return
        try:
            await self._command(self._begin_fenced)
        except asyncpg.DivisionByZeroError:
            raise FencedError(*self._fence, None) from None

    async def _execute(self, sql: str, arrays: list[Any]) -> None:
        statement = self._prepared.get(sql)
        if statement is None:
            assert self._connection is not None
            statement = self._prepared[sql] = await self._connection.prepare(sql)
        await statement.fetch(*arrays)

    async def _command(self, sql: str) -> None:
        assert self._connection is not None
        await self._connection.execute(sql)

    async def _roll_back(self) -> None:
        if self._connection is not None and self._connection.is_in_transaction():
            await self._command("ROLLBACK")

    def _disconnect(self) -> None:
        self._prepared.clear()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.terminate()


def _statements(batch: dict[str, dict[Any, Row | None]]) -> list[_Statement]:
    statements: list[_Statement] = []
    for name, rows in batch.items():
        if not rows:
            continue
        kept = [row for row in rows.values() if row is not None]
        if kept:
            statements.append((_UPSERTS[name], list(zip(*kept, strict=True))))
        if len(kept) < len(rows):
            gone = [key for key, row in rows.items() if row is None]
            single = len(KINDS[name].key) == 1
            statements.append((_DELETES[name], [gone] if single else list(zip(*gone, strict=True))))
    return statements


def _storable_key(key: Hashable) -> Any:
    if isinstance(key, tuple):
        return storable(key)
    return storable((key,))[0]

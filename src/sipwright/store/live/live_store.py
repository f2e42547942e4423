"""The store of a running node: administration, the directory in memory, and the writer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import structlog
from sqlalchemy import ColumnElement, Connection, Text, cast, delete, func, select, update

from sipwright.services.leases import Fence
from sipwright.services.rows import BINDING_LINES, SpendingRow, StoredBinding
from sipwright.store.admin import accounts, guard_rules, script_secrets, sealed
from sipwright.store.admin.administration import Administration
from sipwright.store.admin.changes import Change, ChangeFeed, prune_changes
from sipwright.store.crypto import KeyRing
from sipwright.store.database import Database, rows_as_stored
from sipwright.store.errors import NotFoundError, StoreError, WrongKeyError
from sipwright.store.live.directory import Directory, Update
from sipwright.store.live.gathering import gather, has_nodes
from sipwright.store.live.left_rows import merge
from sipwright.store.schema import tables, watching_tables
from sipwright.store.schema.entities import Account
from sipwright.store.schema.rows import (
    KINDS,
    CallRow,
    EventStateRow,
    ExecutionRow,
    ProviderStateRow,
    SubscriptionRow,
    restored,
    unfinished_executions,
)
from sipwright.store.writing.board import CHANGES
from sipwright.store.writing.grouping import PATIENT, PATIENT_WITH_A_SERVER, Grouping
from sipwright.store.writing.writer import Committer, Fenced, Writer

if TYPE_CHECKING:
    from sipwright.store.writing.server_committer import ServerCommitter

__all__ = ["Store"]

log = structlog.get_logger(__name__)

R = TypeVar("R", CallRow, EventStateRow, ExecutionRow, ProviderStateRow, SubscriptionRow)

_PRUNE_EVERY = 3600.0

SILENCE = 5
"""Seconds after which a server takes a transaction back in which nobody says anything, where nothing else is said."""


class Store(Administration):
    """The store of a running node: what it keeps, and what it needs to know without asking."""

    directory: Directory
    writer: Writer
    _committer: Committer
    _waiting: Path | None

    def __init__(self, database: Database, keys: KeyRing) -> None:
        super().__init__(database, keys)
        self._feed = ChangeFeed()
        self._pruned_at = 0.0
        self._told_of_key: str | None = None

    @classmethod
    async def open(  # noqa: PLR0913  # one for each thing that a node has settings for
        cls,
        url: str,
        key_file: Path,
        *,
        migrate: bool = True,
        account_limit: int = 250_000,
        synchronous: str = "normal",
        keeper: Path | None = None,
        waiting: Path | None = None,
        patience: float | None = None,
        silence: int = SILENCE,
    ) -> Self:
        """Open a database, fill the directory and start the writer.

        Args:
            url: ``sqlite:///FILE`` or ``postgresql://...``.
            key_file: The keys of the encrypted columns.
            migrate: Bring the schema up to date first.
            account_limit: How many accounts the directory may hold.
            synchronous: SQLite's setting of that name for the hot writes, ``normal`` or ``full``.
            keeper: The folder of the socket of the process that keeps the tables of an SQLite database for several.
            waiting: The folder in which what is committed waits while a database server is away, if it may.
            patience: As `open_database` has it.
            silence: After how many seconds a server takes a transaction back in which nobody says anything.
        """
        store = await super().open(url, key_file, migrate=migrate, patience=patience)
        store.directory = Directory(store.keys, account_limit)
        try:
            await store.database.read(store._feed.start)
            for update in await store.database.read(store.directory.read_everything):
                store.directory.apply(update)
        except BaseException:
            await store.database.close()
            raise
        await store.database.bound_silence(silence)
        store._committer = _committer(store.database, synchronous, keeper, waiting)
        store._waiting = waiting
        if store.is_shared:
            store.database.catch_up = store.caught_up
        patient = PATIENT_WITH_A_SERVER if store.is_shared else PATIENT
        store.writer = Writer(store._committer, grouping=Grouping(patient=patient))
        return store

    async def gather(self, node: str, *, is_alone: bool) -> None:
        """Give a node all that workers have left who are no more, in an SQLite file, which has no other nodes."""
        if not is_alone or await self.database.read(has_nodes, of_nodes=False):
            await self.database.write(lambda c: gather(c, node, is_alone=is_alone))

    async def close(self) -> None:
        """Commit what waits, and give back every connection."""
        await self.writer.close()
        await super().close()

    async def abandon(self) -> None:
        """Give back every connection; what waits is not committed, as it is another node's by now."""
        await self.writer.abandon()
        await super().close()

    @property
    def is_shared(self) -> bool:
        """Whether several nodes may have this database; an SQLite file has one."""
        return self.database.dialect != "sqlite"

    def fence(self, fence: Fence, on_fenced: Callable[[], object]) -> None:
        """Let nothing be committed any more when somebody else has the lease of `fence`, who is then told."""
        assert isinstance(self._committer, Fenced), "the lock on its folder is the fence of a file"
        self._committer.fence(fence, on_fenced)

    async def take_up_left(self, fence: Fence, node: str) -> int:
        """Bring into the database what earlier boots have committed while it was away; return how many rows.

        Raises:
            DatabaseAwayError: It is away still.
            FencedError: Somebody else has the lease of this node by now.
        """
        from sipwright.store.writing.waiting_log import latest_rows, left_in

        taken = 0
        for left in [] if self._waiting is None else await asyncio.to_thread(left_in, self._waiting):
            for path in left.segments():
                rows = await asyncio.to_thread(latest_rows, path)
                if left.fence in (0, fence.number - 1):  # nobody has had the lease since
                    await self._on_server().commit_left(rows)
                else:
                    await self.database.write(partial(merge, node=node, rows=rows), of_nodes=False)
                await asyncio.to_thread(left.remove, path)
                taken += sum(map(len, rows.values()))
        if taken:
            log.warning("what had waited for the database is there", rows=taken)
        return taken

    @property
    def is_away(self) -> bool:
        """Whether what is put will not be in the database soon."""
        return self.writer.is_away or self.behind_since is not None

    @property
    def behind_since(self) -> float | None:
        """Since when the database is away and what is committed waits on the disk, by the monotonic clock."""
        return getattr(self._committer, "behind_since", None)

    @property
    def waiting_bytes(self) -> int:
        """How much waits on the disk for the database."""
        return getattr(self._committer, "waiting_bytes", 0)

    def _on_server(self) -> ServerCommitter:
        from sipwright.store.writing.server_committer import ServerCommitter

        assert isinstance(self._committer, ServerCommitter), "the lock on its folder is the fence of a file"
        return self._committer

    async def caught_up(self) -> None:
        """Wait until everything that is committed is in the database, and not on the disk alone."""
        if self.is_shared:
            await self._on_server().catch_up()

    async def follow_changes(self, every: float = 1.0) -> None:
        """Keep the directory up to date, until cancelled; an outage of the database is waited for."""
        is_failing, glance = False, self.database.glance(CHANGES)
        while True:
            await asyncio.sleep(every)
            try:
                await self._follow_key_file()
                if glance():
                    await self._follow_changes()
                    glance.seen()
                is_failing = False
            except Exception as error:  # the root of a task: whatever fails now may work in a second
                if not is_failing:
                    ours = not isinstance(error, StoreError | OSError)
                    log.error(
                        "changes cannot be followed; what is known stays in force",
                        error=str(error),
                        exc_info=ours,
                    )
                is_failing = True

    async def catch_up(self) -> list[Change]:
        """Bring the directory up to date now; give what had changed."""
        await self._follow_key_file()
        return await self._follow_changes()

    async def _follow_changes(self) -> list[Change]:
        numbers, updates = await self.database.read(self._read_changes, of_nodes=False)
        for found in updates:
            self.directory.apply(found)
        self._feed.taken(numbers)
        if time.monotonic() > self._pruned_at + _PRUNE_EVERY:
            self._pruned_at = time.monotonic()
            await self.database.write(prune_changes, of_nodes=False)
        return [update.change for update in updates]

    async def _follow_key_file(self) -> None:
        """Take up new keys, and say when another file lies there; it may be half written when it is first seen."""
        before, keys = self.keys.fault, self.keys
        if keys.is_as_read and keys.fault == self._told_of_key:
            return
        await asyncio.to_thread(keys.follow_file)
        if keys.unproven:
            with suppress(WrongKeyError):
                await self.database.read(partial(sealed.check, keys=keys), of_nodes=False)
        if keys.fault != self._told_of_key and (keys.fault == before or keys.fault is None):
            self._told_of_key = keys.fault
            if keys.fault is None:
                log.info("the key file is the right one again")
            else:
                log.error("the key file has changed", error=keys.fault)

    async def read_secret(self, user_id: int, name: str) -> str | None:
        """Return a secret of a user's scripts; None when there is none of that name."""
        return await self.database.read(
            lambda c: script_secrets.read(c, self.keys, user_id, name), of_nodes=False
        )

    async def load_account(self, username: str, domain: str) -> Account | None:
        """Look in the database for an account that the directory, not being complete, may lack."""
        known = self.directory.account(username, domain)
        if known is not None or self.directory.is_complete or domain not in self.directory.domains:
            return known
        try:
            account = await self.find_account(username, domain)
        except NotFoundError:
            return None
        self.directory.put_account(account)
        return account

    async def load_account_by_id(self, account_id: int) -> Account | None:
        """Look in the database for an account that takes calls, and that the directory may lack."""
        found = await self.database.read(
            lambda c: accounts.read_all(c, self.keys, between=(account_id, account_id))
        )
        for account in found:
            self.directory.put_account(account)
        return found[0] if found else None

    async def load_bindings(self) -> list[StoredBinding]:
        """Load every binding, and delete those whose account has gone."""
        column = tables.bindings.c
        lines = [
            func.coalesce(column[name], "") if name == "path" else column[name] for name in BINDING_LINES
        ]
        text: ColumnElement[Any] = cast(lines[0], Text)
        for line in lines[1:]:
            text = text + "\n" + line
        query = select(column.account_id, column.updated_at, column.expires_at, text)

        def work(connection: Connection) -> list[StoredBinding]:
            known = select(tables.accounts.c.id)
            connection.execute(delete(tables.bindings).where(column.account_id.not_in(known)))
            rows = rows_as_stored(connection, query)
            return [row if row[3].isascii() else restored(row) for row in rows]  # type: ignore[misc]  # rows are tuples

        return await self.database.write(work)

    async def move_deadlines(self, seconds: float) -> None:
        """Move what is stored of bindings and registrations, as the clock that they are stored by is set."""

        def work(connection: Connection) -> None:
            for table in (
                tables.bindings,
                tables.registrations,
                watching_tables.subscriptions,
                watching_tables.event_states,
            ):
                instants = {
                    column: column + seconds
                    for column in table.c
                    if column.name in ("expires_at", "updated_at")
                }
                connection.execute(update(table).values(instants))

        await self.database.write(work)

    async def load_provider_states(self, node: str) -> list[ProviderStateRow]:
        """Load which providers a node could not reach, and delete what is left of providers that are gone."""
        column = tables.provider_states.c

        def work(connection: Connection) -> list[ProviderStateRow]:
            known = select(tables.providers.c.id)
            connection.execute(delete(tables.provider_states).where(column.provider_id.not_in(known)))
            query = select(*_columns("provider_state")).where(column.node == node)
            return _rows(connection, ProviderStateRow, "provider_state", query)

        return await self.database.write(work)

    async def load_subscriptions(self, node: str) -> list[SubscriptionRow]:
        """Load the subscriptions that a node has to tell of changes."""
        query = select(*_columns("subscription")).where(watching_tables.subscriptions.c.node == node)
        return await self.database.read(lambda c: _rows(c, SubscriptionRow, "subscription", query))

    async def load_event_states(self) -> list[EventStateRow]:
        """Load what was said about accounts, and delete it of those that are gone."""

        def work(connection: Connection) -> list[EventStateRow]:
            known = select(tables.accounts.c.id)
            connection.execute(
                delete(watching_tables.event_states).where(
                    watching_tables.event_states.c.account_id.not_in(known)
                )
            )
            return _rows(connection, EventStateRow, "event_state", select(*_columns("event_state")))

        return await self.database.write(work)

    async def load_spendings(self) -> list[SpendingRow]:
        """Load what calls that left have used in the last day."""
        return await self.database.read(lambda c: guard_rules.recent(c, time.time()))

    async def load_calls(self, node: str) -> list[CallRow]:
        """Load the calls that a node was carrying."""
        query = (
            select(*_columns("call")).where(tables.calls.c.node == node).order_by(tables.calls.c.started_at)
        )
        return await self.database.read(lambda c: _rows(c, CallRow, "call", query))

    async def load_executions(self, node: str) -> list[ExecutionRow]:
        """Load the executions that were running or waiting on a node, even when their calls are over."""
        query = select(*_columns("execution")).where(unfinished_executions(node))
        return await self.database.read(lambda c: _rows(c, ExecutionRow, "execution", query))

    def _read_changes(self, connection: Connection) -> tuple[list[int], list[Update]]:
        found = self._feed.poll(connection)
        distinct = dict.fromkeys(found.values())
        return list(found), [self.directory.read(connection, change) for change in distinct]


def _committer(
    database: Database, synchronous: str, keeper: Path | None = None, waiting: Path | None = None
) -> Committer:
    """Make the committer of a database; only the driver of that is loaded."""
    if database.dialect == "sqlite":
        from sipwright.store.database.sqlite import SqliteDatabase

        assert isinstance(database, SqliteDatabase)
        from sipwright.store.writing.sqlite_committer import SqliteCommitter

        if keeper is not None:
            from sipwright.store.writing.keeper_link import KeeperLink

            database.applied_by = KeeperLink(keeper)
            database.board.is_kept = True
        return SqliteCommitter(database.path, synchronous, board=None if keeper is None else database.board)
    from sipwright.store.writing.server_committer import ServerCommitter
    from sipwright.store.writing.waiting_log import WaitingLog

    make_log = None if waiting is None else partial(WaitingLog, waiting)
    if database.dialect == "postgresql":
        from sipwright.store.database.postgres import PostgresDatabase
        from sipwright.store.writing.postgres_committer import PostgresSession

        assert isinstance(database, PostgresDatabase)
        return ServerCommitter(PostgresSession(database.connect), make_log)
    from sipwright.store.database.mariadb import MariadbDatabase
    from sipwright.store.writing.mariadb_committer import MariadbSession

    assert isinstance(database, MariadbDatabase)
    return ServerCommitter(MariadbSession(database.connect), make_log)


def _columns(kind: str) -> list[Any]:
    return [KINDS[kind].table.c[name] for name in KINDS[kind].columns]


def _rows(connection: Connection, make: type[R], kind: str, query: Any) -> list[R]:
    return [make(*restored(row)) for row in rows_as_stored(connection, query)]

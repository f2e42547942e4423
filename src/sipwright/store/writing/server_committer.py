"""Commits batches to a database on a server, over one connection that is replaced when it is lost.

A batch is committed as a whole, and repeating it does no harm: it says what rows are, not how they change.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Any

import structlog

from sipwright.ending import end
from sipwright.services.leases import Fence
from sipwright.store.dialects import Trouble
from sipwright.store.errors import DatabaseAwayError, FencedError
from sipwright.store.schema.rows import KINDS, storable
from sipwright.store.writing.log import keep_damaged
from sipwright.store.writing.session import Rows, Session, write
from sipwright.store.writing.waiting_log import WaitingLog, latest_rows
from sipwright.store.writing.writer import Batch, batch_refused, outage_began, outage_ended, row_refused

__all__ = ["ServerCommitter"]

log = structlog.get_logger(__name__)

_BACKOFF = (0.05, 0.1, 0.2, 0.5, 1.0)
# A commit that takes longer is taken for a dead connection.
_TIMEOUT = 15.0

HELD_UP = 0.7
"""Seconds after which a commit waits on the disk instead: before callers hear of it (`writer.PATIENCE`)."""

STOPPED = HELD_UP + 0.4
"""Seconds after which a commit that was to be held up for less says nothing about the database, but about us."""

MOST_STOPS = 3
"""How often such a batch is committed again, on a machine that does nothing but stand still."""

NEARLY = 100_000
"""Bytes in the log below which a new batch waits until they are in the database, and is next."""

_LAST = 3.0
"""Seconds that a committer which stops goes on to bring its log into the database."""

CONFLICTS = 10
"""How often a batch that another transaction was in the way of is committed again at once, before that is an outage."""


class ServerCommitter:
    """The writer's connection; each of its transactions names the fence of its node, if that has one.

    Args:
        session: The connection.
        waiting: Makes the log in which batches wait while the server is away, and count as committed. Without one they
            do not, until it is back.
        clock: Monotonic time.
    """

    def __init__(
        self, session: Session, waiting: Callable[[int], WaitingLog] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.failing_since: float | None = None
        self.behind_since: float | None = None
        """Since when what is committed is in the log alone."""
        self._session = session
        self._make_log = waiting
        self._clock = clock
        self._log: WaitingLog | None = None
        self._held: Batch | None = None
        self._is_at_the_end = False
        self._task: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._fence: Fence | None = None
        self._on_fenced: Callable[[], object] = lambda: None

    def fence(self, fence: Fence, on_fenced: Callable[[], object]) -> None:
        """Commit nothing any more when somebody else has the lease of `fence`, and tell that."""
        self._fence, self._on_fenced = fence, on_fenced

    @property
    def waiting_bytes(self) -> int:
        """How much waits in the log for the server."""
        return 0 if self._log is None else self._log.size

    async def catch_up(self) -> None:
        """Wait until everything that counts as committed is in the database."""
        await self._caught_up.wait()

    def start(self, on_done: Callable[[Batch], None]) -> None:
        """Get ready."""
        self._on_done = on_done

    def submit(self, batch: Batch) -> None:
        """Begin to commit a batch."""
        if self._log is not None:
            self._put_aside(batch)
        else:
            self._task = asyncio.get_running_loop().create_task(self._commit_for_sure(batch))

    async def close(self) -> None:
        """Stop, and give up a batch that cannot be committed; what is in the log is committed at the next start."""
        if self._following is not None and not self._following.done():
            await asyncio.wait([self._following], timeout=_LAST)
        await end(task for task in (self._task, self._following) if task is not None)
        self._session.disconnect()
        if self._log is not None:
            log.warning(
                "what was committed waits on the disk; the next start takes it up", bytes=self._log.size
            )
            self._log.close()

    async def commit_left(self, rows: Rows) -> None:
        """Commit rows that an earlier boot has left, before anything new.

        Raises:
            DatabaseAwayError: The database does not work.
            FencedError: Somebody else has the lease of this node.
        """
        try:
            async with asyncio.timeout(_TIMEOUT):
                await self._commit(Batch(rows))
        except self._session.ERRORS as error:
            self._session.disconnect()
            raise DatabaseAwayError(f"the database does not work: {error}") from error

    async def _commit_for_sure(self, batch: Batch) -> None:
        attempt = conflicts = 0
        while True:
            began = self._clock()
            try:
                # Not wait_for(): on Python 3.11 that can lose a cancellation.
                async with asyncio.timeout(_TIMEOUT if self._make_log is None else HELD_UP):
                    await self._commit(batch)
                break
            except FencedError:
                self._fenced()
                return  # nobody is told of this batch, nor of any after it
            except self._session.ERRORS as error:
                if self._is_of_a_row(error):
                    self._session.disconnect()
                    batch_refused(batch)
                    break
                self._session.disconnect()
                conflicts += self._session.trouble(error) is Trouble.CONFLICT
                if 0 < conflicts <= CONFLICTS and self.failing_since is None:
                    continue
                attempt += 1
                if self._make_log is not None:
                    if attempt == 1 and not isinstance(error, TimeoutError):
                        continue  # most likely a connection that was lost while it was idle
                    if attempt <= MOST_STOPS and self._clock() - began > STOPPED:
                        continue  # it was this process that stood still: another node may have what it has
                    self._step_aside(batch, error)
                    return
                if self.failing_since is None:
                    self.failing_since = outage_began(error)
                await asyncio.sleep(_BACKOFF[min(attempt, len(_BACKOFF)) - 1])
            except Exception:
                self._session.disconnect()
                batch_refused(batch)
                break
        if self.failing_since is not None:
            outage_ended(self.failing_since)
            self.failing_since = None
        self._on_done(batch)

    def _fenced(self) -> None:
        self._session.disconnect()
        self._on_fenced()

    # While the server is away.

    def _step_aside(self, batch: Batch, error: BaseException) -> None:
        """Put this batch into the log, and all that come until the server is back and has them."""
        assert self._make_log is not None
        self._log = self._make_log(self._fence.number if self._fence else 0)
        self._caught_up.clear()
        self.behind_since = self._clock()
        log.error(
            "the database is away; what is committed waits on the disk",
            error=str(error) or type(error).__name__,
        )
        self._put_aside(batch)
        self._following = asyncio.get_running_loop().create_task(self._follow())

    def _put_aside(self, batch: Batch) -> None:
        assert self._log is not None
        if self._is_at_the_end:
            self._held = batch  # the log is nearly in the database: this one is next
            return
        try:
            self._log.append(batch.rows)
        except (TypeError, ValueError):
            batch_refused(batch)
        except OSError as error:
            self._held = batch
            if self.failing_since is None:
                self.failing_since = outage_began(error)
            return
        if self.failing_since is not None:
            outage_ended(self.failing_since)
            self.failing_since = None
        self._on_done(batch)

    async def _follow(self) -> None:
        """Bring what is in the log into the database, as soon as that works."""
        attempt = 0
        while True:
            try:
                if await self._commit_oldest():
                    attempt = 0
                    continue
                break
            except FencedError:
                self._fenced()
                return
            except self._session.ERRORS as error:
                if self._is_of_a_row(error):
                    self._refuse_oldest(error)
                    continue
                self._session.disconnect()
                self._is_at_the_end = False
                self._take_held()
                await asyncio.sleep(_BACKOFF[min(attempt, len(_BACKOFF) - 1)])
                attempt += 1
            except Exception as error:
                log.exception("what waits cannot be read, or not be committed")
                self._refuse_oldest(error)
        self._return()

    def _refuse_oldest(self, error: Exception) -> None:
        """Keep a segment beside the log that no database takes, a fault of ours: what is behind it goes on."""
        log.error("what waited is put aside", error=str(error))
        self._session.disconnect()
        waiting = self._log
        segment = None if waiting is None else waiting.oldest()
        if waiting is not None and segment is not None:
            keep_damaged(segment.path, segment.size)
            waiting.remove(segment)

    async def _commit_oldest(self) -> bool:
        """Commit the oldest segment; False when there is none any more."""
        waiting = self._log
        assert waiting is not None
        self._is_at_the_end = waiting.size < NEARLY and self._session.is_open
        segment = waiting.oldest()
        if segment is None:
            return False
        async with asyncio.timeout(_TIMEOUT):
            await self._commit(Batch(await asyncio.to_thread(latest_rows, segment.path)))
        waiting.remove(segment)
        if not self._is_at_the_end:
            self._take_held()
        return True

    def _take_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self._put_aside(held)

    def _return(self) -> None:
        """Commit to the database again."""
        assert self._log is not None
        self._log.close()
        self._log = None
        self._is_at_the_end = False
        self._caught_up.set()
        since, self.behind_since = self.behind_since, None
        log.warning("the database has all that waited", seconds=round(self._clock() - (since or 0.0), 1))
        if self.failing_since is not None:
            outage_ended(self.failing_since)
            self.failing_since = None
        held, self._held = self._held, None
        if held is not None:
            self.submit(held)

    # One transaction.

    async def _commit(self, batch: Batch) -> None:
        if not self._session.is_open:
            await self._session.connect()
        try:
            await self._session.commit(batch.rows, self._fence)
        except self._session.ERRORS as error:
            if not self._is_of_a_row(error):
                raise
            await self._session.roll_back()
            await self._commit_one_by_one(batch)

    async def _commit_one_by_one(self, batch: Batch) -> None:
        """Save what can be saved of a batch of which the database has refused some row."""
        await self._session.begin(self._fence)
        for name, rows in batch.rows.items():
            for key, row in rows.items():
                await self._session.command("SAVEPOINT one_row")
                clean = None if row is None else storable(row)
                try:
                    await write(self._session, {name: {_storable_key(name, key): clean}})
                except self._session.ERRORS as error:
                    if not self._is_of_a_row(error):
                        raise
                    await self._session.command("ROLLBACK TO SAVEPOINT one_row")
                    row_refused(name, key, error)
                    batch.refused.add((name, key))
        await self._session.command("COMMIT")

    def _is_of_a_row(self, error: Exception) -> bool:
        """Return whether the same rows will cause an error again, as opposed to one of the server or the network."""
        return self._session.is_alive and self._session.trouble(error) is Trouble.UNFIT


def _storable_key(kind: str, key: Hashable) -> Any:
    if len(KINDS[kind].key) > 1:
        return storable(key) if isinstance(key, tuple) else key
    return storable((key,))[0]

"""Group commit: what running nodes write, many rows to a transaction, without making the loop wait for a disk.

``put`` only notes a row.  While few come they are committed at the end of the loop's turn, else they are gathered for
some milliseconds (``grouping.py``); one batch is under way at a time, so order is kept.  How a batch reaches the disk
is the committer's business: ``sqlite_committer.py``, ``postgres_committer.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import structlog

from sipwright.services.leases import Fence
from sipwright.sip.errors import Reject
from sipwright.store.schema.rows import KINDS
from sipwright.store.writing.grouping import Grouping

__all__ = ["Batch", "Committer", "Fenced", "StoreBusy", "Writer", "WriterSnapshot"]

log = structlog.get_logger(__name__)

Row = tuple[Any, ...]
CAPACITY = 100_000

STOPPED = 0.5
"""Seconds between two looks, of which there are four a second, after which this process has stood still."""

MOST_STOPS = 3
"""How often it may have done so during one commit: a machine that does nothing else says nothing about itself."""

PATIENCE = 1.0
"""Seconds that a commit may take before the database counts as away."""

_PATIENT = {name: kind.is_patient for name, kind in KINDS.items()}
_ORDER = {kind: place for place, kind in enumerate(KINDS)}


class StoreBusy(Reject):
    """The database has been away for so long that no more writes can wait for it."""

    def __init__(self) -> None:
        super().__init__(503, "Storage Unavailable", (("Retry-After", "10"),))


@dataclass(slots=True, eq=False)
class Batch:
    """Rows that commit together, by kind and key; None deletes.  Until they do, a row may be what makes it.

    Most batches have few kinds, so only those that there are rows of are in it.
    """

    rows: dict[str, dict[Any, Any]] = field(default_factory=dict)
    callbacks: list[tuple[str, Hashable, Callable[[], None]]] = field(default_factory=list)
    size: int = 0
    # Rows that the database will never take; whoever waits for their commit waits in vain.
    refused: set[tuple[str, Hashable]] = field(default_factory=set)


@runtime_checkable
class Impatient(Protocol):
    """A callback after a commit whose peer hears something else when the database is away."""

    def store_is_away(self) -> None:
        """Take note that the commit will not be soon; may be called more than once."""


class Committer(Protocol):
    """Commits one batch after the other."""

    failing_since: float | None

    def start(self, on_done: Callable[[Batch], None]) -> None:
        """Get ready; ``on_done`` is to be called in the loop for each batch that is committed."""

    def submit(self, batch: Batch) -> None:
        """Begin to commit a batch, and go on trying until it is done."""

    async def close(self) -> None:
        """Stop, and give up a batch that cannot be committed."""


@runtime_checkable
class Fenced(Protocol):
    """A committer that commits nothing any more when somebody else has the lease of its node."""

    def fence(self, fence: Fence, on_fenced: Callable[[], object]) -> None:
        """Name the lease, and who is to be told."""


@dataclass(frozen=True, slots=True)
class WriterSnapshot:
    """How the writer is doing."""

    waiting: int
    under_way: int
    rows: int
    commits: int
    refused: int
    failing_since: float | None


class Writer:
    """Notes rows and hands them to the committer in batches."""

    def __init__(
        self, committer: Committer, *, grouping: Grouping | None = None, capacity: int = CAPACITY
    ) -> None:
        self._committer = committer
        self._grouping = grouping or Grouping()
        self._capacity = capacity
        self._loop = asyncio.get_running_loop()
        self._next = Batch()
        self._under_way: Batch | None = None
        # True from the arming of a flush until a batch is done and nothing more has come.
        self._is_armed = False
        # What is armed, as long as all that is to be committed then can wait.
        self._patient_flush: asyncio.Handle | None = None
        self._is_closed = False
        self._flushed_at = -1.0
        self._waited, self._stops, self._looked_at = 0.0, 0, -1.0
        self._idle = asyncio.Event()
        self._idle.set()
        self._row_count = self._commits = self._refused = 0
        self.is_away = False
        """What is put will not be committed soon; as `look` has found."""
        self.is_displaced = False
        """What is committed goes to a place where nobody will find it; as whoever watches that place says."""
        committer.start(self._on_done)

    def put(
        self,
        kind: str,
        key: Hashable,
        row: Row | Callable[[], Row] | None,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        """Write a row of a kind, or delete it; within one batch the last word about a key counts.

        Args:
            kind: One of ``rows.KINDS``.
            key: The key of that kind: one value, or a tuple of them.
            row: All values in the order of that kind's columns, or what makes them when the batch is committed, so
                that a state that changes several times before is written down once; None deletes.
            on_commit: Called in the loop when the row is safe.

        Raises:
            StoreBusy: when too many rows wait already.
        """
        is_patient, batch = _PATIENT[kind], self._next
        rows = batch.rows.get(kind)
        if rows is None:
            rows = batch.rows[kind] = {}
        if key not in rows:
            if batch.size >= self._capacity:
                raise StoreBusy
            batch.size += 1
        rows[key] = row
        if on_commit is not None:
            batch.callbacks.append((kind, key, on_commit))
        if not self._is_armed or (self._patient_flush is not None and not is_patient):
            self._arm(is_patient=is_patient)

    async def drain(self) -> None:
        """Wait until everything that was put is committed, and nothing more comes."""
        await self._idle.wait()

    async def settle(self, patience: float = 10.0) -> None:
        """Wait until what was put up to now is committed and those who wait for it have heard, for so long at most."""
        batch = self._next if self._next.size else self._under_way
        if batch is not None:
            done = asyncio.Event()
            batch.callbacks.append(("", None, done.set))
            with suppress(TimeoutError):
                async with asyncio.timeout(min(patience, PATIENCE) if self.is_away else patience):
                    await done.wait()

    async def abandon(self) -> None:
        """Stop, and commit nothing more: what waits is somebody else's by now."""
        self._is_closed = True
        await self._committer.close()

    async def close(self, patience: float = 10.0) -> None:
        """Commit what waits, for so long at most, and stop."""
        try:
            async with asyncio.timeout(min(patience, PATIENCE) if self.is_away else patience):
                await self.drain()
        except TimeoutError:
            log.error("rows lost at shutdown", rows=self.snapshot().waiting + self.snapshot().under_way)
        self._is_closed = True
        await self._committer.close()

    def look(self) -> bool:
        """Find out whether the database is away, and tell those of the waiting who want to know; they are told once.

        To be called now and then: a batch that takes longer than `PATIENCE` counts, whatever holds it up. The time in
        which this process itself was stopped does not: nobody has looked then, and another node may have its calls.
        """
        batch, now = self._under_way, self._loop.time()
        passed = now - max(self._flushed_at, self._looked_at)
        if passed > STOPPED and self._stops < MOST_STOPS:
            self._waited, self._stops = 0.0, self._stops + 1
        else:
            self._waited += passed
        self._looked_at = now
        is_late = batch is not None and self._waited > PATIENCE
        is_failing = batch is not None and self._committer.failing_since is not None
        self.is_away = self.is_displaced or is_late or is_failing
        if self.is_away:
            for waiting in (batch, self._next):
                for _, _, on_commit in () if waiting is None else waiting.callbacks:
                    if isinstance(on_commit, Impatient):
                        on_commit.store_is_away()
        return self.is_away

    def snapshot(self) -> WriterSnapshot:
        """Tell how the writer is doing."""
        under_way = self._under_way.size if self._under_way else 0
        return WriterSnapshot(
            self._next.size,
            under_way,
            self._row_count,
            self._commits,
            self._refused,
            self._committer.failing_since,
        )

    def _arm(self, *, is_patient: bool) -> None:
        self._is_armed = True
        self._idle.clear()
        if self._patient_flush is not None:
            self._patient_flush.cancel()
        wait = self._grouping.wait(self._loop.time(), is_patient=is_patient)
        flush = self._loop.call_later(wait, self._flush) if wait > 0.0 else self._loop.call_soon(self._flush)
        self._patient_flush = flush if is_patient else None

    def _flush(self) -> None:
        if self._is_closed:
            return
        self._patient_flush = None
        batch = self._under_way = self._next
        self._next = Batch()
        self._flushed_at, self._waited, self._stops = self._loop.time(), 0.0, 0
        self._grouping.committed(batch.size, self._flushed_at)
        _make_rows(batch)
        self._committer.submit(batch)

    def _on_done(self, batch: Batch) -> None:
        self._under_way = None
        self._commits += 1
        self._row_count += batch.size
        if batch.refused:
            self._refused += len(batch.refused)
            batch.callbacks = [call for call in batch.callbacks if call[:2] not in batch.refused]
        for _, _, on_commit in batch.callbacks:
            try:
                on_commit()
            except Exception:
                log.exception("a callback after a commit failed")
        if self._next.size:
            self._arm(is_patient=all(_PATIENT[kind] for kind in self._next.rows))
        else:
            self._is_armed = False
            self._idle.set()


def _make_rows(batch: Batch) -> None:
    """Replace what makes a row by that row, and put the kinds in the one order in which all write them."""
    if len(batch.rows) > 1:
        batch.rows = {kind: batch.rows[kind] for kind in sorted(batch.rows, key=_ORDER.__getitem__)}
    for kind, rows in batch.rows.items():
        for key, row in list(rows.items()):
            if callable(row):
                try:
                    rows[key] = row()
                except Exception:
                    log.exception("a row cannot be made", kind=kind, key=key)
                    del rows[key]
                    batch.refused.add((kind, key))


def outage_began(error: BaseException) -> float:
    """Log once that the database is away."""
    log.error("database outage began; writes wait", error=str(error) or type(error).__name__)
    return time.monotonic()


def outage_ended(since: float) -> None:
    """Log that the database is back."""
    log.warning("database outage over", seconds=round(time.monotonic() - since, 1))


def batch_refused(batch: Batch) -> None:
    """Log, inside an ``except``, that a fault of ours costs a whole batch; the next ones go on."""
    log.exception("batch refused", rows=batch.size)
    batch.refused |= {(kind, key) for kind, rows in batch.rows.items() for key in rows}


def row_refused(kind: str, key: Hashable, error: BaseException) -> None:
    """Log a row that the database will never take: a fault of ours."""
    log.error("row refused by the database", kind=kind, key=key, error=str(error))

"""Commits batches on SQLite: appends them to the redo log in the loop, and applies the log to the tables in a thread.

An append writes to the page cache, which is quicker than to hand it to a thread and hear of it.  A thread does what may
take long: it syncs, where that is wanted, and waits for a disk that is full or gone.  There is one batch at a time, so
order is kept whoever appends it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import structlog

from sipwright.store.errors import StoreError
from sipwright.store.writing.board import BINDINGS, STATES, Board
from sipwright.store.writing.log import Lately, RedoLog, Segment, directory_of, keep_damaged
from sipwright.store.writing.log_applier import Applier
from sipwright.store.writing.writer import Batch, batch_refused, outage_began, outage_ended

__all__ = ["SqliteCommitter"]

log = structlog.get_logger(__name__)

APPLY_EVERY = 1.0
"""Seconds for which batches are gathered before they are applied to the tables."""

KEPT_WITHIN = 10.0
"""Seconds for which full segments are left to the keeper: two who apply what is young write more states of each row."""

_BACKOFF = (0.05, 0.1, 0.2, 0.5, 1.0)

_NEWS = {"binding_news": BINDINGS, "state_news": STATES}
"""Kinds of rows that are news to other workers."""

_FAULTS = (sqlite3.Error, OSError, StoreError)


class SqliteCommitter:
    """The log of this process, and the two threads that look after it.

    Args:
        path: The file of the database.
        synchronous: ``normal``, or ``full`` to sync the disk before a batch counts as committed.
        board: Where other processes are told of news that commit there, too; one more brings the tables up to date for
            all of them (`keeper.py`), so that this one only removes full segments behind it.
    """

    def __init__(self, path: Path, synchronous: str = "normal", *, board: Board | None = None) -> None:
        self.failing_since: float | None = None
        self._syncs = synchronous != "normal"
        # Of several the batches are to be put in order with those of the others, whoever applies them.
        lately = Lately() if board is None else None
        self._log = RedoLog(directory_of(path), is_stamped=board is not None, lately=lately)
        self._board = board
        # A sync each second would hold up what is appended meanwhile to the same disk.
        self._applier = Applier(
            path, synchronous="FULL" if self._syncs else "NORMAL", patience=5.0, lately=lately
        )
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._appended = threading.Event()
        self._writer = threading.Thread(target=self._write, name="store-writer", daemon=True)
        self._follower = threading.Thread(target=self._follow, name="store-applier", daemon=True)
        # What earlier processes have left is applied before anything new is said of the same rows.
        self._has_inherited = False
        # Since when full segments are left to the keeper of which it has applied none.
        self._left_at: float | None = None

    def start(self, on_done: Callable[[Batch], None]) -> None:
        """Get ready."""
        self._on_done = on_done
        self._loop = asyncio.get_running_loop()
        self._writer.start()
        self._follower.start()

    def submit(self, batch: Batch) -> None:
        """Commit a batch now, or begin to."""
        if self._syncs or not self._has_inherited:
            self._queue.put(batch)
            return
        try:
            self._append(batch)
        except OSError:  # the thread meets it too, and has the time to say so and to wait
            self._queue.put(batch)
        else:
            self._on_done(batch)

    def apply(self) -> None:
        """Bring the tables up to date with what is committed by now.

        Raises:
            OSError, sqlite3.Error, StoreError: As `Applier.apply`.
        """
        self._applier.apply()

    async def close(self) -> None:
        """Stop, and give up a batch that cannot be committed."""
        self._stopping.set()
        self._appended.set()
        self._queue.put(None)
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        self._writer.join()
        self._follower.join()
        self._log.end()
        try:
            self._apply()
        except _FAULTS as error:
            log.warning("the tables are behind; the next start makes up for it", error=str(error))
        self._log.close()
        self._applier.close()

    # Appending.

    def _append(self, batch: Batch) -> None:
        try:
            self._log.append(batch.rows)
        except (TypeError, ValueError):
            batch_refused(batch)
        if self._board is not None:
            self._board.tell(*[kind for name, kind in _NEWS.items() if name in batch.rows])
        if (self._board is None or self._log.has_full) and not self._appended.is_set():
            self._appended.set()

    def _write(self) -> None:
        if not self._through_outages(self._applier.reap):
            return
        self._has_inherited = True
        while (batch := self._queue.get()) is not None:
            if not self._commit_for_sure(batch):
                return
            try:
                self._loop.call_soon_threadsafe(self._on_done, batch)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

    def _commit_for_sure(self, batch: Batch) -> bool:
        """Commit a batch, through an outage if need be; False when told to stop meanwhile."""

        def commit() -> None:
            self._append(batch)
            if self._syncs:
                self._log.sync()

        return self._through_outages(commit)

    def _through_outages(self, work: Callable[[], None]) -> bool:
        """Do something that may fail for a while, until it succeeds; False when told to stop meanwhile."""
        attempt = 0
        while True:
            try:
                work()
            except _FAULTS as error:
                if self.failing_since is None:
                    self.failing_since = outage_began(error)
                if self._stopping.wait(_BACKOFF[min(attempt, len(_BACKOFF) - 1)]):
                    return False
                attempt += 1
            else:
                if self.failing_since is not None:
                    outage_ended(self.failing_since)
                    self.failing_since = None
                return True

    # Applying.

    def _follow(self) -> None:
        is_failing = False
        while not self._stopping.is_set():
            self._appended.wait()
            self._stopping.wait(APPLY_EVERY)
            self._appended.clear()
            try:
                self._catch_up()
                is_failing = False
            except Exception as error:  # the root of a thread: what fails now may work in a second
                if not is_failing:
                    log.error(
                        "the tables cannot follow the log; what is committed stays there",
                        error=str(error),
                        exc_info=not isinstance(error, _FAULTS),
                    )
                is_failing = True
                self._appended.set()

    def _catch_up(self) -> None:
        """Apply what was appended, or leave that to the keeper, and remove the segments that are done with."""
        kept = self._kept()
        if kept is None:
            self._apply()
            return
        self._log.remove(kept)
        if self._log.has_full:
            self._appended.set()

    def _kept(self) -> list[Segment] | None:
        """Return the full segments that the keeper has applied; None where that is for this process to do.

        It is where there is no keeper, where that does not come, and where the disk has to be synced before a segment
        is removed, which the keeper does not do.
        """
        if self._board is None or self._syncs:
            return None
        full, now = self._log.full(), time.monotonic()
        kept = [segment for segment in full if self._applier.position(segment.path) >= segment.size]
        if kept or not full:
            self._left_at = None
        if len(kept) < len(full):
            self._left_at = now if self._left_at is None else self._left_at
            if now >= self._left_at + KEPT_WITHIN:
                self._left_at = None
                return None
        return kept

    def _apply(self) -> None:
        """Apply what was appended, and remove the segments to which nothing more is."""
        full = self._log.full()
        self._applier.apply(in_any_case=bool(full))
        for segment in full:
            if lost := segment.size - self._applier.position(segment.path):
                keep_damaged(segment.path, lost)
        self._log.remove(full)

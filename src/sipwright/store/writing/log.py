"""The redo log beside an SQLite database: commits are appended to a file, and the tables follow within a second.

Appending the rows of a batch costs a few microseconds. To write them into the pages of their tables and indexes costs
ten times that, and is better done for a second's worth of batches at once, when only the last state of each row counts
(``log_applier.py``).  A batch is safe against the end of the process once it is appended.

The log is a directory of segments, applied in the order of their names.  A segment belongs to the process that has it
open and locked (``flock``).  What is in one: ``log_records.py``.  What holds for all of it: ``docs/durability.md``.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections import deque
from pathlib import Path
from secrets import token_hex
from typing import Any

import structlog

from sipwright.store.writing.log_records import STAMP, Records, Rows, encode, heading, plain

__all__ = ["Lately", "RedoLog", "Segment", "directory_of", "discard", "keep_damaged", "lock", "segments_in"]

log = structlog.get_logger(__name__)

SEGMENT_SIZE = 8_000_000
"""Bytes after which a new segment is begun."""

MOST_LATELY = 8_000_000
"""Bytes of batches that are kept in memory until they are applied; what is more is read."""

_SUFFIX = ".redo"


def directory_of(database: Path) -> Path:
    """Return where the log of a database is."""
    return database.with_name(f"{database.name}-redo")


def segments_in(directory: Path) -> list[Path]:
    """Return the segments of a log, oldest first."""
    try:
        return sorted(directory / name for name in os.listdir(directory) if name.endswith(_SUFFIX))
    except FileNotFoundError:
        return []


def discard(directory: Path) -> None:
    """Delete what is in a log."""
    for path in segments_in(directory):
        path.unlink(missing_ok=True)


def keep_damaged(segment: Path, lost: int) -> None:
    """Say that a segment is damaged, and see to it that the file stays when the segment is removed."""
    kept = segment.with_name(f"{segment.name}.damaged")
    try:
        os.link(segment, kept)
    except FileExistsError:
        pass  # it was damaged before in another place
    except OSError:
        shutil.copyfile(segment, kept)  # this file system has no links
    log.error(
        "the log is damaged; what was committed in these bytes may be lost, the rest is applied",
        file=segment.name,
        bytes=lost,
        kept=str(kept),
    )


def lock(fd: int) -> bool:
    """Lock a segment until it is closed; False if a process has it that lives."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # this file system has no locks
    return True


class Segment:
    """A file of the log that this process appends to.

    Raises:
        OSError: It cannot be made or locked.
    """

    def __init__(self, directory: Path, *, is_stamped: bool = False) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        older = segments_in(directory)
        number = int(older[-1].name.partition("-")[0]) + 1 if older else 1
        # Never a name that was there before: what of it was applied is known by its name.
        self.path = directory / f"{number:012d}-{token_hex(8)}{_SUFFIX}"
        self.size = 0
        self._is_on_disk = False
        self._fd = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            if not lock(self._fd) or not os.fstat(self._fd).st_nlink:
                raise OSError(errno.EAGAIN, "a segment was taken for one of a dead process")
            self.append(heading(time.monotonic_ns() if is_stamped else None))
            self.begin = self.size
        except OSError:
            os.close(self._fd)
            raise

    def append(self, record: Any) -> None:
        """Write a record behind the others; one that cannot be written is not there.

        Raises:
            OSError: The disk is full, or gone.
            ValueError: Not everything in the record is a plain value.
        """
        parts = encode(record)
        whole = sum(map(len, parts))
        written = os.pwritev(self._fd, parts, self.size)
        if written < whole:
            os.ftruncate(self._fd, self.size)
            raise OSError(errno.ENOSPC, f"{written} of {whole} bytes written")
        self.size += whole

    def sync(self) -> None:
        """Wait until everything is on the disk.

        Raises:
            OSError: The disk does not work.
        """
        os.fdatasync(self._fd)
        if not self._is_on_disk:
            directory = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)  # so that the file is found there
            finally:
                os.close(directory)
            self._is_on_disk = True

    def close(self) -> None:
        """Leave the file to whoever applies it."""
        os.close(self._fd)

    def remove(self) -> None:
        """Delete the file, all of which has been applied."""
        self.path.unlink(missing_ok=True)
        os.close(self._fd)


class Lately:
    """The batches that were appended lately, for a thread of the same process to apply: to read them takes as long.

    One thread notes them and another one takes them. Whatever is not here, as there was too much or somebody else has
    applied a part of it, is read from the segments, so nothing depends on it.
    """

    __slots__ = ("_batches", "_has_missed", "_noted", "_taken")

    def __init__(self) -> None:
        self._batches: deque[tuple[Path, int, int, Rows]] = deque()
        self._noted = self._taken = 0
        self._has_missed = False

    def note(self, segment: Segment, start: int, batch: Rows) -> None:
        """Note what was appended to a segment from a position on; behind the heading is at its beginning."""
        if self._noted - self._taken >= MOST_LATELY:
            self._has_missed = True
            return
        self._noted += segment.size - start
        self._batches.append((segment.path, 0 if start == segment.begin else start, segment.size, batch))

    def take(self, segment: Path, position: int) -> Records | None:
        """Return what `read_records` would of a segment from a position on; None where it is to be read."""
        has_missed, self._has_missed = self._has_missed, False
        is_whole, end, batches = not has_missed, position, list[Rows]()
        while self._batches and (has_missed or self._batches[0][0] == segment):
            _, start, behind, batch = self._batches.popleft()
            self._taken += behind - start
            if behind > position:
                is_whole = is_whole and start == end
                batches.append(batch)
                end = behind
        return Records(batches, end, 0) if batches and is_whole else None


class RedoLog:
    """The log as the process sees it that appends to it.

    Args:
        directory: Where it is.
        segment_size: Bytes after which a new segment is begun.
        is_stamped: Whether other processes append to segments of theirs, so that each batch says when it was.
        lately: Who keeps what was appended until this process has applied it.
    """

    def __init__(
        self,
        directory: Path,
        segment_size: int | None = None,
        *,
        is_stamped: bool = False,
        lately: Lately | None = None,
    ) -> None:
        self._directory = directory
        self._lately = lately
        self._is_stamped = is_stamped
        self._segment_size = segment_size
        self._segment: Segment | None = None
        self._full: list[Segment] = []

    def append(self, rows: Rows) -> None:
        """Append a batch.

        Raises:
            OSError: The disk is full, or gone.
            TypeError: A row is no sequence.
            ValueError: A value is not a plain one.
        """
        segment = self._segment
        if segment is None or segment.size >= (self._segment_size or SEGMENT_SIZE):
            segment = self._begin()
        if self._is_stamped:  # before it is there: whatever follows from it has a later time
            rows = {STAMP: {time.monotonic_ns(): None}, **rows}
        start, batch = segment.size, plain(rows)
        segment.append(batch)
        if self._lately is not None:
            self._lately.note(segment, start, batch)

    def size(self) -> int:
        """Return how many bytes the segments have that are there."""
        return sum(segment.size for segment in self._full) + (self._segment.size if self._segment else 0)

    def sync(self) -> None:
        """Wait until what was appended is on the disk."""
        if self._segment is not None:
            self._segment.sync()

    def end(self) -> None:
        """Append nothing more to the segment at the end."""
        if self._segment is not None:
            self._full.append(self._segment)
            self._segment = None

    @property
    def has_full(self) -> bool:
        """Whether there are segments to which nothing more is appended."""
        return bool(self._full)

    def full(self) -> list[Segment]:
        """Return the segments to which nothing more is appended."""
        return self._full.copy()

    def remove(self, applied: list[Segment]) -> None:
        """Delete full segments, all of which have been applied."""
        for segment in applied:
            segment.remove()
            self._full.remove(segment)

    def close(self) -> None:
        """Leave what there is still to the next process."""
        self.end()
        for segment in self._full:
            segment.close()

    def _begin(self) -> Segment:
        fresh = Segment(self._directory, is_stamped=self._is_stamped)
        self.end()
        self._segment = fresh
        return fresh

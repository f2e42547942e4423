"""The redo log beside an SQLite database: commits are appended to a file, and the tables follow within a second.

Appending the rows of a batch costs a few microseconds. To write them into the pages of their tables and indexes costs
ten times that, and is better done for a second's worth of batches at once, when only the last state of each row counts
(``log_applier.py``).  A batch is safe against the end of the process once it is appended.

The log is a directory of segments, applied in the order of their names.  A segment belongs to the process that has it
open and locked (``flock``).  It is a sequence of records: the length of the data and its CRC-32, both of four bytes,
least significant first, and the data in the format of ``marshal``.  The first record names the columns of each kind of
row, every other one is a batch.  What a crash has left of an unfinished record at the end is not read.
"""

from __future__ import annotations

import errno
import fcntl
import marshal
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from secrets import token_hex
from struct import Struct
from typing import Any
from zlib import crc32

import structlog

from sipwright.store.errors import StoreError
from sipwright.store.schema.rows import KINDS

__all__ = ["RedoLog", "Rows", "Segment", "directory_of", "discard", "lock", "read_records", "segments_in"]

log = structlog.get_logger(__name__)

Rows = Mapping[str, Mapping[Any, tuple[Any, ...] | None]]
"""Rows by kind and key; None deletes."""

SEGMENT_SIZE = 8_000_000
"""Bytes after which a new segment is begun."""

_SUFFIX = ".redo"
_FORMAT = 1
_MARSHAL = 4  # the same in all versions of Python since 3.4
_HEAD = Struct("<II")
_COLUMNS = {kind: KINDS[kind].columns for kind in KINDS}


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

    def __init__(self, directory: Path) -> None:
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
            self.append((_FORMAT, _COLUMNS))
        except OSError:
            os.close(self._fd)
            raise

    def append(self, record: Any) -> None:
        """Write a record behind the others; one that cannot be written is not there.

        Raises:
            OSError: The disk is full, or gone.
            ValueError: Not everything in the record is a plain value.
        """
        data = marshal.dumps(record, _MARSHAL)
        whole = _HEAD.size + len(data)
        written = os.pwritev(self._fd, (_HEAD.pack(len(data), crc32(data)), data), self.size)
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


class RedoLog:
    """The log as the process sees it that appends to it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._segment: Segment | None = None
        self._full: list[Segment] = []

    def append(self, rows: Rows) -> None:
        """Append a batch.

        Raises:
            OSError: The disk is full, or gone.
            TypeError: A row is no sequence.
            ValueError: A value is not a plain one.
        """
        batch = {
            kind: {key: None if row is None else tuple(row) for key, row in of_kind.items()}
            for kind, of_kind in rows.items()
            if of_kind
        }
        segment = self._segment
        if segment is None or segment.size >= SEGMENT_SIZE:
            segment = self._begin()
        segment.append(batch)

    def sync(self) -> None:
        """Wait until what was appended is on the disk."""
        if self._segment is not None:
            self._segment.sync()

    def full(self) -> list[Segment]:
        """Return the segments to which nothing more is appended."""
        return self._full.copy()

    def remove(self, applied: list[Segment]) -> None:
        """Delete full segments, all of which have been applied."""
        for segment in applied:
            segment.remove()
            self._full.remove(segment)

    def close(self, *, is_applied: bool) -> None:
        """End the log; it is deleted if everything in it has been applied."""
        if self._segment is not None:
            self._full.append(self._segment)
            self._segment = None
        if is_applied:
            self.remove(self.full())
        else:
            for segment in self._full:
                segment.close()

    def _begin(self) -> Segment:
        fresh = Segment(self._directory)
        if self._segment is not None:
            self._full.append(self._segment)
        self._segment = fresh
        return fresh


def read_records(path: Path, position: int) -> tuple[list[Rows], int]:
    """Return the batches of a segment from a position on, and the position after the last whole one.

    Raises:
        FileNotFoundError: The segment is gone, so all of it has been applied.
        StoreError: A newer version has written it.
    """
    with path.open("rb") as file:
        head, start = _record(file.read(4096), 0)
        if head is None:
            return [], position
        if head[0] != _FORMAT:
            raise StoreError(f"{path} was written by a newer version of Sipwright")
        file.seek(position := max(position, start))
        data = file.read()
    batches: list[Rows] = []
    at = 0
    while True:
        batch, end = _record(data, at)
        if batch is None:
            return batches, position + at
        batches.append(batch if head[1] == _COLUMNS else _adapted(batch, head[1]))
        at = end


def _record(data: bytes, start: int) -> tuple[Any, int]:
    """Return the record at a position and where it ends; None if there is no whole one."""
    at = start + _HEAD.size
    if at > len(data):
        return None, start
    length, checksum = _HEAD.unpack_from(data, start)
    end = at + length
    if not length or end > len(data) or crc32(payload := data[at:end]) != checksum:
        return None, start
    return marshal.loads(payload), end


def _adapted(batch: Rows, columns: Mapping[str, tuple[str, ...]]) -> Rows:
    """Give rows of another version the columns that they have now."""
    adapted: dict[str, dict[Hashable, tuple[Any, ...] | None]] = {}
    for kind, rows in batch.items():
        if kind not in KINDS:
            log.error("rows of a kind that is unknown here", kind=kind, rows=len(rows))
            continue
        names = KINDS[kind].columns
        adapted[kind] = {
            key: None if row is None else tuple(map(dict(zip(columns[kind], row, strict=False)).get, names))
            for key, row in rows.items()
        }
    return adapted

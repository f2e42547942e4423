"""What waits on the disk for a database server that is away: batches that count as committed, in their order.

It is a redo log (``log.py``) of small segments, each of which is one transaction when the server is back, and is
removed behind that. One that was committed and not removed is committed once more, which does no harm. Segments are
below the fence that their node had: whether somebody else had its lease since, is known by that.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from pathlib import Path
from urllib.parse import quote

from sipwright.store.writing.log import RedoLog, Segment, keep_damaged, lock, segments_in
from sipwright.store.writing.log_records import is_cut_off, read_records
from sipwright.store.writing.writer import Row

__all__ = ["LIMIT", "Latest", "Left", "WaitingLog", "folder_of", "latest_rows", "left_in"]

SEGMENT = 500_000
"""Bytes of a segment: some hundred rows, which a server takes in some milliseconds."""

LIMIT = 500_000_000
"""Bytes that may wait: an hour of some hundred calls a second. When it is full, new work gets 503."""

Latest = dict[str, dict[Hashable, Row | None]]


class WaitingLog:
    """The log of one boot of a node.

    Args:
        folder: Where the logs of a node are.
        fence: The fence that it has; 0 without one.
    """

    def __init__(self, folder: Path, fence: int) -> None:
        self._directory = folder / f"{fence:012d}"
        self._log = RedoLog(self._directory, SEGMENT)

    @property
    def size(self) -> int:
        """The bytes that wait."""
        return self._log.size()

    def append(self, rows: dict[str, dict[object, Row | None]]) -> None:
        """Append a batch.

        Raises:
            OSError: The disk is full or gone, or too much waits already.
            TypeError, ValueError: It cannot be written down.
        """
        if self.size >= LIMIT:
            raise OSError("too much waits for the database")
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log.append(rows)

    def sync(self) -> None:
        """Wait until what was appended is on the disk."""
        self._log.sync()

    def oldest(self) -> Segment | None:
        """Return the segment that comes next, to which nothing more is appended then; None when nothing waits."""
        full = self._log.full()
        if not full:
            self._log.end()
            full = self._log.full()
        return full[0] if full else None

    def remove(self, segment: Segment) -> None:
        """Forget a segment, all of which is in the database."""
        self._log.remove([segment])

    def close(self) -> None:
        """Leave what waits to the next start; a folder in which nothing is left goes."""
        self._log.close()
        _remove_empty(self._directory)


class Left:
    """What an earlier boot has left below a fence."""

    def __init__(self, directory: Path) -> None:
        self.fence = int(directory.name)
        self._directory = directory

    def segments(self) -> list[Path]:
        """Return the segments of processes that have ended, oldest first."""
        return [path for path in segments_in(self._directory) if _is_free(path)]

    def remove(self, path: Path) -> None:
        """Forget a segment, all of which is in the database."""
        path.unlink(missing_ok=True)
        _remove_empty(self._directory)


def left_in(folder: Path) -> list[Left]:
    """Return what earlier boots of a node have left, oldest first."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    found = [Left(folder / name) for name in names if name.isdigit()]
    return [left for left in found if left.segments()]


def folder_of(data: Path, node: str) -> Path:
    """Return where what waits of a node is."""
    return data / "waiting" / quote(node, safe="")


def latest_rows(path: Path) -> Latest:
    """Read a segment: the last that was said of each row."""
    batches, end, damaged = read_records(path, 0)
    if damaged or (path.stat().st_size > end and not is_cut_off(path, end)):
        keep_damaged(path, damaged or path.stat().st_size - end)
    latest: Latest = {}
    for batch in batches:
        for kind, rows in batch.items():
            latest.setdefault(kind, {}).update(rows)
    return latest


def _is_free(path: Path) -> bool:
    """Return whether no process appends to a segment any more."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return lock(fd)
    finally:
        os.close(fd)


def _remove_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        pass  # something is left, or it was never made

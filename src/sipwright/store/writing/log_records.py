"""The records in a segment of the log: how they are written, read, and found again behind damage.

A record is the length of its data and its CRC-32, both of four bytes, least significant first, and the data in the
format of ``marshal``.  The first record names the columns of each kind of row, every other one is a batch.

Where several processes append, each to segments of its own, a batch begins with the time at which it was appended, by
the clock that runs since this machine was started and is the same for all: so all of them have one order. The first
record names that start of the machine, and the time at which the segment was begun.

Where no whole record is, what is behind decides.  Nothing whole: the process is just writing there, or did not live to
finish, and nobody has been told of it; it is not read.  A whole record: the disk has damaged what was there, and it is
left out.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from struct import Struct
from typing import Any, NamedTuple
from zlib import crc32

import structlog

from sipwright.steady_clock import machine_start
from sipwright.store.errors import StoreError
from sipwright.store.schema.rows import KINDS

__all__ = [
    "STAMP",
    "UNSTAMPED",
    "Records",
    "Rows",
    "begun_at",
    "encode",
    "heading",
    "is_cut_off",
    "plain",
    "read_records",
    "stamp_of",
]

log = structlog.get_logger(__name__)

Rows = Mapping[str, Mapping[Any, tuple[Any, ...] | None]]
"""Rows by kind and key; None deletes."""

STAMP = ""
"""What stands in a batch in the place of a kind of rows, with the time at which it was appended as the only key."""

_FORMAT, _STAMPED_FORMAT = 1, 2
UNSTAMPED = -1 << 64
"""The time of what has none."""

_EARLIER = -1 << 63
"""What is added to the times of an earlier start of the machine."""

_LATEST = 1 << 64
_LONGEST_HEADING = 8_192
_MARSHAL = 4  # the same in all versions of Python since 3.4
_HEAD = Struct("<II")
_BATCH = re.compile(rb"[{\xfb]")  # how marshal begins a dictionary
_COLUMNS = {kind: KINDS[kind].columns for kind in KINDS}


class Records(NamedTuple):
    """What a segment holds from a position on."""

    batches: list[Rows]
    end: int
    """The position behind the last whole record."""

    damaged: int
    """How many bytes before that are in no whole record."""


def plain(rows: Rows) -> Rows:
    """Return a batch as `read_records` does once it is written: rows are nothing but tuples, and of no kind is none.

    Raises:
        TypeError: A row is no sequence.
    """
    return {
        kind: {key: None if row is None else tuple(row) for key, row in of_kind.items()}
        for kind, of_kind in rows.items()
        if of_kind
    }


def encode(record: Any) -> tuple[bytes, bytes]:
    """Return the head and the data of a record; bytes are data already.

    Raises:
        ValueError: Not everything in it is a plain value.
    """
    data = record if isinstance(record, bytes) else marshal.dumps(record, _MARSHAL)
    return _HEAD.pack(len(data), crc32(data)), data


def heading(begun: int | None = None) -> tuple[Any, ...]:
    """Return what the first record of a segment says: the format, and the columns of each kind of row.

    Args:
        begun: The time at which it was begun, if its batches have theirs.
    """
    return (_FORMAT, _COLUMNS) if begun is None else (_STAMPED_FORMAT, _COLUMNS, machine_start(), begun)


def stamp_of(batch: Rows) -> int:
    """Return when a batch was appended, so that those of all segments can be put in order."""
    return int(next(iter(batch.get(STAMP, ())), UNSTAMPED))


def begun_at(path: Path) -> int:
    """Return when a segment was begun, as `stamp_of` has it.

    Raises:
        FileNotFoundError: The segment is gone, so all of it has been applied.
        StoreError: A newer version has written it.
    """
    with path.open("rb") as file:
        found = _read_heading(path, file.read(_LONGEST_HEADING))
    return found.begun


def read_records(path: Path, position: int, until: int | None = None) -> Records:
    """Return the batches of a segment from a position on.

    Args:
        path: The segment.
        position: From where on.
        until: Which of them were appended later is not read, but where others are looked at that are older.

    Raises:
        FileNotFoundError: The segment is gone, so all of it has been applied.
        StoreError: A newer version has written it.
    """
    found = _read(path, position, until)
    if found.damaged:
        # Where a write failed for want of room another one follows: who has read half of each meets damage only once.
        found = _read(path, position, until)
    return found


def is_cut_off(path: Path, position: int) -> bool:
    """Return whether the file ends within the record that begins at a position: nobody lived to tell of it."""
    with path.open("rb") as file:
        file.seek(position)
        head = file.read(_HEAD.size)
        return len(head) < _HEAD.size or position + _HEAD.size + _HEAD.unpack(head)[0] > path.stat().st_size


class _Heading(NamedTuple):
    columns: Mapping[str, tuple[str, ...]]
    end: int
    shift: int
    """What is added to the times of the batches."""

    begun: int


_UNREAD = _Heading(_COLUMNS, 0, 0, UNSTAMPED)


def _read(path: Path, position: int, until: int | None) -> Records:
    with path.open("rb") as file:
        heading = _read_heading(path, file.read(_LONGEST_HEADING))
        file.seek(position := max(position, heading.end))
        # Where it does not say of which start of the machine its times are, they say nothing.
        latest = _LATEST if until is None or heading is _UNREAD else until
        batches, end, damaged = _whole_records(file.read(), latest, heading.shift)
    if heading.columns != _COLUMNS:
        batches = [_adapted(batch, heading.columns) for batch in batches]
    return Records(batches, position + end, damaged)


def _read_heading(path: Path, data: bytes) -> _Heading:
    """Return what a segment says of itself, and where its batches begin."""
    end = _end_of(data, 0)
    if not end:
        return _UNREAD  # damaged: most likely it was this version that wrote it
    heading = _value(data[_HEAD.size : end])
    if not isinstance(heading, tuple) or len(heading) < 2:
        return _UNREAD  # a batch: the heading before it is gone
    format_, columns, *more = heading
    if format_ == _FORMAT:
        return _Heading(columns, end, 0, UNSTAMPED)
    if format_ != _STAMPED_FORMAT:
        raise StoreError(f"{path} was written by a newer version of Sipwright")
    start, begun = more
    shift = 0 if start == machine_start() else _EARLIER
    return _Heading(columns, end, shift, begun + shift)


def _whole_records(data: bytes, until: int = _LATEST, shift: int = 0) -> tuple[list[Rows], int, int]:
    """Return the batches in some data, where the last of them ends, and how many bytes before that are damaged."""
    batches: list[Rows] = []
    at = damaged = 0
    while at < len(data):
        end = _end_of(data, at)
        batch = _value(data[at + _HEAD.size : end]) if end else None
        if isinstance(batch, dict) and all(isinstance(rows, dict) for rows in batch.values()):
            if shift and STAMP in batch:
                batch[STAMP] = {stamp_of(batch) + shift: None}
            if stamp_of(batch) > until:
                break
            batches.append(batch)
            at = end
        elif whole := _next_whole(data, at):
            damaged += whole - at
            at = whole
        else:
            break
    return batches, at, damaged


def _value(data: bytes) -> object:
    """Return what stands in a record; None if that cannot be: a run of bytes 0xff, say, is its own checksum."""
    try:
        return marshal.loads(data)
    except (ValueError, TypeError, EOFError):
        return None


def _end_of(data: bytes, start: int) -> int:
    """Return where the record ends that begins at a position; 0 if none does, or not all of it is there."""
    at = start + _HEAD.size
    if at > len(data):
        return 0
    length, checksum = _HEAD.unpack_from(data, start)
    end = int(at + length)
    return end if length and end <= len(data) and crc32(data[at:end]) == checksum else 0


def _next_whole(data: bytes, start: int) -> int:
    """Return where the next whole record begins behind a position where none does; 0 if there is no other."""
    at = start + _HEAD.size
    if at > len(data):
        return 0
    # If only its data was damaged, the head says where the next one begins.  What looks like a record before that is
    # one if it leads there: a batch holds what strangers have sent, and they may have sent what looks like a record.
    behind = int(at + _HEAD.unpack_from(data, start)[0])
    goal = behind if _end_of(data, behind) else 0
    for found in _BATCH.finditer(data, at + 1, goal or len(data)):
        begin = found.start() - _HEAD.size
        if _leads_to(data, begin, goal) if goal else _end_of(data, begin):
            return begin
    return goal


def _leads_to(data: bytes, start: int, goal: int) -> bool:
    """Return whether whole records follow each other from one position to another."""
    at = start
    while at and at < goal:
        at = _end_of(data, at)
    return at == goal


def _adapted(batch: Rows, columns: Mapping[str, tuple[str, ...]]) -> Rows:
    """Give rows of another version the columns that they have now."""
    adapted: dict[str, dict[Hashable, tuple[Any, ...] | None]] = {}
    for kind, rows in batch.items():
        if kind == STAMP:
            adapted[kind] = dict(rows)
            continue
        if kind not in KINDS:
            log.error("rows of a kind that is unknown here", kind=kind, rows=len(rows))
            continue
        names = KINDS[kind].columns
        adapted[kind] = {
            key: None if row is None else tuple(map(dict(zip(columns[kind], row, strict=False)).get, names))
            for key, row in rows.items()
        }
    return adapted

"""The changes feed: how an administrative change made by any process reaches every running node.

Each change is one row, committed together with what it is about.  A node polls.  On PostgreSQL sequence
numbers can become visible out of order, so a poll looks again at the last minute's numbers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Select, delete, func, insert, select

from sipwright.store.schema import tables
from sipwright.store.writing.board import CHANGES, note_news

__all__ = ["Change", "ChangeFeed", "record_change", "record_changes"]

_OVERLAP = 60.0
_REACH_BACK = 1_000
_KEPT = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Change:
    """What changed: ``kind`` names the thing, ``ids`` the first and last row concerned."""

    kind: str
    first_id: int
    last_id: int


def record_change(connection: Connection, kind: str, first_id: int, last_id: int | None = None) -> None:
    """Tell the running nodes, in the transaction of the change itself."""
    key = str(first_id) if last_id is None else f"{first_id}-{last_id}"
    connection.execute(insert(tables.changes).values(kind=kind, key=key, at=time.time()))
    note_news(connection, CHANGES)


def record_changes(connection: Connection, kind: str, ids: Iterable[int], gap: int = 1) -> None:
    """Note that some rows changed, those in one line whose ids are at most `gap` apart, and so those between them."""
    ranges: list[list[int]] = []
    for one in sorted(ids):
        if ranges and one <= ranges[-1][1] + gap:
            ranges[-1][1] = one
        else:
            ranges.append([one, one])
    for first, last in ranges:
        record_change(connection, kind, first, last)


class ChangeFeed:
    """One reader's place in the feed."""

    def __init__(self) -> None:
        self._floor = 0
        self._seen: dict[int, float] = {}

    def start(self, connection: Connection) -> None:
        """Begin after everything that is there now; what commits late below it will still be seen."""
        newest = connection.scalar(select(func.max(tables.changes.c.seq))) or 0
        self._floor = max(0, newest - _REACH_BACK)
        self._seen = {seq: time.monotonic() for seq, *_ in connection.execute(self._query())}

    def poll(self, connection: Connection) -> dict[int, Change]:
        """Give the changes, by number, that have become visible since those that were ``taken``."""
        found = {}
        for seq, kind, key in connection.execute(self._query()):
            if seq not in self._seen:
                first, _, last = key.partition("-")
                found[seq] = Change(kind, int(first), int(last or first))
        return found

    def taken(self, numbers: Iterable[int]) -> None:
        """Note that changes have been dealt with: what fails before this is polled again."""
        now = time.monotonic()
        self._seen.update(dict.fromkeys(numbers, now))
        self._move_floor(now - _OVERLAP)

    def _query(self) -> Select[int, str, str]:
        columns = tables.changes.c
        return select(columns.seq, columns.kind, columns.key).where(columns.seq > self._floor).order_by("seq")

    def _move_floor(self, settled_before: float) -> None:
        settled = [seq for seq, seen_at in self._seen.items() if seen_at < settled_before]
        if settled:
            self._floor = max(settled)
            self._seen = {seq: at for seq, at in self._seen.items() if seq > self._floor}


def prune_changes(connection: Connection) -> None:
    """Forget changes that every running node has long seen."""
    connection.execute(delete(tables.changes).where(tables.changes.c.at < time.time() - _KEPT))

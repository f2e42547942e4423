"""The database as services see it: a writer that keeps rows in memory, and commits when it is told to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import Any

from sipwright.sip import Reject

Put = tuple[str, Hashable, Any, Callable[[], None] | None]


class MemoryWriter:
    """Rows by kind and key, as the last commit has left them.

    Attributes:
        rows: What is committed.
        waiting: What was put since.
        is_full: It takes no more.
        is_away: Nothing that is put will be committed soon.
        is_eager: Whoever drives it commits whenever there is something to commit; with `at_once` it does so itself.
    """

    def __init__(self, *, at_once: bool = False) -> None:
        self.rows: dict[str, dict[Any, Any]] = defaultdict(dict)
        self.waiting: list[Put] = []
        self.is_full = self.is_away = False
        self.is_eager = True
        self._at_once = at_once

    def put(self, kind: str, key: Hashable, row: Any, on_commit: Callable[[], None] | None = None) -> None:
        """Store a row, given as it is or as what makes it at the commit, or delete it (None)."""
        if self.is_full:
            raise Reject(503, "Storage Unavailable")
        self.waiting.append((kind, key, row, on_commit))
        if self._at_once and self.is_eager:
            self.commit()

    def commit(self) -> bool:
        """Commit what waits, and tell those who put it; False when there was nothing."""
        waiting = self.commit_and_tell_nobody()
        for *_, on_commit in waiting:
            if on_commit is not None:
                on_commit()
        return bool(waiting)

    def commit_and_tell_nobody(self) -> list[Put]:
        """Commit what waits, and let the process die before anybody hears of it."""
        waiting, self.waiting = self.waiting, []
        for kind, key, row, _ in waiting:
            if row is None:
                self.rows[kind].pop(key, None)
            else:
                self.rows[kind][key] = row() if callable(row) else row
        return waiting

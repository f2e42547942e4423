"""Says to all processes that have an SQLite database whether there is news in it: a file of a few bytes beside it.

To look for news takes the loop, a thread, and often the process that keeps the tables; to read the file takes a
microsecond. Each kind has a place there, into which whoever has committed news writes what was never there before, so
nobody who finds there what he has found before has missed anything, however many write at once. Whoever looks reads
that first. A process may be killed between a commit and this, and one of another version may know nothing of it: so
everybody looks from time to time in any case.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from struct import Struct

from sqlalchemy import Connection

__all__ = [
    "BINDINGS",
    "CHANGES",
    "REQUESTS",
    "STATES",
    "SURELY_EVERY",
    "Board",
    "Glance",
    "note_news",
    "noted_news",
]

BINDINGS, STATES, REQUESTS, CHANGES = range(4)
"""What there may be news of: phones, what is said of accounts, what nodes are asked for, and the directory."""

SURELY_EVERY = 5.0
"""Seconds after which somebody looks into the database although nothing says that there is news."""

_MARK = Struct("=QQ")
"""When, and by which process: never the same twice."""

_NOTED = "sipwright_news"


class Board:
    """The file, as a process has it that looks there (`is_kept`), or only writes there if somebody does."""

    def __init__(self, database: Path, *, is_kept: bool = False) -> None:
        self._path = database.with_name(f"{database.name}-news")
        self.is_kept = is_kept
        self._file = -1

    def tell(self, *kinds: int) -> None:
        """Say that there is news of these kinds; it is committed."""
        if kinds and self._is_open():
            mark = _MARK.pack(time.monotonic_ns(), os.getpid())
            for kind in kinds:
                with suppress(OSError):  # a full disk: whoever looks does so without being told
                    os.pwrite(self._file, mark, kind * _MARK.size)

    def read(self, kind: int) -> bytes | None:
        """Return what was said last of a kind; None when nobody knows."""
        if not self._is_open():
            return None
        try:
            return os.pread(self._file, _MARK.size, kind * _MARK.size).ljust(_MARK.size, b"\0")
        except OSError:
            return None

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _is_open(self) -> bool:
        if self._file < 0:
            with suppress(OSError):
                self._file = os.open(self._path, os.O_RDWR | (os.O_CREAT if self.is_kept else 0), 0o600)
        return self._file >= 0


class Glance:
    """Whether one who looks for news of a kind has to; where there is no board, that is always so."""

    def __init__(self, board: Board | None, kind: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._board = board
        self._kind = kind
        self._clock = clock
        self._found: bytes | None = None
        self._seen: bytes | None = None
        self._doubts = self._doubts_found = self._doubts_seen = 0
        self._sure_until = 0.0

    def __call__(self) -> bool:
        """Return whether there may be news; to be asked before the database is."""
        if self._board is None:
            return True
        self._found, self._doubts_found = self._board.read(self._kind), self._doubts
        if self._found is None or self._clock() >= self._sure_until:
            return True
        return (self._found, self._doubts_found) != (self._seen, self._doubts_seen)

    def seen(self) -> None:
        """Note that all is seen that there was when this was asked."""
        self._seen, self._doubts_seen = self._found, self._doubts_found
        self._sure_until = self._clock() + SURELY_EVERY

    def again(self) -> None:
        """Let the next look be made in any case."""
        self._doubts += 1


def note_news(connection: Connection, kind: int) -> None:
    """Let others be told of news when this transaction is committed, by whoever commits it (`noted_news`)."""
    connection.info.setdefault(_NOTED, set()).add(kind)


def noted_news(connection: Connection) -> tuple[int, ...]:
    """Return what others are to be told of, once."""
    return tuple(connection.info.pop(_NOTED, ()))

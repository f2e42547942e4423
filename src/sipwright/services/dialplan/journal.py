"""The journal of a run: every effect with its arguments, result and time, as rows written when they happen.

An entry without a result is an effect that is under way. Together with the run's snapshot the entries are all
that another process needs: it knows what was asked for, and what has been answered already.

==========  ======================================  =====================================
function    arguments                               result
==========  ======================================  =====================================
start       what the run started from
log         ``[[line, text], ...]``
respond     ``line``, ``status``, ``reason``
hangup      ``seconds``
now         ``timezone``                            the time
dial        ``line``, ``target``, ``ring``          the ``DialResult``, or who answered
sleep       ``line``, ``seconds``                   ``true``
others      ``line`` and theirs                     ``{"value": ...}`` or ``{"error": [class, text]}``
failed      ``line``, ``kind``                      the sentence and the traceback
==========  ======================================  =====================================
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, Protocol

import orjson

__all__ = ["Entry", "Journal", "RowWriter"]

_AT_ONCE = frozenset({"start", "log", "respond", "hangup", "now", "failed"})
"""What is done when it is written down; for everything else a script waits."""


class RowWriter(Protocol):
    """Writes rows in groups; the store's writer."""

    def put(
        self,
        kind: str,
        key: Hashable,
        row: tuple[Any, ...] | None,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        """Write a row, or delete it (``None``)."""


class Entry(NamedTuple):
    """One row, in the order of its columns."""

    execution_id: str
    sequence: int
    at: float
    function: str
    arguments: str
    result: str | None


class Journal:
    """Writes the entries of one run."""

    __slots__ = ("_execution_id", "_held", "_next", "_writer", "pending")

    def __init__(self, execution_id: str, writer: RowWriter, entries: list[Entry] | None = None) -> None:
        """Begin a journal, or go on with the entries that are there.

        A new one holds its entries back until the first `release`.
        """
        self._held: list[Entry] | None = [] if entries is None else None
        self._execution_id = execution_id
        self._writer = writer
        self._next = len(entries) if entries else 0
        self.pending = entries[-1] if entries and entries[-1].function not in _AT_ONCE else None

    def add(self, function: str, at: float, arguments: Any, result: Any = None) -> Entry:
        """Write down an effect."""
        entry = Entry(
            self._execution_id,
            self._next,
            at,
            function,
            _dump(arguments),
            None if result is None else _dump(result),
        )
        self._next += 1
        self._put(entry)
        return entry

    def begin(self, function: str, at: float, arguments: Any) -> None:
        """Write down an effect whose result is still to come."""
        self.pending = self.add(function, at, arguments)

    def end(self, result: Any) -> None:
        """Write down the result of the effect that was under way."""
        if self.pending is not None:
            self._put(self.pending._replace(result=_dump(result)))
            self.pending = None

    def release(self) -> None:
        """Write what was held back, and from now on everything at once."""
        held, self._held = self._held, None
        for entry in held or ():
            self._put(entry)

    def _put(self, entry: Entry) -> None:
        if self._held is not None:
            if self._held and self._held[-1].sequence == entry.sequence:
                self._held.pop()
            self._held.append(entry)
            return
        self._writer.put("journal", (entry.execution_id, entry.sequence), entry)


def _dump(value: Any) -> str:
    """Write ASCII only, whatever strangers have sent: stored as it is, read back as it was."""
    try:
        text = orjson.dumps(value)
    except TypeError:
        return _encode(value)
    return text.decode() if text.isascii() else _encode(value)


_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

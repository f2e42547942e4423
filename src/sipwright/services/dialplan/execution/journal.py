"""The journal of a run: every effect with its arguments, result and time, in the row of the run.

The row says that a run waits, or is over, so it is written whenever there is a new entry: the entries go with it, and
cost no row of their own. Of a journal that grows long, what is finished moves into rows of the table `journal`, one
for each entry, so that a script which does a thousand things does not write the first of them a thousand times.

An entry without a result is an effect that is under way. Together with the run's continuation the entries are all
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

from typing import Any

from sipwright.services.journal_text import dump, read_entries, write_entries
from sipwright.services.ports import Writer
from sipwright.services.rows import JournalRow

__all__ = ["LONGEST", "Entry", "Journal", "is_awaited"]

LONGEST = 4_096
"""Characters of a journal in the row of its run: a page of the database, about."""

_AT_ONCE = frozenset({"start", "log", "respond", "hangup", "now", "failed"})
"""What is done when it is written down; for everything else a script waits."""


Entry = JournalRow
"""One entry is a row of its table; arguments and result are JSON."""


def is_awaited(entry: Entry) -> bool:
    """Return whether a script waits for the result of an entry, or has waited for it."""
    return entry.function not in _AT_ONCE


class Journal:
    """The entries of one run, each as it is written into the row."""

    __slots__ = ("_execution_id", "_lines", "_next", "_writer", "pending")

    def __init__(self, execution_id: str, writer: Writer, entries: list[Entry] | None = None) -> None:
        """Begin a journal, or go on with the entries that are there."""
        self._execution_id = execution_id
        self._writer = writer
        self._lines = [_line_of(entry) for entry in entries] if entries else []
        self._next = len(self._lines)
        self.pending: str | None = None
        """The function whose result is to come, which is that of the last entry."""
        if entries and is_awaited(entries[-1]) and entries[-1].result is None:
            self.pending = entries[-1].function

    @property
    def last(self) -> int:
        """Number the last entry."""
        return self._next - 1

    def add(self, function: str, at: float, arguments: Any, result: Any = None) -> None:
        """Note an effect."""
        entry = {
            "sequence": self._next,
            "at": at,
            "function": function,
            "arguments": arguments,
            "result": result,
        }
        self._lines.append(dump(entry))
        self._next += 1

    def begin(self, function: str, at: float, arguments: Any) -> None:
        """Note an effect whose result is still to come."""
        self.add(function, at, arguments)
        self.pending = function

    def end(self, result: Any) -> None:
        """Note the result of the effect that was under way, which is the last."""
        if self.pending is not None:
            self._lines[-1] = f"{self._lines[-1][:-5]}{dump(result)}}}"  # in the place of "null}"
            self.pending = None

    def text(self) -> str:
        """Return what goes into the row of the run (`journal_text.py`).

        Of a journal that has grown long, all but the last entry is put into their table: the row is to follow at once.
        """
        text = write_entries(self._lines)
        if len(text) <= LONGEST or len(self._lines) == 1:
            return text
        last = self._lines.pop()
        for entry in read_entries(self._execution_id, write_entries(self._lines)):
            self._writer.put("journal", (entry.execution_id, entry.sequence), entry)
        self._lines = [last]
        return write_entries(self._lines)


def _line_of(entry: Entry) -> str:
    _, sequence, at, function, arguments, result = entry
    return (
        f'{{"sequence":{sequence},"at":{at!r},"function":"{function}","arguments":{arguments},'
        f'"result":{result or "null"}}}'
    )

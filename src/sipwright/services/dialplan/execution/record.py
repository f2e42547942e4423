"""What is kept of one run: its row, and with it the journal, in which what was done on the way is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sipwright.services.own_probes import NODE_USER, sign_of_life
from sipwright.services.ports import Writer
from sipwright.services.rows import ExecutionRow

from ..language.commands import HangUpAfter, LogLine, Recorded, Respond, SideEffect
from .journal import Entry, Journal

__all__ = ["Record", "Wish"]

Wish = Respond | HangUpAfter
"""A side effect that is the host's to do."""


class Record:
    """The row of a run as it was written last, and its journal, which may have more by now.

    It `is_stored` from the first time that it is written: until then the run is nowhere but in memory.
    """

    __slots__ = ("_writer", "is_stored", "journal", "row")

    def __init__(self, row: ExecutionRow, writer: Writer, entries: list[Entry] | None = None) -> None:
        """Begin the record of a new run, or go on with that of one whose entries are there."""
        self.row = row
        self.journal = Journal(row.id, writer, entries)
        self.is_stored = entries is not None
        self._writer = writer

    def put(
        self,
        state: str,
        snapshot: bytes | None,
        on_commit: Callable[[], None] | None = None,
        ended_at: float | None = None,
        outcome: str | None = None,
    ) -> None:
        """Write the row, with the journal as it is now.

        Raises:
            Reject: The writer cannot take any more.
        """
        row = self.row
        # What stays, and what may change: `_replace` takes several times as long.
        self.row = row = ExecutionRow(
            *row[:6], state, snapshot, row.started_at, ended_at, outcome, row.node, self.journal.text()
        )
        self.is_stored = True
        if row.user_id == NODE_USER:
            node = row.node or ""
            self._writer.put("rollup", (0, 0, node), sign_of_life(node), on_commit)
        else:
            self._writer.put("execution", row.id, row, on_commit)

    def put_again(self) -> None:
        """Write the row once more, as the journal has grown."""
        self.put(self.row.state, self.row.snapshot)

    def note(
        self, side_effects: Iterable[SideEffect], now: float, show: Callable[[list[LogLine]], None]
    ) -> list[Wish]:
        """Write what was done on the way into the journal, in order; returns what the host is to do.

        Log lines that follow each other are one entry, and are shown together.
        """
        lines: list[LogLine] = []
        wishes: list[Wish] = []
        for effect in side_effects:
            if isinstance(effect, LogLine):
                lines.append(effect)
                continue
            self._write_log(lines, now, show)
            lines = []
            match effect:
                case Respond():
                    self.journal.add("respond", now, effect.to_json())
                    wishes.append(effect)
                case HangUpAfter():
                    self.journal.add("hangup", now, effect.to_json())
                    wishes.append(effect)
                case Recorded():
                    self.journal.add(effect.function, now, effect.arguments, effect.shown)
        self._write_log(lines, now, show)
        return wishes

    def _write_log(self, lines: list[LogLine], now: float, show: Callable[[list[LogLine]], None]) -> None:
        if lines:
            self.journal.add("log", now, [[line.line, line.text] for line in lines])
            show(lines)

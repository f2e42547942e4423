"""The line editor: a line of text that changes as keys are pressed, and what of it is shown.

It knows no terminal: keys go in, and what the one who types wants comes out. The line never takes more than one row of
the screen; where it is longer, the part around the cursor is shown. So whatever is printed above cannot tear it.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sipwright.console.history import Histories
from sipwright.console.keys import KeyDecoder
from sipwright.printable import cells, printable

__all__ = ["LONGEST_LINE", "LineEditor", "Wish"]

LONGEST_LINE = 1_000

_WORD_BEFORE = re.compile(r"\S*\s*\Z")
_WORD_AFTER = re.compile(r"\s*\S*")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: ``line`` with its text, ``interrupt``, ``end``, ``clear``, ``bell``; ``complete`` a word by
    what has to be looked up, and ``choose`` among the options in the text, one on a line."""

    kind: str
    text: str = ""


class LineEditor:
    """Keeps the line that is typed, its cursor, and where in the history it is."""

    def __init__(
        self,
        history: deque[str],
        known: Callable[[list[str], str], list[str] | None] = lambda words, start: None,
    ) -> None:
        self._known = known  # the options of a word, where they need not be looked up
        self.text = ""
        self.cursor = 0
        self._decoder = KeyDecoder()
        self._history = history
        self._newer: list[str] = []  # lines that Up has gone past, the one that was typed at the bottom
        self._older: list[str] = []
        self._killed = ""
        self._wishes: list[Wish] = []

    def feed(self, data: str) -> list[Wish]:
        """Take what the terminal has sent, and return what that asks for, in its order."""
        self._wishes = []
        for key, text in self._decoder.feed(data):
            if key == "text":
                self._insert(text)
            else:
                _KEYS[key](self)
        return self._wishes

    def shown(self, width: int) -> tuple[str, int]:
        """Return the part of the line that has room in so many cells, and the cell of the cursor in it."""
        before, after = self.text[: self.cursor], self.text[self.cursor :]
        room = max(1, width - 1)
        if cells(self.text) <= room:
            return self.text, cells(before)
        while (
            before and cells(before) > room * 2 // 3 and cells(before) + min(cells(after), room // 3) > room
        ):
            before = before[1:]
        text = before + after
        while cells(text) > room:
            text = text[:-1]
        return text, cells(before)

    def word(self) -> tuple[list[str], str]:
        """Return the words before the one that the cursor is at the end of, and that one's beginning."""
        before = self.text[: self.cursor]
        words = before.split()
        last = "" if not words or before[-1:].isspace() else words.pop()
        return words, last

    def complete(self, options: Sequence[str]) -> list[str]:
        """Write the word at the cursor as far as all options agree; return them when there is a choice left."""
        _, start = self.word()
        fitting = sorted({option for option in options if option.startswith(start)})
        if not fitting:
            self._wishes.append(Wish("bell"))
            return []
        common = os.path.commonprefix(fitting)  # noqa: RUF071  which is what is meant
        if len(fitting) == 1 and self.text[self.cursor : self.cursor + 1] != " ":
            common += " "
        self._insert(common[len(start) :])
        return fitting if len(fitting) > 1 and common == start else []

    def take(self) -> str:
        """Return the line, and begin an empty one."""
        line, self.text, self.cursor = self.text, "", 0
        self._newer, self._older = [], []
        return line

    def _insert(self, text: str) -> None:
        kept = "".join(character for character in text if printable(character) == character)
        kept = kept[: LONGEST_LINE - len(self.text)]
        if len(kept) < len(text):
            self._wishes.append(Wish("bell"))
        self.text = self.text[: self.cursor] + kept + self.text[self.cursor :]
        self.cursor += len(kept)

    def _enter(self) -> None:
        line = self.take()
        Histories.add(self._history, line)
        self._wishes.append(Wish("line", line))

    def _interrupt(self) -> None:
        self._wishes.append(Wish("interrupt", self.take()))

    def _end_of_input(self) -> None:
        if self.text:
            self._delete()
        else:
            self._wishes.append(Wish("end"))

    def _clear(self) -> None:
        self._wishes.append(Wish("clear"))

    def _complete(self) -> None:
        options = self._known(*self.word())
        if options is None:
            self._wishes.append(Wish("complete"))
        elif choice := self.complete(options):
            self._wishes.append(Wish("choose", "\n".join(choice)))

    def _move(self, to: int) -> None:
        self.cursor = min(max(0, to), len(self.text))

    def _cut(self, start: int, end: int, *, is_kept: bool = True) -> None:
        if is_kept and end > start:
            self._killed = self.text[start:end]
        self.text = self.text[:start] + self.text[end:]
        self.cursor = start

    def _erase(self) -> None:
        if self.cursor:
            self._cut(self.cursor - 1, self.cursor, is_kept=False)

    def _delete(self) -> None:
        self._cut(self.cursor, min(self.cursor + 1, len(self.text)), is_kept=False)

    def _word_left(self) -> int:
        found = _WORD_BEFORE.search(self.text[: self.cursor])
        return found.start() if found else 0

    def _word_right(self) -> int:
        found = _WORD_AFTER.match(self.text, self.cursor)
        return found.end() if found else len(self.text)

    def _swap(self) -> None:
        """Swap the two characters before the cursor, or around it, as Ctrl-T does."""
        end = min(self.cursor + 1, len(self.text))
        if end >= 2:
            one, other = self.text[end - 2], self.text[end - 1]
            self.text = self.text[: end - 2] + other + one + self.text[end:]
            self.cursor = end

    def _up(self) -> None:
        if not self._newer:
            self._older = list(self._history)
        self._wander(self._older, self._newer)

    def _down(self) -> None:
        self._wander(self._newer, self._older)

    def _wander(self, source: list[str], target: list[str]) -> None:
        if not source:
            self._wishes.append(Wish("bell"))
            return
        target.append(self.text)
        self.text = source.pop()
        self.cursor = len(self.text)


_KEYS: dict[str, Callable[[LineEditor], None]] = {
    "enter": LineEditor._enter,
    "interrupt": LineEditor._interrupt,
    "end of input": LineEditor._end_of_input,
    "clear": LineEditor._clear,
    "complete": LineEditor._complete,
    "left": lambda line: line._move(line.cursor - 1),
    "right": lambda line: line._move(line.cursor + 1),
    "home": lambda line: line._move(0),
    "end": lambda line: line._move(len(line.text)),
    "word left": lambda line: line._move(line._word_left()),
    "word right": lambda line: line._move(line._word_right()),
    "erase": LineEditor._erase,
    "delete": LineEditor._delete,
    "kill": lambda line: line._cut(line.cursor, len(line.text)),
    "kill before": lambda line: line._cut(0, line.cursor),
    "kill word": lambda line: line._cut(line._word_left(), line.cursor),
    "delete word": lambda line: line._cut(line.cursor, line._word_right()),
    "yank": lambda line: line._insert(line._killed),
    "swap": LineEditor._swap,
    "up": LineEditor._up,
    "down": LineEditor._down,
}

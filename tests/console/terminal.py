"""A terminal of so many columns that does what ours sends, and shows what stands on its rows."""

from __future__ import annotations

import re

from sipwright.printable import cells

_SEQUENCE = re.compile(r"\x1b\[([\d;]*)([A-Za-z])")


class Terminal:
    """Rows of text that only ever scroll, and a cursor."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows = [[]]
        self.row = 0
        self.column = 0
        self.has_sequences = False

    def feed(self, data: str) -> None:
        index = 0
        while index < len(data):
            if (found := _SEQUENCE.match(data, index)) is not None:
                self.has_sequences = True
                self._do(found[1], found[2])
                index = found.end()
                continue
            self._put(data[index])
            index += 1

    @property
    def lines(self) -> list[str]:
        return ["".join(row).rstrip() for row in self.rows]

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
            if self.row == len(self.rows):
                self.rows.append([])
        elif character == "\b":
            self.column = max(0, self.column - 1)
        elif character != "\a":
            assert character.isprintable(), repr(character)
            wide = cells(character)
            if self.column + wide > self.width:
                self._put("\r")
                self._put("\n")
            row = self.rows[self.row]
            row.extend(" " * (self.column + wide - len(row)))
            row[self.column : self.column + wide] = [character, *[""] * (wide - 1)]
            self.column += wide

    def _do(self, number: str, letter: str) -> None:
        if letter == "J" and number != "2":
            del self.rows[self.row][self.column :]
            del self.rows[self.row + 1 :]
        elif letter == "J":
            self.rows[:] = [[]]
            self.row = 0
        elif letter == "H":
            self.row = self.column = 0
        elif letter == "D":
            self.column -= int(number or 1)
        else:
            assert letter == "m", (number, letter)

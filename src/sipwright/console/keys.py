"""What a terminal sends, as keys: printable text, and names such as ``left`` for control characters and sequences.

Terminals send ``ESC [ ... letter`` (ECMA-48 §5.4) or ``ESC O letter``; a sequence may come in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["KeyDecoder"]

_CONTROLS = {
    "\x01": "home", "\x02": "left", "\x03": "interrupt", "\x04": "end of input", "\x05": "end", "\x06": "right",
    "\x08": "erase", "\x09": "complete", "\x0a": "enter", "\x0b": "kill", "\x0c": "clear", "\x0d": "enter",
    "\x0e": "down", "\x10": "up", "\x14": "swap", "\x15": "kill before",
    "\x17": "kill word", "\x19": "yank", "\x7f": "erase",
}  # fmt: skip

_SEQUENCES = {
    "A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end",
    "1~": "home", "7~": "home", "4~": "end", "8~": "end", "3~": "delete",
    "1;5C": "word right", "1;5D": "word left", "1;3C": "word right", "1;3D": "word left", "5C": "word right",
    "5D": "word left",
}  # fmt: skip

_WITH_META = {
    "b": "word left", "f": "word right", "d": "delete word", "\x7f": "kill word", "\x08": "kill word",
}  # fmt: skip

_LONGEST_SEQUENCE = 32


class KeyDecoder:
    """Reads keys; `feed` gives ``("text", "...")`` for what is inserted and ``(name, "")`` for all other keys."""

    def __init__(self) -> None:
        self._pending = ""
        self._was_return = False

    def feed(self, data: str) -> Iterator[tuple[str, str]]:
        """Give the keys in what has come; an unknown sequence is none."""
        data = self._pending + data
        self._pending = ""
        index = 0
        while index < len(data):
            character = data[index]
            if character == "\x1b":
                end = self._end_of_sequence(data, index)
                if end is None:
                    self._pending = data[index:]
                    return
                name = self._sequence(data[index + 1 : end])
                index = end
                if name is not None:
                    yield name, ""
            elif character < " " or character == "\x7f":
                index += 1
                is_second = character == "\n" and self._was_return
                name = _CONTROLS.get(character)
                if name is not None and not is_second:
                    self._was_return = character == "\r"
                    yield name, ""
                    continue
            else:
                end = index
                while end < len(data) and data[end] >= " " and data[end] != "\x7f":
                    end += 1
                yield "text", data[index:end]
                index = end
            self._was_return = False

    def _end_of_sequence(self, data: str, start: int) -> int | None:
        """Return where a sequence ends, None when there is more of it to come."""
        if start + 1 >= len(data):
            return None
        if data[start + 1] not in "[O":
            return start + 2
        for index in range(start + 2, min(len(data), start + _LONGEST_SEQUENCE)):
            if "@" <= data[index] <= "~":
                return index + 1
            if not " " <= data[index] <= "?":
                return index  # no sequence after all: what broke it is a key of its own
        return None if len(data) - start < _LONGEST_SEQUENCE else start + _LONGEST_SEQUENCE

    def _sequence(self, body: str) -> str | None:
        if body[:1] in ("[", "O"):
            return _SEQUENCES.get(body[1:])
        return _WITH_META.get(body)

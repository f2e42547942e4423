"""The headers of one message: an ordered multimap over the lines as they came.

A line stays one string until somebody asks for its value, and lines that nobody changed go out as
they came in. Names are validated, values are left to the files next door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import forbid_breaks, listed
from sipwright.sip.headers.names import KEYS
from sipwright.sip.headers.via import Via

_FOLD = re.compile(r"\r?\n[ \t]+")


class Headers:
    """Header lines in order; names match in any case and in their compact form.

    Attributes:
        is_changed: Something was changed since the bytes of the message were last known.
        parsed: Values that were already read, by the name of the message's property; a change clears it.
    """

    __slots__ = ("_index", "_lines", "_repeated", "has_length", "is_changed", "parsed")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._lines = write_lines(pairs)
        self._index: dict[str, str] | None = None
        self._repeated: dict[str, list[str]] = _NONE
        self.parsed: dict[str, Any] = {}
        self.is_changed = True
        self.has_length = False

    @classmethod
    def from_lines(cls, lines: list[str], index: Index | None = None) -> Headers:
        """Take over lines that are known to be well formed, with their index when it is known."""
        self = cls.__new__(cls)
        self._lines = lines
        self.parsed = {}
        self.is_changed = False
        if index is None:
            self._index, self._repeated, self.has_length = None, _NONE, False
        else:
            self._index, self._repeated = index
            self.has_length = "content-length" in index[0]
        return self

    @classmethod
    def taken_apart(
        cls,
        lines: list[str],
        index: dict[str, str],
        repeated: dict[str, list[str]] | None,
        parsed: dict[str, Any],
    ) -> Headers:
        """Take over lines with their index, and what was read of them."""
        self = cls.__new__(cls)
        self._lines, self._index, self._repeated, self.parsed = lines, index, repeated or _NONE, parsed
        self.is_changed = False
        self.has_length = "content-length" in index
        return self

    def lines(self) -> list[str]:
        """Give the lines as they go over the wire, without line ends; for reading."""
        return self._lines

    def index(self) -> dict[str, str]:
        """Give the first line of each header by the key of its name; for reading."""
        if self._index is None:
            self._index, self._repeated = index_lines(self._lines)
        return self._index

    def lines_of(self, key: str) -> list[str]:
        """Give the lines of one header, named by its key; for reading."""
        index = self._index or self.index()
        if key in self._repeated:
            return self._repeated[key]
        return [index[key]] if key in index else []

    def first_line(self, key: str) -> str | None:
        """Give the first line of one header, named by its key."""
        index = self._index
        if index is None:
            # Whoever asks for the top Via of a message that we wrote often asks for nothing else.
            if self._lines and KEYS[self._lines[0].partition(":")[0]] == key:
                return self._lines[0]
            index = self.index()
        return index.get(key)

    def sole_line(self, key: str) -> str | None:
        """Give the only line of a header, named by its key, with no comma in it: so one value at most; else None."""
        line = (self._index or self.index()).get(key)
        return None if line is None or "," in line or key in self._repeated else line

    def get(self, name: str, default: str | None = None) -> str | None:
        """Give the value of the first line of that name."""
        line = (self._index or self.index()).get(KEYS[name])
        return default if line is None else value_of(line)

    def get_all(self, name: str) -> list[str]:
        """Give the value of every line of that name."""
        lines = self.lines_of(KEYS[name])
        return [*map(value_of, lines)] if lines else lines

    def get_list(self, name: str) -> list[str]:
        """Give the elements of a header whose values are separated by commas; empty ones are left out."""
        values = self.get_all(name)
        return list(listed(values)) if values else []

    def add(self, name: str, value: str) -> None:
        """Append a line."""
        self._put(len(self._lines), name, value)

    def insert(self, name: str, value: str) -> None:
        """Put a line before the first one of that name; at the very top when there is none."""
        key = KEYS[name]
        self._put(next((at for at, line in enumerate(self._lines) if _key(line) == key), 0), name, value)

    def set(self, name: str, value: str) -> None:
        """Replace all lines of that name by one, in the place of the first."""
        key = KEYS[name]
        new = _line(name, value)
        lines: list[str] = []
        is_placed = False
        for line in self._lines:
            if _key(line) != key:
                lines.append(line)
            elif not is_placed:
                lines.append(new)
                is_placed = True
        if not is_placed:
            lines.append(new)
        self._lines = lines
        self._changed(has_length=self.has_length or key == "content-length")

    def set_first(self, name: str, value: str) -> None:
        """Replace the first line of that name, which must be there, and leave the others."""
        at = self._lines.index(self.index()[KEYS[name]])
        self._lines[at] = _line(name, value)
        self._changed(has_length=self.has_length)

    def note_source(self, via: Via, host: str, port: int) -> None:
        """Note in the top Via, which is `via`, where a request came from; nothing else is to be read again."""
        value = via.note_source(host, port)
        if value is None:
            return
        index = self._index or self.index()
        old, new = index["via"], f"Via: {value}"
        if "," in old:
            new = ", ".join([new, *list(listed([value_of(old)]))[1:]])
        lines = self._lines
        lines[0 if lines[0] is old else lines.index(old)] = index["via"] = new
        if "via" in self._repeated:
            self._repeated["via"][0] = new
        self.is_changed = True

    def remove(self, name: str) -> None:
        """Remove all lines of that name."""
        key = KEYS[name]
        self._lines = [line for line in self._lines if _key(line) != key]
        self._changed(has_length=self.has_length and key != "content-length")

    def items(self) -> Iterator[tuple[str, str]]:
        """Give every line as name and value, the name as it was written."""
        for line in self._lines:
            yield line.partition(":")[0].rstrip(" \t"), value_of(line)

    def __contains__(self, name: str) -> bool:
        return self.first_line(KEYS[name]) is not None

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        return f"Headers({list(self.items())!r})"

    def _put(self, position: int, name: str, value: str) -> None:
        has_length = self.has_length or KEYS[name] == "content-length"
        self._lines.insert(position, _line(name, value))
        self._changed(has_length=has_length)

    def _changed(self, *, has_length: bool) -> None:
        self._index = None
        self.parsed.clear()
        self.is_changed = True
        self.has_length = has_length


Index = tuple[dict[str, str], dict[str, list[str]]]
"""By the key of their name the first line of each header, and all lines of those that are there more than once.

Nearly every header is there once, and a line that needs no list of its own costs much less.
"""

_NONE: dict[str, list[str]] = {}


def write_lines(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Write names and values as lines; Content-Length is left out, as it is worked out when a message is written.

    Raises `ParseError` when a name is not a token, and `ValueError` when a value has a line break.
    """
    lines = [f"{name}: {value}" for name, value in pairs if KEYS[name] != "content-length"]
    forbid_breaks("".join(lines))
    return lines


def index_lines(lines: list[str]) -> Index:
    """Find lines by their key; raises `ParseError` when a name is not a token or ends in no colon."""
    index: dict[str, str] = {}
    repeated = _NONE
    spelled = _SPELLED
    for line in lines:
        name, colon, _ = line.partition(":")
        try:
            key = spelled[name]
        except KeyError:
            key = _key_of(name)
        if not colon:
            raise ParseError(f"{name} has no colon", name)
        if key in index:
            if repeated is _NONE:
                repeated = {}
            repeated.setdefault(key, [index[key]]).append(line)
        else:
            index[key] = line
    return index, repeated


_SPELLED: dict[str, str] = {}
"""What of `KEYS` has come lately: a plain dict finds it sooner, and each line is looked up."""


def _key_of(name: str) -> str:
    key = KEYS[name]
    if len(name) <= KEYS.longest:
        if len(_SPELLED) >= KEYS.most:
            _SPELLED.clear()
        _SPELLED[name] = key
    return key


def value_of(line: str) -> str:
    """Give the value of a header line, unfolded and stripped."""
    value = line.partition(":")[2]
    if "\n" in value:
        value = _FOLD.sub(" ", value)
    return value.strip(" \t")


def _key(line: str) -> str:
    return KEYS[line.partition(":")[0]]


def _line(name: str, value: str) -> str:
    forbid_breaks(value)
    return f"{name}: {value}"

"""Text that strangers and tenants can choose, made harmless for whoever reads it: in a log, on a terminal, as JSON.

What nobody sees is written out as Python would write it (``\\x1b``, ``\\u202e``, ``\\n``): control characters of both
sets, line and paragraph separators, those that turn the direction of a text or have no width, half a surrogate pair.
Nothing is taken away, so two texts that differ still look different.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container, MutableMapping
from typing import Any

__all__ = ["MOST", "cells", "cut", "printable", "printable_event", "printable_lines", "printable_value"]

MOST = 200
"""Characters of a value that are shown."""

MOST_OF_SENTENCE = 1_000
"""Characters of a sentence of ours, in which what strangers have said was cut before."""

_MOST_OF_TRACE = 20_000
_SENTENCES = frozenset({"error", "what_to_do", "why"})
_TRACES = frozenset({"exception", "stack"})

_UNSEEN = frozenset(
    [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10),
     *range(0xE0100, 0xE01F0)]
)  # fmt: skip
"""What is drawn as nothing though it is no control character (Default_Ignorable_Code_Point of Unicode)."""


def printable(text: str, most: int | None = MOST) -> str:
    """Return text as one line that can be shown anywhere, cut to `most` characters."""
    if most is not None and len(text) > most:
        text = text[: most + 1]
    if not (text.isprintable() and (text.isascii() or _UNSEEN.isdisjoint(map(ord, text)))):
        text = "".join(map(_shown, text))
    return text if most is None or len(text) <= most else text[: most - 3] + "..."


def cells(text: str) -> int:
    """Return how many cells of a terminal printable text takes: two for what is drawn wide, none for an accent."""
    if text.isascii():
        return len(text)
    return sum(map(_cells_of, text))


def cut(text: str, width: int) -> str:
    """Return printable text, cut where it would take more cells than that."""
    if len(text) * 2 <= width or cells(text) <= width:
        return text
    mark = "..." if width > 3 else ""
    room = width - len(mark)
    for index, character in enumerate(text):
        room -= _cells_of(character)
        if room < 0:
            return text[:index] + mark
    return text


def printable_lines(text: str) -> str:
    """Return text whose line breaks and tabs are its own, such as a message or a script; whole."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\t".join(printable(part, None) for part in line.split("\t")) for line in lines)


def printable_value(value: Any, whole: Container[str] = (), *, is_whole: bool = False) -> Any:
    """Return what JSON can hold with all texts in it made harmless.

    Args:
        value: Dictionaries and lists of texts and numbers.
        whole: The keys whose texts are neither cut nor lose their line breaks: messages, scripts, what scripts said.
        is_whole: It is below one of those.
    """
    if isinstance(value, str):
        return printable_lines(value) if is_whole else printable(value)
    if isinstance(value, dict):
        return {
            printable(key) if isinstance(key, str) else key: printable_value(
                below, whole, is_whole=is_whole or key in whole
            )
            for key, below in value.items()
        }
    if isinstance(value, list | tuple):
        return [printable_value(below, whole, is_whole=is_whole) for below in value]
    return value


def printable_event(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make an entry of the log harmless, as a processor of structlog."""
    for key, value in event.items():
        if value is None or isinstance(value, int | float):
            continue
        if isinstance(value, list | tuple | dict):
            event[key] = printable_value(value)
        elif key in _TRACES:
            # Indented, so that no line that an exception quotes looks like one of the log.
            lines = printable_lines(str(value)[:_MOST_OF_TRACE]).split("\n")
            event[key] = "\n".join(f"  {line}" for line in lines)
        else:
            event[key] = printable(str(value), MOST_OF_SENTENCE if key in _SENTENCES else MOST)
    return event


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _shown(character: str) -> str:
    if character.isprintable() and ord(character) not in _UNSEEN:
        return character
    return character.encode("unicode_escape").decode("ascii")

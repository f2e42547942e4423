"""How a journal stands in the row of its run: JSON with a ``format`` and the ``entries``, an object each.

The names in those are the columns of the table `journal`. Release 0.1.0 wrote lists in their place, and no format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson

from sipwright.services.rows import JournalRow

__all__ = ["FORMAT", "dump", "named_entries", "read_entries", "write_entries"]

FORMAT = 2
"""The version of the text."""

_HEAD, _TAIL = f'{{"format":{FORMAT},"entries":[', "]}"


def write_entries(entries: Iterable[str]) -> str:
    """Return the text of entries, each of which is JSON already."""
    return f"{_HEAD}{','.join(entries)}{_TAIL}"


def read_entries(execution_id: str, text: str | None) -> list[JournalRow]:
    """Read the entries of a run, written in this version or an earlier one.

    Raises:
        ValueError: A newer version has written it, or it is damaged.
    """
    try:
        return [
            JournalRow(
                execution_id,
                entry["sequence"],
                entry["at"],
                entry["function"],
                dump(entry["arguments"]),
                None if entry["result"] is None else dump(entry["result"]),
            )
            for entry in named_entries(text)
        ]
    except (LookupError, TypeError) as error:
        raise _damaged(error) from error


def named_entries(text: str | None) -> list[dict[str, Any]]:
    """Return the entries by name, with arguments and results as they were before they became JSON.

    Raises:
        ValueError: A newer version has written it, or it is damaged.
    """
    try:
        return _named(text)
    except (LookupError, TypeError, RecursionError) as error:
        raise _damaged(error) from error


def _named(text: str | None) -> list[dict[str, Any]]:
    known = json.loads(text or "[]")
    if isinstance(known, list):
        return [dict(zip(JournalRow._fields[1:], entry, strict=True)) for entry in known]
    if known["format"] > FORMAT:
        raise ValueError(
            f"a newer version of Sipwright has written this journal (format {known['format']}): start that one"
        )
    entries: list[dict[str, Any]] = known["entries"]
    return entries


def _damaged(error: Exception) -> ValueError:
    return ValueError(f"what is written in this journal makes no sense ({type(error).__name__}: {error})")


def dump(value: Any) -> str:
    """Write JSON in ASCII only, whatever strangers have sent: stored as it is, read back as it was."""
    try:
        return orjson.dumps(value).decode("ascii")
    except (TypeError, UnicodeDecodeError):
        return _encode(value)


_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode

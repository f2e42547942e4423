"""Tables for people: columns of harmless text, as wide as what stands in them or cut to fit; times in words."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sipwright.errors import UserError
from sipwright.printable import cells, cut, printable

__all__ = ["age", "clock", "moment", "rfc3339", "table_lines", "talked"]

_GAP = 2
_NARROWEST = 8
"""Cells that a column keeps while there are wider ones: the beginning of a call's id, with which it is found."""


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def table_lines(heads: Sequence[str], rows: Iterable[Sequence[Any]], width: int | None = None) -> list[str]:
    """Return the lines of a table, with its heads; none when there are no rows.

    Args:
        heads: What stands over the columns.
        rows: One value for each column; None is shown as nothing.
        width: Cells that a line may take; columns are cut, the widest first, until they fit.
    """
    lines = [["" if value is None else printable(str(value)) for value in row] for row in rows]
    if not lines:
        return []
    lines.insert(0, [head.upper() for head in heads])
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    if width is not None:
        widths = _fitted(widths, width)
    return [(" " * _GAP).join(map(_padded, line, widths)).rstrip() for line in lines]


def _fitted(widths: list[int], width: int) -> list[int]:
    """Take from the widest column until all fit, or none is wider than the narrowest that says something."""
    fitted = list(widths)
    over = sum(fitted) + _GAP * (len(fitted) - 1) - width
    while over > 0:
        widest = max(fitted)
        if widest <= _NARROWEST:
            break
        fitted[fitted.index(widest)] -= 1
        over -= 1
    return fitted


def _padded(text: str, width: int) -> str:
    text = cut(text, width)
    return text + " " * (width - cells(text))


def rfc3339(instant: float) -> str:
    """Write a Unix time as RFC 3339 has it, in UTC."""
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(instant: float | None) -> str | None:
    """Show a unix time as local date and time."""
    return None if instant is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(instant))


def talked(seconds: float | None) -> str | None:
    """Show how long two have talked, in minutes and seconds."""
    if seconds is None:
        return None
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def age(text: str) -> float:
    """Read ``30m``, ``12h`` or ``7d``, in seconds.

    Raises:
        UserError: It is something else.
    """
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isascii() or not number.isdigit():
        raise UserError(f"{text!r} is not an age; write a number with s, m, h or d, such as 12h")
    return float(number) * _UNITS[unit]


def moment(text: str, now: float) -> float:
    """Read an age such as ``12h``, or a local date and time such as ``2026-11-01`` or ``2026-11-01 08:30``.

    Raises:
        UserError: It is neither.
    """
    if text[-1:] in _UNITS:
        return now - age(text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UserError(
            f"{text!r} is no time; write an age such as 12h, or a date such as 2026-11-01"
        ) from None

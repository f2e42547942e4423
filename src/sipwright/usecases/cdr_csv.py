"""CDRs as CSV, for spreadsheets and for programs that bill."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from sipwright.tables import rfc3339
from sipwright.usecases.cdrs import CdrView

__all__ = ["csv_lines"]

AT_ONCE = 64 * 1024
_FIELDS = [field.name for field in dataclasses.fields(CdrView)]
_FORMULA = ("=", "@", "+", "-", "\t", "\r")
_NUMBER = re.compile(r"[+-][0-9]+(@[A-Za-z0-9_.-]+)?")
"""A number, perhaps at a provider: programs read it as it is, and a spreadsheet computes nothing of it."""


async def csv_lines(
    rows: AsyncIterator[CdrView],
    shown: Callable[[str], str] = str,
    *,
    fields: Sequence[str] = _FIELDS,
    instant: Callable[[float], str] = rfc3339,
) -> AsyncIterator[str]:
    """Write CDRs as CSV, some at a time; nothing in it is a formula for a spreadsheet.

    Args:
        rows: The CDRs.
        shown: What makes a text harmless for where it is going to be.
        fields: The columns.
        instant: What writes when something was.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(name.rstrip("_") for name in fields)
    async for row in rows:
        writer.writerow(_cell(name, getattr(row, name), shown, instant) for name in fields)
        if buffer.tell() > AT_ONCE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(name: str, value: Any, shown: Callable[[str], str], instant: Callable[[float], str]) -> Any:
    if value is None:
        return ""
    if name.endswith("_at"):
        return instant(value)
    if not isinstance(value, str):
        return value
    return f"'{shown(value)}" if _is_formula(value) else shown(value)


def _is_formula(text: str) -> bool:
    return text.startswith(_FORMULA) and _NUMBER.fullmatch(text) is None

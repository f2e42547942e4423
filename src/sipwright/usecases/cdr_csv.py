"""CDRs as CSV, for spreadsheets and for programs that bill."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

from sipwright.tables import rfc3339
from sipwright.usecases.cdrs import CdrView

__all__ = ["csv_lines"]

AT_ONCE = 64 * 1024
_FIELDS = [field.name for field in dataclasses.fields(CdrView)]
_FORMULA = ("=", "@", "\t", "\r")


async def csv_lines(rows: AsyncIterator[CdrView], shown: Callable[[str], str] = str) -> AsyncIterator[str]:
    """Write CDRs as CSV, some at a time; nothing in it is a formula for a spreadsheet.

    Args:
        rows: The CDRs.
        shown: What makes a text harmless for where it is going to be.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(name.rstrip("_") for name in _FIELDS)
    async for row in rows:
        writer.writerow(_cell(name, getattr(row, name), shown) for name in _FIELDS)
        if buffer.tell() > AT_ONCE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _cell(name: str, value: Any, shown: Callable[[str], str]) -> Any:
    if value is None:
        return ""
    if name.endswith("_at"):
        return rfc3339(value)
    if not isinstance(value, str):
        return value
    return f"'{shown(value)}" if value.startswith(_FORMULA) else shown(value)

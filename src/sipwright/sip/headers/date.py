"""Date: the one form of RFC 1123 that RFC 3261 §20.17 allows, always GMT and never localised."""

from __future__ import annotations

from email.utils import formatdate

from sipwright.memo import Bounded

_WRITTEN: Bounded[int, str] = Bounded(2)
"""By the second, as every registration of the same one says the same."""


def format_date(unix_time: float) -> str:
    """Write a time as in `Sun, 08 Nov 2009 12:12:21 GMT`."""
    second = int(unix_time)
    written = _WRITTEN.get(second)
    if written is None:
        written = formatdate(second, usegmt=True)
        _WRITTEN.keep(second, written)
    return written

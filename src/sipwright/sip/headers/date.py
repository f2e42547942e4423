"""Date: the one form of RFC 1123 that RFC 3261 §20.17 allows, always GMT and never localised."""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache


def format_date(unix_time: float) -> str:
    """Write a time as in `Sun, 08 Nov 2009 12:12:21 GMT`."""
    return _format_second(int(unix_time))


@lru_cache(maxsize=4)
def _format_second(unix_time: int) -> str:
    # Cached, because every registration of the same second says the same.
    return formatdate(unix_time, usegmt=True)

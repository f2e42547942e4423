"""Times in stored things: a database is as old as its release, but what it holds was to happen within minutes.

Unix times are moved alike wherever they stand, so that a test finds the state as a restart would: seconds old.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["moved"]

_TIME = re.compile(r"(?<![\d.])1[78]\d{8}(?=\.\d)")
_TIME_IN_BYTES = re.compile(_TIME.pattern.encode())
_TIME_IN_SQL = re.compile(r"(?<![\d.])1\.[78]\d+e\+09")
_SINCE, _UNTIL = 1_700_000_000.0, 1_900_000_000.0


def moved(value: Any, by: int) -> Any:
    """Return a value whose Unix times are so many seconds later; texts and bytes keep their length."""
    match value:
        case str():
            value = _TIME_IN_SQL.sub(lambda found: f"{float(found[0]) + by:.19e}", value)
            return _TIME.sub(lambda found: str(int(found[0]) + by), value)
        case bytes():
            return _TIME_IN_BYTES.sub(lambda found: b"%d" % (int(found[0]) + by), value)
        case float():
            return value + by if _SINCE <= value < _UNTIL else value
        case dict():
            return {moved(key, by): moved(one, by) for key, one in value.items()}
        case list() | tuple():
            return type(value)(moved(one, by) for one in value)
    return value

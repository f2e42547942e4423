"""Event: what a subscription is to, and which of several (RFC 6665 §8.2.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_EVENT = re.compile(r"\s*([\w.!%*+`'~-]{1,64})\s*((?:;[^,]{0,200})?)$")
_ID = re.compile(r";\s*id\s*=\s*([^;\s]{1,128})", re.IGNORECASE)


def parse_event(values: Sequence[str]) -> tuple[str, str]:
    """Return the event in lower case, and its id, which may be empty; both are empty where it cannot be read."""
    found = _EVENT.match(values[0]) if len(values) == 1 else None
    if found is None:
        return "", ""
    named = _ID.search(found[2])
    return found[1].lower(), "" if named is None else named[1]

"""What the guide to REST says that events have in their data."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from sipwright.control.events import LOST, TYPES

GUIDE = Path(__file__).parents[2] / "docs" / "rest.md"
_ROW = re.compile(r"^\| (?P<kinds>[^|]*) \| (?P<fields>[^|]*) \|$", re.MULTILINE)
_NAMED = re.compile(r"`([a-z_]+)`")


@cache
def event_fields() -> dict[str, frozenset[str]]:
    """Return the names of the data of each type of event."""
    table = GUIDE.read_text().partition("### What an event says")[2].partition("\n## ")[0]
    found: dict[str, set[str]] = {kind: set() for kind in (*TYPES, LOST)}
    for row in _ROW.finditer(table):
        for name in re.findall(r"`([a-z.]+)`", row["kinds"]):
            for kind in found:
                if kind == name or (name.endswith(".") and kind.startswith(name)):
                    found[kind] |= _fields(row["fields"])
    return {kind: frozenset(names) for kind, names in found.items()}


def _fields(text: str) -> set[str]:
    """Return the names of a cell, and none of the values that it names."""
    return {name for name in _NAMED.findall(text) if name not in _VALUES}


_VALUES = frozenset((
    "out", "in", "caller", "callee", "reachable", "unreachable", "credentials", "request", "connection", "running",
    "stopping", "switch", "everybody", "outside", "nobody",
))  # fmt: skip

"""How a switch of several workers is, as one: what they count is added up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["together"]

SHARED = frozenset({"phones", "bindings", "bans", "free_bytes", "lag_seconds"})
"""What each of them counts for all: who is registered, or banned, the disk; and of what is late, the latest."""

_SUMS = (
    "calls", "legs", "scripts", "refused", "quick_registers", "activations", "activations_in_place", "readers",
    "clients", "registrations_under_way", "registrations_leaving",
)  # fmt: skip
_TABLES = ("call_states", "registrations", "transactions", "tables", "counts")
_SHOWN = ("pid", "started_at", "calls", "scripts")
_COUNTED = ("requests", "cpu_seconds")
MOST_ERRORS = 10


def together(first: dict[str, Any], others: Mapping[str, dict[str, Any] | None]) -> dict[str, Any]:
    """Return the status of a switch.

    Args:
        first: That of the worker which was asked.
        others: Those of the others by their names; None of one that does not answer.
    """
    found = [one for one in others.values() if one is not None]
    merged = dict(first)
    for name in _SUMS:
        merged[name] = sum(one[name] for one in (first, *found))
    for name in _TABLES:
        tables = [one[name] for one in (first, *found)]
        merged[name] = None if None in tables else _added(tables)
    storages = [one["storage"] for one in (first, *found)]
    merged["storage"] = first["storage"] | {
        "is_away": any(one["is_away"] for one in storages),
        "is_short": any(one["is_short"] for one in storages),
        "waiting": sum(one["waiting"] for one in storages),
    }
    errors = [error for one in (first, *found) for error in one["errors"]]
    merged["errors"] = sorted(errors, key=lambda error: float(error["at"]))[-MOST_ERRORS:]
    merged["troubled"] = [one for each in (first, *found) for one in each.get("troubled", ())]
    # Each worker looks at the disk, the database and the certificates that all of them have.
    alerts = {one["text"]: one for each in (first, *found) for one in each.get("alerts", ())}
    merged["alerts"] = sorted(alerts.values(), key=lambda one: float(one["since"]))
    merged["locked"] = [one for each in (first, *found) for one in each["locked"]]
    merged["workers"] = [
        {"node": name, "up": one is not None} | _shown(one)
        for name, one in sorted({first["node"]: first, **others}.items())
    ]
    return merged


def _shown(one: dict[str, Any] | None) -> dict[str, Any]:
    if one is None:
        return {}
    counts = one["counts"]
    return {key: one[key] for key in _SHOWN} | {key: counts[key] for key in _COUNTED if key in counts}


def _added(tables: list[dict[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for table in tables:
        for name, value in table.items():
            known = sums.get(name, 0)
            sums[name] = max(known, value) if name in SHARED else known + value
    return sums

"""What is usual for a user: the hours, places and amounts of the calls that have left in the last months.

It is learnt from records that are older than a day, so that a night of a thief does not become usual while it lasts.
Somebody who has called too seldom has no baseline. `unlike.py` says how far from it a call is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from heapq import heappop, heappush
from typing import Any, NamedTuple

from sipwright.services.guard.places import PREMIUM, RISKY, SATELLITE, Place

__all__ = [
    "FEWEST_CALLS",
    "FEWEST_DAYS",
    "OLDEST",
    "YOUNGEST",
    "Baseline",
    "PastCall",
    "learn",
    "place_key",
    "place_text",
]

DAY = 86_400.0

OLDEST, YOUNGEST = 90 * DAY, DAY
"""How old the records are that something is learnt from."""

FEWEST_CALLS, FEWEST_DAYS = 20, 3
"""What there has to be before anything is usual."""

MOST_PLACES = 300
"""Places that are kept, those that were called most: there are not many more countries."""

_VERSION = 1


class PastCall(NamedTuple):
    """A leg that has left and was answered."""

    place: Place
    answered_at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is usual for a user; `hours` are calls by the hour of their day, `places` by `place_key`."""

    calls: int
    days: int
    hours: tuple[int, ...]
    places: Mapping[str, int]
    most_at_once: int
    most_per_hour: int
    most_minutes: float
    most_money: int = 0
    longest: float = 0.0

    def to_text(self) -> str:
        """Write it as it is stored."""
        parts: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({"version": _VERSION, **parts}, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Baseline | None:
        """Read what `to_text` wrote; None for what a newer release has written otherwise."""
        parts = json.loads(text)
        if parts.pop("version") != _VERSION:
            return None
        known = {name: value for name, value in parts.items() if name in cls.__slots__}
        return cls(**{**known, "hours": tuple(known["hours"])})


def place_key(place: Place) -> str:
    """Return what places are told apart by: ``IE``, ``premium GB``, ``satellite 001``; ``""`` if nobody knows where."""
    region = place.region or ""
    return f"{place.kind} {region}" if place.kind in (PREMIUM, SATELLITE, RISKY) else region


def place_text(key: str) -> str:
    """Return what a place is called in a sentence."""
    kind, _, region = key.rpartition(" ")
    if kind == SATELLITE:
        return "satellite numbers"
    if kind == PREMIUM:
        return f"premium numbers in {region}" if region not in ("", "001") else "premium numbers"
    return f"numbers in {region}" if region else "numbers of an unknown country"


def learn(calls: Iterable[PastCall], zone: tzinfo, money: Iterable[int] = ()) -> Baseline | None:
    """Learn what is usual; None where there is too little.

    Args:
        calls: The calls, in any order.
        zone: The clock of the user.
        money: What was spent on each day that is known, in millionths.
    """
    found = sorted(calls, key=lambda call: call.answered_at)
    hours, places = [0] * 24, Counter[str]()
    per_hour, minutes = Counter[int](), Counter[int]()
    for call in found:
        local = datetime.fromtimestamp(call.answered_at, zone)
        hours[local.hour] += 1
        places[place_key(call.place)] += 1
        per_hour[int(call.answered_at // 3_600)] += 1
        minutes[local.toordinal()] += round(call.seconds)
    if len(found) < FEWEST_CALLS or len(minutes) < FEWEST_DAYS:
        return None
    return Baseline(
        len(found), len(minutes), tuple(hours), dict(places.most_common(MOST_PLACES)), _most_at_once(found),
        max(per_hour.values()), round(max(minutes.values()) / 60.0, 1), max(money, default=0),
        round(max(call.seconds for call in found), 1),
    )  # fmt: skip


def _most_at_once(calls: Iterable[PastCall]) -> int:
    """Return how many calls went on at the same time, at most; they come in the order of their beginnings."""
    ends: list[float] = []
    most = 0
    for call in calls:
        while ends and ends[0] <= call.answered_at:
            heappop(ends)
        heappush(ends, call.answered_at + call.seconds)
        most = max(most, len(ends))
    return most

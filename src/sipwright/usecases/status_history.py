"""What was seen of each part, and how much there was of everything, minute by minute for a day.

It is what this process has seen since it began, and no more than that: where nobody has looked there is nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["CountPoint", "PartPoint", "PartSeries", "StatusHistory", "StatusSeries"]

MINUTE = 60.0
KEPT = 24 * 60
"""Minutes that are kept: a day."""
LOST_AFTER = 3
"""Losses in a row from which on a part is down: one lost packet is none."""
MOST_SERIES = 200
"""Parts of all nodes together, and kinds of counts, that are kept."""


@dataclass(slots=True)
class PartPoint:
    """A minute of a part: how long it took to answer in milliseconds, and whether it was down in it."""

    at: float
    answers: int = 0
    total: float = 0.0
    longest: float = 0.0
    is_down: bool = False

    @property
    def mean(self) -> float | None:
        """How long it took on average, 0 where nobody asks it; None when it has not answered."""
        return self.total / self.answers if self.answers else None


@dataclass(slots=True)
class CountPoint:
    """A minute of a count: the most that there was."""

    at: float
    most: float


@dataclass(frozen=True, slots=True)
class PartSeries:
    """The minutes of one part."""

    part: str
    node: str
    points: tuple[PartPoint, ...]


@dataclass(frozen=True, slots=True)
class StatusSeries:
    """The series of all parts and counts, from the minute `since`."""

    since: float | None
    parts: tuple[PartSeries, ...]
    counts: dict[str, tuple[CountPoint, ...]]


P = TypeVar("P", PartPoint, CountPoint)


class StatusHistory:
    """Notes what is seen."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], deque[PartPoint]] = {}
        self._counts: dict[str, deque[CountPoint]] = {}
        self._losses: dict[tuple[str, str], int] = {}
        self._since: float | None = None

    def note_part(self, at: float, part: str, node: str, milliseconds: float | None, *, is_up: bool) -> None:
        """Note one look at a part."""
        key = (node, part)
        points = self._parts.get(key)
        if points is None:
            if len(self._parts) >= MOST_SERIES:
                return
            points = self._parts[key] = deque(maxlen=KEPT)
        point = _of_minute(points, at, PartPoint)
        if self._since is None:
            self._since = point.at
        self._losses[key] = 0 if is_up else self._losses.get(key, 0) + 1
        if self._losses[key] >= LOST_AFTER:
            point.is_down = True
        elif is_up:
            took = milliseconds or 0.0
            point.answers += 1
            point.total += took
            point.longest = max(point.longest, took)

    def note_counts(self, at: float, counts: Mapping[str, float]) -> None:
        """Note how much there is of everything."""
        for name, value in counts.items():
            if name in self._counts or len(self._counts) < MOST_SERIES:
                points = self._counts.setdefault(name, deque(maxlen=KEPT))
                point = _of_minute(points, at, _no_count)
                point.most = max(point.most, value)

    def series(self, since: float, names: Iterable[str] = ()) -> StatusSeries:
        """Return what was seen from a time on; of the counts those that are named."""
        parts = tuple(
            PartSeries(part, node, tuple(point for point in points if point.at >= since))
            for (node, part), points in sorted(self._parts.items())
        )
        counts = {
            name: tuple(point for point in self._counts[name] if point.at >= since)
            for name in names
            if name in self._counts
        }
        return StatusSeries(self._since, parts, counts)


def _no_count(at: float) -> CountPoint:
    return CountPoint(at, 0.0)


def _of_minute(points: deque[P], at: float, make: Callable[[float], P]) -> P:
    """Return the point of the minute in which that is, a new one if there was none."""
    minute = at // MINUTE * MINUTE
    if not points or points[-1].at != minute:
        points.append(make(minute))
    return points[-1]

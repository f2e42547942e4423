"""What nodes have measured of themselves, as graphs want it: of the last day, week, month and year."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sipwright.monitor.rollups.bucket import Bucket, Measure, PartMeasure
from sipwright.services.rows import RollupRow

__all__ = ["VIEWS", "CountPoint", "PartPoint", "PartSeries", "StatusSeries", "View", "series_of"]

DAY = 86_400
MOST_SERIES = 200
"""Parts of all nodes together that are drawn."""


@dataclass(frozen=True, slots=True)
class View:
    """How far back somebody looks, by rows of which span, and how many seconds a point of the graph is."""

    seconds: int
    span: int
    point: int


VIEWS = {
    "day": View(DAY, 60, 240),
    "week": View(7 * DAY, 900, 1_800),
    "month": View(30 * DAY, 900, 7_200),
    "year": View(365 * DAY, DAY, DAY),
}


@dataclass(frozen=True, slots=True)
class PartPoint:
    """Some time of a part: the milliseconds that its answers took, and the seconds for which it was down."""

    at: float
    mean: float | None
    longest: float | None
    down: float

    @property
    def is_down(self) -> bool:
        """Whether it was down in some of it: three losses in a row."""
        return self.down > 0


@dataclass(frozen=True, slots=True)
class CountPoint:
    """Some time of a count: on average, and the most."""

    at: float
    mean: float
    most: float


@dataclass(frozen=True, slots=True)
class PartSeries:
    """The points of one part."""

    part: str
    node: str
    points: tuple[PartPoint, ...]


@dataclass(frozen=True, slots=True)
class StatusSeries:
    """The series of all parts and of some counts, and when the first of their points is."""

    view: str
    since: float | None
    parts: tuple[PartSeries, ...]
    counts: dict[str, tuple[CountPoint, ...]]


def series_of(
    view: str,
    rows: Iterable[RollupRow],
    names: Collection[str] = (),
    *,
    is_seen: Collection[str] | None = None,
) -> StatusSeries:
    """Make the series of a view from its rows, oldest first; of counts those that are named, of all nodes together.

    Parts of providers are among them only where `is_seen` names them, or for whoever sees all (None).
    """
    chosen = VIEWS[view]
    parts: dict[tuple[str, str], dict[int, PartMeasure]] = {}
    counts: dict[str, dict[int, dict[str, Measure]]] = {}
    since: float | None = None
    for row in rows:
        bucket = Bucket.from_document(row.span, row.at, row.document)
        at = row.at // chosen.point * chosen.point
        since = row.at if since is None else since
        for name, measure in bucket.parts.items():
            if is_seen is None or "/" not in name or name in is_seen:
                _add(parts.setdefault((row.node, name), {}), at, measure)
        for name in names:
            if name in bucket.counts:
                of_nodes = counts.setdefault(name, {}).setdefault(at, {})
                _merge(of_nodes.setdefault(row.node, Measure()), bucket.counts[name])
    found = sorted(parts.items())[:MOST_SERIES]
    return StatusSeries(
        view,
        since,
        tuple(PartSeries(part, node, tuple(_points(points, chosen.point))) for (node, part), points in found),
        {name: tuple(_totals(points)) for name, points in counts.items()},
    )


def _add(points: dict[int, PartMeasure], at: int, measure: PartMeasure) -> None:
    point = points.setdefault(at, PartMeasure())
    _merge(point.answers, measure.answers)
    point.losses += measure.losses
    point.down += measure.down


def _merge(into: Measure, other: Measure) -> None:
    if other.number:
        into.least = min(into.least, other.least) if into.number else other.least
        into.most = max(into.most, other.most)
        into.number += other.number
        into.total += other.total


def _points(points: dict[int, PartMeasure], seconds: int) -> Iterator[PartPoint]:
    for at, measure in sorted(points.items()):
        answers = measure.answers
        looks = answers.number + measure.losses
        down = seconds * min(1.0, measure.down / looks) if looks else 0.0
        yield PartPoint(at, answers.mean, answers.most if answers.number else None, down)


def _totals(points: dict[int, dict[str, Measure]]) -> Iterator[CountPoint]:
    for at, nodes in sorted(points.items()):
        yield CountPoint(
            at, sum(one.mean or 0.0 for one in nodes.values()), sum(one.most for one in nodes.values())
        )

"""Rolls up what is measured: 10 s for a day, 1 min for a week, 15 min for three months, days for ten years.

Each node writes the rows of its own name and nobody else does, so there is no second owner to agree with. A row of a
span that goes on is written every minute, and read again at a start: a kill costs a minute of a year at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sipwright.monitor.rollups.bucket import Bucket
from sipwright.services.rows import RollupRow

__all__ = ["SPANS", "Rollups", "Span"]

DAY = 86_400
LOST_AFTER = 3
"""Losses in a row from which on a part was down, from the first of them."""

WRITE_EVERY = 60
"""Seconds after which a span that goes on is written again."""


@dataclass(frozen=True, slots=True)
class Span:
    """How long a row is, and for how long it is kept, in seconds."""

    seconds: int
    kept: int


SPANS = (Span(10, DAY), Span(60, 7 * DAY), Span(900, 92 * DAY), Span(DAY, 3653 * DAY))


class Rollups:
    """What one node measures."""

    def __init__(self, node: str, spans: Iterable[Span] = SPANS) -> None:
        self.node = node
        self.spans = tuple(spans)
        self._now: dict[int, Bucket] = {}
        self._before = {span.seconds: deque[Bucket](maxlen=LOST_AFTER) for span in self.spans}
        self._due: dict[tuple[int, int], Bucket] = {}
        self._losses: dict[str, list[float]] = {}
        self._written_at = 0.0

    def load(self, rows: Iterable[RollupRow]) -> None:
        """Go on with the rows that an earlier process has begun, the newest of each span."""
        for row in rows:
            if row.span and (row.span not in self._now or row.at > self._now[row.span].at):
                self._now[row.span] = Bucket.from_document(row.span, row.at, row.document)

    def parts(self) -> list[str]:
        """Return the names of the parts that were asked last."""
        finest = self._now.get(self.spans[0].seconds)
        return [] if finest is None else list(finest.parts)

    def note(
        self, at: float, parts: Mapping[str, float | None], counts: Mapping[str, float]
    ) -> list[RollupRow]:
        """Take one round of what was measured; return the rows that are to be written now."""
        for span in self.spans:
            bucket = self._bucket(span.seconds, at)
            for name, milliseconds in parts.items():
                bucket.part(name).note(milliseconds)
            for name, value in counts.items():
                bucket.count(name).note(value)
        for name, milliseconds in parts.items():
            self._count_losses(name, at, is_lost=milliseconds is None)
        for gone in self._losses.keys() - parts.keys():
            del self._losses[gone]
        return self._rows(at)

    def note_absence(self, since: float, until: float, every: float, parts: Iterable[str]) -> list[RollupRow]:
        """Take that nobody has measured, as no process of the node was there: its parts were down."""
        rounds = int((until - since) / every)
        if rounds < LOST_AFTER:
            return []
        names = list(parts)
        for span in self.spans[1:]:
            first = max(since, until - min(span.kept, 30 * DAY if span.seconds < DAY else span.kept))
            start = int(first) // span.seconds * span.seconds
            while start < until:
                lost = int((min(start + span.seconds, until) - max(start, since)) / every + 0.5)
                bucket = self._bucket(span.seconds, max(start, since))
                for name in names if lost else ():
                    part = bucket.part(name)
                    part.losses += lost
                    part.down += lost
                self._due[span.seconds, bucket.at] = bucket
                start += span.seconds
        rows, self._due = self._made(self._due.values()), {}
        return rows

    def _bucket(self, span: int, at: float) -> Bucket:
        start = int(at) // span * span
        bucket = self._now.get(span)
        if bucket is None or bucket.at != start:
            if bucket is not None:
                self._before[span].append(bucket)
                self._due[span, bucket.at] = bucket
            bucket = self._now[span] = Bucket(span, start)
        return bucket

    def _count_losses(self, name: str, at: float, *, is_lost: bool) -> None:
        if not is_lost:
            self._losses.pop(name, None)
            return
        losses = self._losses.setdefault(name, [])
        losses.append(at)
        if len(losses) == LOST_AFTER:
            for instant in losses:
                self._mark(name, instant)
        elif len(losses) > LOST_AFTER:
            losses.pop()
            self._mark(name, at)

    def _mark(self, name: str, at: float) -> None:
        """Say of a loss that the part was down then: the row of that time may have been written already."""
        for span in self.spans:
            start = int(at) // span.seconds * span.seconds
            for bucket in (self._now[span.seconds], *self._before[span.seconds]):
                if bucket.at == start:
                    bucket.part(name).down += 1
                    self._due[span.seconds, start] = bucket

    def _rows(self, at: float) -> list[RollupRow]:
        finest = self._now[self.spans[0].seconds]
        self._due[finest.span, finest.at] = finest
        if at - self._written_at >= WRITE_EVERY or at < self._written_at:
            self._written_at = at
            self._due |= {(bucket.span, bucket.at): bucket for bucket in self._now.values()}
        written = list(self._due.values())
        # What is marked down in a span that goes on is written with it.
        self._due = {}
        return self._made(written)

    def _made(self, buckets: Iterable[Bucket]) -> list[RollupRow]:
        return [RollupRow(one.span, one.at, self.node, one.to_document()) for one in buckets]

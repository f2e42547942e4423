"""What was measured within one span of time, and how that is written down.

::

    {"v": 1, "parts": {"edge": [answers, losses, down, least, mean, most]},
             "counts": {"calls": [number, mean, least, most]}}

Of a part that has not answered the last three are missing, of a count that has not changed the last two.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Bucket", "Measure", "PartMeasure"]

VERSION = 1


@dataclass(slots=True)
class Measure:
    """Some values: how many, their sum, the least and the most."""

    number: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0

    def note(self, value: float) -> None:
        """Take one more value."""
        self.least = value if not self.number else min(self.least, value)
        self.most = value if not self.number else max(self.most, value)
        self.number += 1
        self.total += value

    @property
    def mean(self) -> float | None:
        """Their mean; None when there are none."""
        return self.total / self.number if self.number else None

    def to_list(self) -> list[float]:
        """Return what is written down."""
        if not self.number:
            return [0]
        mean = _short(self.total / self.number)
        if self.least == self.most:
            return [self.number, mean]
        return [self.number, mean, _short(self.least), _short(self.most)]

    @classmethod
    def from_list(cls, kept: list[float]) -> Measure:
        """Read what `to_list` gave."""
        number = int(kept[0])
        if not number:
            return cls()
        least, most = (kept[2], kept[3]) if len(kept) > 3 else (kept[1], kept[1])
        return cls(number, kept[1] * number, least, most)


@dataclass(slots=True)
class PartMeasure:
    """A part: how long its answers took, how often it was lost, and how often of those it was down."""

    answers: Measure = field(default_factory=Measure)
    losses: int = 0
    down: int = 0

    def note(self, milliseconds: float | None) -> None:
        """Take one more answer, or the lack of one."""
        if milliseconds is None:
            self.losses += 1
        else:
            self.answers.note(milliseconds)

    def to_list(self) -> list[float]:
        """Return what is written down."""
        answers = self.answers
        head: list[float] = [answers.number, self.losses, self.down]
        if not answers.number:
            return head
        return [*head, _short(answers.least), _short(answers.total / answers.number), _short(answers.most)]

    @classmethod
    def from_list(cls, kept: list[float]) -> PartMeasure:
        """Read what `to_list` gave."""
        number, losses, down = (int(value) for value in kept[:3])
        answers = Measure(number, kept[4] * number, kept[3], kept[5]) if number else Measure()
        return cls(answers, losses, down)


@dataclass(slots=True)
class Bucket:
    """The `span` seconds from `at` on."""

    span: int
    at: int
    parts: dict[str, PartMeasure] = field(default_factory=dict)
    counts: dict[str, Measure] = field(default_factory=dict)

    def part(self, name: str) -> PartMeasure:
        """Return what is known of a part, which may be new."""
        return self.parts.setdefault(name, PartMeasure())

    def count(self, name: str) -> Measure:
        """Return what is known of a count, which may be new."""
        return self.counts.setdefault(name, Measure())

    def to_document(self) -> bytes:
        """Write it down."""
        document: dict[str, Any] = {
            "v": VERSION,
            "parts": {name: part.to_list() for name, part in self.parts.items()},
            "counts": {name: count.to_list() for name, count in self.counts.items()},
        }
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_document(cls, span: int, at: int, document: bytes) -> Bucket:
        """Read one; of a newer version there is nothing that we could read."""
        read = json.loads(document) if document else {}
        if read.get("v") != VERSION:
            return cls(span, at)
        return cls(
            span, at,
            {name: PartMeasure.from_list(kept) for name, kept in read["parts"].items()},
            {name: Measure.from_list(kept) for name, kept in read["counts"].items()},
        )  # fmt: skip


def _short(value: float) -> float:
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded

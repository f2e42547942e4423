"""For how long rows are gathered to commit together: not at all while there are few, for 20 ms when there are many.

To commit costs as much as some rows do, and is done once for all that have come: so the more come, the longer it pays
to wait for the next ones.  A caller waits for three commits before the other end is heard of; a phone that registers
waits for one, and nobody listens.  So rows of calls wait only when there are many, others a good deal earlier.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Grouping"]

Ramp = tuple[int, int]
"""Up to so many rows lately nothing waits, from so many on for the whole time, and in between for a part of it."""


class Grouping:
    """Knows how many rows were committed lately, and when the next ones are due.

    Args:
        longest: Seconds for which rows are gathered when there are many, and over which they are counted.
        urgent: The ramp for rows that a caller waits for.
        patient: The ramp for others.
    """

    def __init__(self, longest: float = 0.02, *, urgent: Ramp = (8, 48), patient: Ramp = (5, 32)) -> None:
        self._longest = longest
        self._urgent = urgent
        self._patient = patient
        self._recent: deque[tuple[float, int]] = deque()
        self._rows = 0
        self._last = float("-inf")

    def committed(self, rows: int, now: float) -> None:
        """Note that some rows are committed now."""
        self._recent.append((now, rows))
        self._rows += rows
        self._last = now

    def wait(self, now: float, *, is_patient: bool) -> float:
        """Return for how many seconds a row that has come now waits for more."""
        while self._recent and self._recent[0][0] <= now - self._longest:
            self._rows -= self._recent.popleft()[1]
        few, many = self._patient if is_patient else self._urgent
        share = (self._rows - few) / (many - few)
        return max(self._last + self._longest * min(share, 1.0) - now, 0.0)

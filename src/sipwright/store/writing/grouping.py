"""For how long rows are gathered to commit together: not at all while there are few, for some milliseconds when many.

To commit costs as much as some rows do, and is done once for all that have come: so the more come, the longer it pays
to wait for the next ones.  A caller waits for three commits before the other end is heard of; a phone that registers
waits for one, and nobody listens.  So rows of calls wait only when there are many, and 4 ms at most; others a good
deal earlier, and 20 ms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["AT_ONCE", "PATIENT", "PATIENT_WITH_A_SERVER", "Grouping", "Ramp"]


@dataclass(frozen=True, slots=True)
class Ramp:
    """How the wait grows with the rows that were committed lately.

    Attributes:
        few: Up to so many nothing waits.
        many: From so many on rows wait for the whole time, and in between for a part of it.
        longest: Seconds for which they wait then.
    """

    few: int
    many: int
    longest: float


URGENT = Ramp(few=8, many=48, longest=0.004)
PATIENT = Ramp(few=5, many=32, longest=0.02)
PATIENT_WITH_A_SERVER = Ramp(few=0, many=2, longest=0.02)
"""To a server a commit is a trip, which costs both sides as much as some dozen rows: so the second one waits."""

AT_ONCE = Ramp(few=0, many=1, longest=0.0)
"""Nothing is gathered: the off switch."""


class Grouping:
    """Knows how many rows were committed lately, and when the next ones are due.

    Args:
        urgent: The ramp for rows that a caller waits for.
        patient: The ramp for others.
        lately: Seconds for which rows count after their commit.
    """

    def __init__(self, *, urgent: Ramp = URGENT, patient: Ramp = PATIENT, lately: float = 0.02) -> None:
        self._lately = lately
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
        while self._recent and self._recent[0][0] <= now - self._lately:
            self._rows -= self._recent.popleft()[1]
        ramp = self._patient if is_patient else self._urgent
        share = (self._rows - ramp.few) / (ramp.many - ramp.few)
        return max(self._last + ramp.longest * min(share, 1.0) - now, 0.0)

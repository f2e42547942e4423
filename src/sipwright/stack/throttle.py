"""Log lines that strangers can cause: one for each source in a while, and not too many in all."""

from __future__ import annotations

from collections.abc import Hashable

from sipwright.memo import Bounded

CAPACITY = 4_096


class Throttle:
    """Says who may cause a line now, and counts what it held back."""

    __slots__ = ("_allowance", "_burst", "_every", "_last", "_suppressed", "_updated_at")

    def __init__(self, every: float = 10.0, burst: float = 10.0) -> None:
        """`every` seconds one line for each key; `burst` lines in all, refilled at one a second."""
        self._every = every
        self._burst = burst
        self._allowance = burst
        self._updated_at = 0.0
        self._last: Bounded[Hashable, float] = Bounded(CAPACITY)
        self._suppressed = 0

    def admit(self, key: Hashable, now: float) -> int | None:
        """Return how many lines were held back since the last one, or None to hold back this one too."""
        last = self._last.get(key)
        self._allowance = min(self._burst, self._allowance + max(0.0, now - self._updated_at))
        self._updated_at = now
        if (last is not None and now - last < self._every) or self._allowance < 1.0:
            self._suppressed += 1
            return None
        self._last.keep(key, now)
        self._allowance -= 1.0
        suppressed, self._suppressed = self._suppressed, 0
        return suppressed

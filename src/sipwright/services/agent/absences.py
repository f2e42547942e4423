"""What the DNS says again and again: that a provider's name does not exist."""

from __future__ import annotations

__all__ = ["Absences"]

_STEADILY, _ABSENCES = 3_600.0, 5
"""For how many seconds, and how often, the DNS has to say that a name does not exist before that is believed."""

_WORKED_LATELY = 600.0
"""Seconds for which the DNS counts as working after it has found another name."""


class Absences:
    """How often that was said, one time after the other.

    It is believed when it goes on for long, while the DNS finds other names: when our own network fails, some
    resolvers say the same of every name.
    """

    __slots__ = ("_count", "_since")

    def __init__(self) -> None:
        self._count = 0
        self._since = 0.0

    def forget(self) -> None:
        """Begin anew: the name was found, or another one is asked for."""
        self._count = 0

    def is_believed(self, now: float, found_at: float) -> bool:
        """Take note that it is said once more, and when another name was last found; True when it is to be believed."""
        if found_at < now - _WORKED_LATELY:
            self._count = 0
            return False
        if not self._count:
            self._since = now
        self._count += 1
        return self._count >= _ABSENCES and now - self._since >= _STEADILY

"""For how long a phone is waited for whose flow has failed (430, RFC 5626 §5.3.1).

Where it has registered since is known at every node a moment later. A node that has just begun, or acts for one that is
lost, expects its phones back, and says in Retry-After for how long.
"""

from __future__ import annotations

from sipwright.sip import Response

__all__ = ["LEARNT_WITHIN", "Patience"]

LEARNT_WITHIN = 2.5
"""Seconds in which every node knows of a registration."""

LONGEST = 60


class Patience:
    """For how long one request goes on being sent."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: float | None = None

    def lasts(self, response: Response, now: float) -> bool:
        """Return whether to ask again after one more response."""
        if response.status != 430 or response.local:
            return False
        if self._until is None:
            self._until = now + LEARNT_WITHIN
        said = response.headers.get("Retry-After") or ""
        if said.isascii() and said.isdigit():
            self._until = max(self._until, now + min(int(said), LONGEST))
        return now < self._until

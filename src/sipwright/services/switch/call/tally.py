"""How many calls there have been since the switch was started, and what became of them."""

from __future__ import annotations

from ..model.identity import Identity

__all__ = ["CallTally"]

_CLASSES = range(3, 7)

_BUSY = frozenset({486, 487, 600, 603})
"""What says that somebody was there, and did not want to talk, or that the caller did not wait for them."""


class CallTally:
    """Counts calls, those of several parts once, those of probes never."""

    __slots__ = ("answered", "busy", "failed", "started")

    def __init__(self) -> None:
        self.started = self.answered = 0
        self.busy = 0
        """Of the calls that nobody answered, how many were not wanted: nothing is wrong with these."""
        self.failed = dict.fromkeys(_CLASSES, 0)
        """Of the calls that nobody answered, by the class of the status that the caller has heard."""

    def begin(self, identity: Identity, *, is_part: bool) -> None:
        """Count a call that begins."""
        if not is_part and identity.user_id >= 0:
            self.started += 1

    def answer(self, identity: Identity, *, is_part: bool) -> None:
        """Count one that is answered."""
        if not is_part and identity.user_id >= 0:
            self.answered += 1

    def fail(self, identity: Identity, status: int, *, is_part: bool) -> None:
        """Count one that ends without an answer."""
        if not is_part and identity.user_id >= 0:
            self.failed[min(max(status // 100, 3), 6)] += 1
            self.busy += status in _BUSY

"""What `hunt_machine.py` knows of one leg, and the states that this may be in."""

from __future__ import annotations

from typing import Any, Final

from ..model.outcome import LegResult, Outcome
from .hunt_events import Provisional

__all__ = ["ANSWERED", "NO_ANSWER", "OPEN", "OVER", "RINGING", "TRYING", "WAITING", "HuntLeg"]

NO_ANSWER = Outcome(408, "No Answer")

WAITING: Final = "waiting"
TRYING: Final = "trying"
RINGING: Final = "ringing"
ANSWERED: Final = "answered"
OVER: Final = "over"

OPEN = (TRYING, RINGING, WAITING)
"""Where a leg may still be answered."""


class HuntLeg:
    """What the machine knows of a leg; a driver makes some when it goes on with a hunt of an earlier process."""

    __slots__ = (
        "ended_at", "is_followed", "number", "outcome", "q", "redirect", "redirected_by", "redirects", "said",
        "started_at", "state", "target", "within",
    )  # fmt: skip

    def __init__(
        self, number: int, target: str, started_at: float, state: str = TRYING, is_followed: bool = True,
        redirects: int = 0, redirected_by: int = 0, q: float = 1.0,
    ) -> None:  # fmt: skip
        self.number = number
        self.target = target
        self.started_at = started_at
        self.state = state
        self.is_followed = is_followed
        self.redirects = redirects
        self.redirected_by = redirected_by
        self.q = q
        self.within = 0.0
        self.redirect = ""
        self.said: Provisional[Any] | None = None
        self.outcome: Outcome | None = None
        self.ended_at: float | None = None

    def end(self, outcome: Outcome, now: float) -> None:
        """Note how it ended."""
        self.outcome, self.ended_at = outcome, now

    @property
    def result(self) -> LegResult:
        """What a script is told of it."""
        outcome = self.outcome or NO_ANSWER
        duration = 0.0 if self.ended_at is None else self.ended_at - self.started_at
        return LegResult(self.target, outcome.status, outcome.reason, duration, self.redirect)

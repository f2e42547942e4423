"""What the switch needs of a dialplan's run, and what the run may ask of a call.

The sandbox lives in another service; the two are joined in `node/`. A run that waits holds nothing but its
stored snapshot, so a call tells it what happened and it comes back with its next wish whenever it likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..model.outcome import LegResult, Outcome

__all__ = ["ScriptRun"]


class ScriptRun(Protocol):
    """One run of a dialplan, as the call sees it."""

    execution_id: str

    def nobody_answered(self, outcome: Outcome, legs: Sequence[LegResult]) -> None:
        """`dial()` returns: the script goes on."""

    def answered(self, target: str) -> None:
        """The two ends are joined; unless the script waits for the end, it is over."""

    def call_ended(self, duration: float) -> None:
        """An answered call is over after `duration` seconds."""

    def caller_gone(self, outcome: Outcome) -> None:
        """The caller gave up or was answered finally: the script is over, unless it has said that it goes on then."""

    def no_caller(self, outcome: Outcome) -> None:
        """`dial()` returns at once: the call is over, so there is nobody to ring for."""

    def dismissed(self, outcome: Outcome) -> None:
        """Something else decides about the call now: the script is over."""

    @property
    def may_go(self) -> bool:
        """It is over, or waits for the end of the call, and all of that is stored: the call may go to another node."""

    def let_go(self) -> None:
        """Do nothing more: it goes on at another node."""

"""The states of a leg."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["OPEN", "LegState"]


class LegState(StrEnum):
    """Where a leg stands.

    `CANCELLED` still waits for the final response that its CANCEL causes, `REFUSED` for the ACK to ours.
    """

    WAITING = "waiting"
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    CANCELLED = "cancelled"
    HANGING_UP = "hanging up"
    REFUSED = "refused"
    ENDED = "ended"


OPEN = (LegState.RINGING, LegState.CALLING, LegState.WAITING)

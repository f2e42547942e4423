"""What somebody who follows calls from outside is told: the recorder of traces is one."""

from __future__ import annotations

from typing import Protocol

from sipwright.stack import Incoming

from .call import Call
from .leg import Leg

__all__ = ["CallObserver"]


class CallObserver(Protocol):
    """Follows calls; none of this may raise."""

    def challenged(self, incoming: Incoming) -> None:
        """An INVITE was answered with a challenge: its call begins when the caller comes back."""

    def call_begins(self, call: Call, *, is_scripted: bool, is_recovered: bool = False) -> None:
        """A call has come in, or was recovered from the database; legs that it has already count too.

        It may be told again of a call that turned out to be part of a scripted one.
        """

    def leg_begins(self, leg: Leg) -> None:
        """A leg is tried."""

    def call_ends(self, call: Call) -> None:
        """A call is forgotten."""

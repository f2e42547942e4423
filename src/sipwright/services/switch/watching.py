"""What somebody who follows calls from outside is told: the recorder of traces is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .call import Call
    from .leg import Leg

__all__ = ["CallWatcher"]


class CallWatcher(Protocol):
    """Follows calls; none of this may raise."""

    def call_begins(self, call: Call, *, is_scripted: bool) -> None:
        """A call has come in, or was brought back from the database; legs that it has already count too."""

    def leg_begins(self, leg: Leg) -> None:
        """A leg is tried."""

    def call_ends(self, call: Call) -> None:
        """A call is forgotten."""

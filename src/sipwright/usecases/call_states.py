"""The state of a call in progress as people say it."""

from __future__ import annotations

from sipwright.services.switch.model.call_state import SETTING_UP
from sipwright.services.switch.model.leg_state import RINGING
from sipwright.services.switch.recovery.document import StoredCall

__all__ = ["is_held", "shown_state"]


def shown_state(state: str, stored: StoredCall | None) -> str:
    """Return the state of a call: one that is set up rings as soon as one of those that are tried does."""
    is_ringing = (
        state == SETTING_UP and stored is not None and any(leg.state == RINGING for leg in stored.legs)
    )
    return "ringing" if is_ringing else state


def is_held(stored: StoredCall | None) -> bool:
    """Return whether one end has put the other on hold."""
    return stored is not None and bool(stored.held)

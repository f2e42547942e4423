"""What starts dialplans; the sandbox lives in another service, and the two are joined in `node/`."""

from __future__ import annotations

from typing import Protocol

from ..model.identity import Identity
from .call import Call
from .script_port import ScriptRun

__all__ = ["ScriptRunner"]


class ScriptRunner(Protocol):
    """Starts dialplans for calls."""

    def start(self, call: Call, dialplan_id: int) -> ScriptRun | None:
        """Start the live version of a dialplan for a call; `None` when there is no such dialplan."""

    def is_behind(self, user_id: int) -> bool:
        """Return whether runs of a user wait for so long that another one had better not begin."""

    def transfer_plan(self, identity: Identity, account_id: int | None) -> int | None:
        """Return the dialplan that decides about a transfer; `account_id` is whose phone asks for it, if known."""

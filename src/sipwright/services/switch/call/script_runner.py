"""What starts dialplans; the sandbox lives in another service, and the two are joined in `node/`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipwright.sip import Uri

from ..model.identity import Identity
from .call import Call
from .script_port import ScriptRun

__all__ = ["ScriptRunner"]


class ScriptRunner(Protocol):
    """Starts dialplans for calls."""

    def start(self, call: Call, dialplan_id: int) -> ScriptRun | None:
        """Start the live version of a dialplan for a call; `None` when there is no such dialplan."""

    def divert(
        self, call: Call, dialplan_id: int, target: Uri, take: Callable[[], object], then: Callable[[], object],
        refused: Callable[[str], object],
    ) -> bool:  # fmt: skip
        """Let the live version of a dialplan decide where a call goes that somebody wants to be somewhere else.

        Args:
            call: The call, which goes on as it is until the script has come to its first wait.
            dialplan_id: The dialplan.
            target: Where the call is to go.
            take: Is called when the script takes the call, in the event in which that is stored.
            then: Is called when that is committed.
            refused: Is told why the script does not take it.

        Returns:
            Whether there is such a dialplan.
        """

    def is_behind(self, user_id: int) -> bool:
        """Return whether runs of a user wait for so long that another one had better not begin."""

    def transfer_plan(self, identity: Identity, account_id: int | None) -> int | None:
        """Return the dialplan that decides about a transfer; `account_id` is whose phone asks for it, if known."""

"""What a run of a dialplan needs of those around it: the plan, the call that it decides, all runs of the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sipwright.services.linking import Module
from sipwright.services.ports import CallLater, Clock, Writer
from sipwright.services.rows import ExecutionRow

from ..language.commands import Ask, Dial, LogLine, Respond
from ..sandbox.pool import Sandbox
from ..sandbox.result import Failed
from .ending import Ending
from .secrets import Vault

__all__ = ["LegOutcome", "Outcome", "Plan", "Runs", "ScriptHost"]


class Plan(Protocol):
    """The live version of a dialplan."""

    @property
    def id(self) -> int:
        """Number it among all dialplans."""

    @property
    def user_id(self) -> int:
        """Name its owner."""

    @property
    def name(self) -> str:
        """Name it as its owner does."""

    @property
    def version(self) -> int:
        """Number the version."""

    @property
    def source(self) -> str:
        """Return the script."""

    @property
    def modules(self) -> tuple[Module, ...]:
        """Return the dialplans that it imports, in the versions that were live when the run began."""


class Outcome(Protocol):
    """How a ``dial()`` ended for the caller."""

    @property
    def status(self) -> int:
        """Return the status of the best response."""

    @property
    def reason(self) -> str:
        """Return its reason phrase."""


class LegOutcome(Outcome, Protocol):
    """How one leg ended."""

    @property
    def target(self) -> str:
        """Return what was dialled."""

    @property
    def duration(self) -> float:
        """Return for how long it was tried."""

    @property
    def redirect(self) -> str:
        """Return where it was sent instead, when that was left to the script; else nothing."""

    @property
    def audio(self) -> str:
        """Return whether both ends would have heard each other, as far as that is known."""


class ScriptHost(Protocol):
    """The call that a run decides. Every method only begins something and returns at once."""

    def persist(self) -> None:
        """Be stored from now on: the run is, and it goes on only with its call."""

    def abandon(self) -> None:
        """End: the database takes neither the run nor its call."""

    def dial(self, command: Dial) -> None:
        """Ring; the execution is told later how it went: ``nobody_answered``, ``answered`` and so on."""

    def respond(self, response: Respond) -> None:
        """Send the caller a provisional response."""

    def hang_up_after(self, seconds: float) -> None:
        """Let the call last no longer than that, counted from its answer."""

    def finish(self, ending: Ending) -> None:
        """Take the end of the script: a caller who has no final response gets this one."""


class Runs(Protocol):
    """All runs of this node, as one of them sees them."""

    writer: Writer
    clock: Clock
    call_later: CallLater
    sandbox: Sandbox
    vault: Vault
    is_ending: bool

    def forget(self, execution_id: str, user_id: int) -> None:
        """Drop a run that is over."""

    def perform(
        self, ask: Ask, row: ExecutionRow, sequence: int, then: Callable[[dict[str, Any]], None]
    ) -> None:
        """Have something done, and hand its answer to `then`."""

    def script_logged(self, row: ExecutionRow, plan: Plan, lines: list[LogLine]) -> None:
        """Show the owner what the script said."""

    def script_waits(self, row: ExecutionRow, plan: Plan, function: str, line: int | None) -> None:
        """Show the owner where the script is."""

    def script_failed(self, row: ExecutionRow, plan: Plan, failed: Failed) -> None:
        """Show the owner why the script failed."""

"""How far a script came in one activation: it waits for a command, or it is over. The sandbox knows no third."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ..language.commands import Command, Respond, SideEffect

__all__ = ["Completed", "Failed", "Kind", "Result", "Suspended"]


@dataclass(frozen=True, slots=True)
class Suspended:
    """The script waits for a command; its continuation goes on from there, in any process."""

    command: Command
    line: int | None
    continuation: bytes
    side_effects: list[SideEffect]


@dataclass(frozen=True, slots=True)
class Completed:
    """The script ran to its end, or up to a final response."""

    response: Respond | None
    line: int | None
    side_effects: list[SideEffect]


class Kind(StrEnum):
    """Why a script failed."""

    SYNTAX = "syntax"
    ERROR = "error"
    TIME = "time"
    MEMORY = "memory"
    BUDGET = "budget"
    CRASHED = "crashed"
    OVERLOAD = "overload"
    QUOTA = "quota"
    SNAPSHOT = "snapshot"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Failed:
    """The script cannot go on; ``message`` is one sentence on one line that may stand in a Reason header."""

    kind: Kind
    message: str
    line: int | None = None
    traceback: str = ""
    side_effects: list[SideEffect] = field(default_factory=list)


Result = Suspended | Completed | Failed

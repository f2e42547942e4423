"""How far a script came in one go: it waits for something, or it is over. The sandbox knows no third."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ..language.commands import HangUpAfter, LogLine, Noted, Order, Respond

__all__ = ["Failed", "Finished", "Kind", "Note", "Step", "Waiting"]

Note = LogLine | Respond | HangUpAfter | Noted
"""What a script did on its way without waiting, in order."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The script stands at an order; its snapshot goes on from there, in any process."""

    order: Order
    line: int | None
    snapshot: bytes
    notes: list[Note]


@dataclass(frozen=True, slots=True)
class Finished:
    """The script ran to its end, or up to a final response."""

    response: Respond | None
    line: int | None
    notes: list[Note]


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
    notes: list[Note] = field(default_factory=list)


Step = Waiting | Finished | Failed

"""What a script asks for that only the switch, the clock or the outside world can do.

A function either has its answer at once, or it returns one of these. A *side effect* is done on the way (``log``,
``progress``); for a *command* the script is suspended until the answer is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sipwright.services.dialstring import Groups, format_dial_string

__all__ = [
    "Ask",
    "Command",
    "Dial",
    "HangUpAfter",
    "LogLine",
    "Recorded",
    "Respond",
    "SideEffect",
    "Sleep",
]


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring; every group for at most ``ring`` seconds, all of them for at most ``patience``."""

    groups: Groups
    ring: float
    patience: float
    headers: tuple[tuple[str, str], ...] = ()
    wait: bool = False

    function = "dial"

    @property
    def may_be_cut(self) -> bool:
        """Its groups could together ring for longer than the run may last."""
        return len(self.groups) * self.ring > self.patience

    @property
    def reruns(self) -> bool:
        """A redirect of some leg is to be decided by the script from its first line."""
        for group in self.groups:
            for leg in group:
                if leg.options.redirect == "rerun":
                    return True
        return False

    def to_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        kept: dict[str, Any] = {"target": format_dial_string(self.groups), "ring": self.ring}
        if self.headers:
            kept["headers"] = self.headers
        if self.wait:
            kept["wait"] = True
        if self.reruns:
            kept["reruns"] = True
        if self.may_be_cut:
            kept["patience"] = self.patience
        return kept


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer the caller; a final status ends the script."""

    status: int
    reason: str | None
    headers: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        kept: dict[str, Any] = {"status": self.status, "reason": self.reason}
        if self.headers:
            kept["headers"] = self.headers
        return kept

    @property
    def is_final(self) -> bool:
        """Return whether nothing can follow."""
        return self.status >= 200


@dataclass(frozen=True, slots=True)
class HangUpAfter:
    """Let the call last no longer than so many seconds from its answer."""

    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        return {"seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A value that another run of the same script would not get again, such as the time of day."""

    function: str
    arguments: dict[str, Any]
    shown: Any
    value: Any


@dataclass(frozen=True, slots=True)
class Sleep:
    """Do nothing for a while."""

    seconds: float

    function = "sleep"

    def to_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        return {"seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class Ask:
    """Have something found out or done outside the sandbox; ``arguments`` are JSON."""

    function: str
    arguments: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        return self.arguments


Command = Dial | Sleep | Ask
"""What a script waits for."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a script told its owner, and where; ``print()`` does not say where."""

    text: str
    line: int | None


SideEffect = LogLine | Respond | HangUpAfter | Recorded
"""What a script does on its way, without waiting."""

"""What happens in a switch, as one kind of value for all faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

__all__ = ["LOST", "TYPES", "Event"]

TYPES = (
    "call.started", "call.ringing", "call.answered", "call.held", "call.ended", "script.line", "script.failed",
    "binding.added", "binding.removed", "provider.state", "security.refused", "ban.added", "ban.removed",
    "guard.flood", "guard.spared", "guard.refused", "guard.spending", "guard.unusual",
    "guard.overload", "node.state", "audit",
)  # fmt: skip
"""What an event may be about."""

LOST = "events.lost"
"""The type of what a reader is told that has missed events: `count` in its data says how many, if that is known."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `user` and `call` say whose it is, and `data` carries names that a person reads."""

    id: str
    type: str
    at: float
    node: str
    user: str | None
    call: str | None
    data: Mapping[str, Any]

    @classmethod
    def from_json(cls, parts: Mapping[str, Any]) -> Event:
        """Make one of what `to_json` gave."""
        return cls(
            parts["id"], parts["type"], parts["at"], parts["node"], parts["user"], parts["call"], parts["data"]
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return it by the names that all faces use; `at` is Unix time, as one process tells another."""
        return {
            "id": self.id, "type": self.type, "at": self.at, "node": self.node, "user": self.user,
            "call": self.call, "data": self.data,
        }  # fmt: skip

    def shown(self) -> dict[str, Any]:
        """Return it as people and their programs are told, whatever the face: each instant as RFC 3339 has it."""
        told = {**self.to_json(), "at": _rfc3339(self.at)}
        if isinstance(since := self.data.get("since"), float):
            told["data"] = {**self.data, "since": _rfc3339(since)}
        return told

    @classmethod
    def lost(cls, count: int | None, after: str, at: float) -> Event:
        """Make what a reader is told that has missed events, by the id of the last one that it has seen."""
        return cls(after, LOST, at, "", None, None, {"count": count})


def _rfc3339(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""What a test call found out: the ladder, the script's log, and each check with its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .ladder import Ladder

__all__ = ["Check", "Report", "Unfinished"]


class Unfinished(Exception):
    """A step of the test call that did not happen, without which it cannot go on; says which."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be right."""

    name: str
    is_right: bool
    detail: str


@dataclass(slots=True)
class Report:
    """The findings of one test call."""

    switch: str = ""
    phones: dict[str, str] = field(default_factory=dict)
    ladder: Ladder = field(default_factory=Ladder)
    log: list[tuple[int | None, str]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    seconds: float = 0.0
    call: str | None = None
    """The id of the call, where its records stay."""
    dialplan: str = ""

    @property
    def is_right(self) -> bool:
        """Return whether there were checks, and that all of them were passed."""
        return bool(self.checks) and all(check.is_right for check in self.checks)

    @property
    def failed(self) -> list[Check]:
        """The checks that were not passed."""
        return [check for check in self.checks if not check.is_right]

    def check(self, name: str, is_right: bool, detail: str) -> None:
        """Note a check; `detail` says what was found."""
        self.checks.append(Check(name, is_right, detail))

    def compare(self, name: str, found: object, expected: object, detail: str | None = None) -> None:
        """Note the check that something is as expected; otherwise both are shown."""
        if found == expected:
            self.check(name, True, str(found) if detail is None else detail)
        else:
            self.check(name, False, f"{found}, but expected {expected}")

    def to_json(self) -> dict[str, Any]:
        """Return the report as values that JSON can hold."""
        return {
            "ok": self.is_right,
            "switch": self.switch,
            "phones": self.phones,
            "ladder": self.ladder.to_json(),
            "log": [{"line": line, "text": text} for line, text in self.log],
            "checks": [
                {"check": check.name, "ok": check.is_right, "detail": check.detail} for check in self.checks
            ],
            "seconds": round(self.seconds, 3),
            "call": self.call,
            "dialplan": self.dialplan,
        }

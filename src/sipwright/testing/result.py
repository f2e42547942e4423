"""What became of a pretended call."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sipwright.services.dialplan import Entry, Failed

__all__ = ["CallResult", "Effect", "TriedLeg", "events_of"]


@dataclass(slots=True)
class TriedLeg:
    """One leg that was dialled; times are seconds since the call began, and `name` is short for `target`.

    `headers` are those that its INVITE carries by the script's wish, its own and those of `dial()`.
    """

    target: str
    name: str
    started: float
    status: int = 0
    reason: str = ""
    ended: float | None = None
    was_called: bool = False
    redirect: str = ""
    dial: int = 0
    """Which `dial()` of the script it belongs to, from 1."""
    inner: CallResult | None = None
    """The call to an account here whose in dialplan decided, if this leg was one."""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def duration(self) -> float:
        """For how long it was tried."""
        return 0.0 if self.ended is None else self.ended - self.started

    def __str__(self) -> str:
        return f"{self.name} {self.status}"


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that the script did, as its journal has it; `at` is seconds since the call began."""

    at: float
    function: str
    line: int | None
    arguments: dict[str, Any]
    result: Any


@dataclass(slots=True, repr=False)
class CallResult:
    """How a pretended call went.

    Attributes:
        dialplan: The script that decided.
        account: On whose behalf it did.
        source: Its text.
        started: When it began, in seconds since the first call did.
        status: The final response that the caller heard: 200 when somebody answered.
        reason: Its reason phrase.
        headers: The headers that the script gave it.
        answered_by: The phone or provider that answered.
        legs: Every leg that was dialled, in the order in which it began.
        provisional: The provisional responses that the caller heard: status and reason.
        duration: Seconds until the caller had the answer, or the call was over before.
        sentence: Why it ended so.
        failure: What was wrong with the script, if it failed.
        unknown: Whom the script dialled although nothing was said about them.
        no_provider: Names that the script dialled as providers, and that there are no providers of.
        entries: The journal, as a running switch would have written it.
    """

    dialplan: str = ""
    account: str = ""
    source: str = ""
    started: float = 0.0
    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    answered_by: str | None = None
    legs: list[TriedLeg] = field(default_factory=list)
    provisional: list[tuple[int, str]] = field(default_factory=list)
    duration: float = 0.0
    sentence: str = ""
    failure: Failed | None = None
    unknown: list[str] = field(default_factory=list)
    no_provider: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    @property
    def path(self) -> list[str]:
        """Who was called and what came of it, such as ``["blueface 486", "bob 200"]``."""
        return [str(leg) for leg in self.legs if leg.was_called]

    @property
    def inner(self) -> list[CallResult]:
        """The calls to accounts here whose in dialplans decided, in the order in which they began."""
        return [leg.inner for leg in self.legs if leg.inner is not None]

    @property
    def dialled(self) -> list[str]:
        """What the script dialled, each dial string as the journal has it."""
        return [effect.arguments["target"] for effect in self.effects if effect.function == "dial"]

    @property
    def log(self) -> list[str]:
        """What the script logged."""
        return [event.result for event in self.events if event.function == "log"]

    @property
    def effects(self) -> list[Effect]:
        """What the script did, except for its log."""
        return [event for event in self.events if event.function != "log"]

    @property
    def events(self) -> list[Effect]:
        """What the script did, in order; the text of a log line stands in its result."""
        return events_of(self.entries)

    def __repr__(self) -> str:
        path = " > ".join(self.path) or "nobody dialled"
        return f"<call: {path}; the caller heard {self.status} {self.reason}; {self.sentence}>"


def events_of(entries: Iterable[Entry]) -> list[Effect]:
    """Read a journal: everything but the start, each log line by itself."""
    start: float | None = None
    events = []
    for entry in entries:
        start = entry.at if start is None else start
        at = round(entry.at - start, 3)
        arguments = json.loads(entry.arguments)
        if entry.function == "log":
            events += [Effect(at, "log", line, {}, text) for line, text in arguments]
        elif entry.function != "start":
            line = arguments.pop("line", None)
            result = None if entry.result is None else json.loads(entry.result)
            events.append(Effect(at, entry.function, line, arguments, result))
    return events

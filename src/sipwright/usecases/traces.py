"""Traces: everything that is known of one call on one axis of time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sipwright.usecases.actor import Actor
from sipwright.usecases.cdrs import CdrView
from sipwright.usecases.ground import Ground

__all__ = ["EffectView", "LineView", "RunTraceView", "RungView", "TraceView", "Traces"]


@dataclass(frozen=True, slots=True)
class RungView:
    """One SIP message of the ladder; `at` is in seconds from the beginning of the call."""

    at: float
    leg: int
    to_switch: bool
    label: str
    flow: str
    text: str


@dataclass(frozen=True, slots=True)
class EffectView:
    """One thing that a script did, in words and as its journal has it; `at` is in seconds from the beginning."""

    at: float
    line: int | None
    function: str
    told: str
    came_of: str | None
    arguments: Any
    result: Any


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of a script, and when it was first reached."""

    line: int
    text: str
    at: float | None


@dataclass(frozen=True, slots=True)
class RunTraceView:
    """One run of a dialplan in a call; without `lines` that version is gone."""

    run: str
    dialplan: str | None
    version: int | None
    state: str
    outcome: str | None
    started_at: float
    ended_at: float | None
    lines: tuple[LineView, ...]
    effects: tuple[EffectView, ...]


@dataclass(frozen=True, slots=True)
class TraceView:
    """A whole call as it was; `text` is what ``sipwright trace`` prints."""

    call: str
    user: str | None
    live: bool
    state: str
    direction: str | None
    caller: str | None
    callee: str | None
    started_at: float
    why: str
    legs: tuple[CdrView, ...]
    names: dict[int, str]
    runs: tuple[RunTraceView, ...]
    ladder: tuple[RungView, ...]
    restarts: tuple[float, ...]
    others: tuple[str, ...]
    callbacks: tuple[str, ...]
    text: str


class Traces:
    """Tells what a call does or did, and why it ended so."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def get(self, actor: Actor, call: str) -> TraceView:
        """Show a call by its id, the beginning or the end of it, or a SIP Call-ID; ``last`` is the newest."""
        raise NotImplementedError

    async def follow(self, actor: Actor, call: str) -> AsyncIterator[TraceView]:
        """Show a call, and again whenever there is more of it, until it has ended."""
        raise NotImplementedError
        yield

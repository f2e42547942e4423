"""Dialplans: scripts with versions, which are checked, tried and replayed before they are live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sipwright.usecases.actor import Actor
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page

__all__ = [
    "DialplanDetail",
    "DialplanView",
    "Dialplans",
    "Diff",
    "Problem",
    "Replay",
    "ReplayWish",
    "RunView",
    "Try",
    "TryWish",
    "VersionView",
]


@dataclass(frozen=True, slots=True)
class DialplanView:
    """A dialplan; `failures` is how many of its runs of the last seven days have failed."""

    dialplan: str
    user: str
    version: int
    saved_at: float
    lines: int
    last_run_at: float | None
    last_run_state: str | None
    failures: int
    etag: str


@dataclass(frozen=True, slots=True)
class DialplanDetail:
    """One version of a dialplan with its script; `used_by` says in words what runs it."""

    dialplan: DialplanView
    version: int
    source: str
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a dialplan."""

    version: int
    saved_at: float
    lines: int
    live: bool


@dataclass(frozen=True, slots=True)
class Diff:
    """What has changed between two versions, as a unified diff."""

    old: int
    new: int
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a script, and where."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class RunView:
    """One run of a dialplan."""

    run: str
    call: str | None
    version: int | None
    state: str
    outcome: str | None
    started_at: float
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class TryWish:
    """A call to try a script on, and what the world pretends; the words are those of ``sipwright dialplan try``."""

    from_: str = "alice"
    to: str = "300"
    direction: str = "out"
    answers: Sequence[str] = ()
    effects: Sequence[str] = ()
    in_plans: Sequence[str] = ()
    at: str | None = None
    gives_up: float | None = None
    headers: Sequence[tuple[str, str]] = ()
    active: int = 0
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """How a tried call went: `lines` for people, `result` for programs, as the command line prints both."""

    lines: tuple[str, ...]
    result: Mapping[str, Any]
    failure: str | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayWish:
    """Which recorded calls go through a draft: those begun since then, at most so many."""

    since: float
    limit: int = 10_000


@dataclass(frozen=True, slots=True)
class Replay:
    """What recorded calls would have done: `moved` are those that would have gone elsewhere."""

    calls: int
    replayed: int
    skipped: int
    moved: tuple[Mapping[str, Any], ...] = field(default=())


class Dialplans:
    """Keeps dialplans; `user` is whose it is, where an admin means another's."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def list(
        self, actor: Actor, *, user: str | None = None, q: str | None = None, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[DialplanView]:  # fmt: skip
        """List dialplans by name, each with its last run and how many failed."""
        raise NotImplementedError

    async def get(
        self, actor: Actor, name: str, *, version: int | None = None, user: str | None = None
    ) -> DialplanDetail:
        """Show a dialplan, live or in an older version."""
        raise NotImplementedError

    async def put(
        self, actor: Actor, name: str, source: str, *, user: str | None = None, if_match: str | None = None
    ) -> DialplanDetail:
        """Check a script and make it the live version of a dialplan, which need not be there yet.

        Raises:
            Invalid: Something is wrong with the script; it is not saved.
            Changed: It is not what it was any more, as `if_match` has it.
        """
        raise NotImplementedError

    async def remove(
        self, actor: Actor, name: str, *, user: str | None = None, if_match: str | None = None
    ) -> DialplanView:
        """Remove a dialplan that nothing runs."""
        raise NotImplementedError

    async def versions(
        self,
        actor: Actor,
        name: str,
        *,
        user: str | None = None,
        limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[VersionView]:
        """List the versions of a dialplan, the newest first."""
        raise NotImplementedError

    async def diff(
        self, actor: Actor, name: str, old: int, new: int | None = None, *, draft: str | None = None,
        user: str | None = None,
    ) -> Diff:  # fmt: skip
        """Compare an older version with another, the live one if none is named, or with a draft."""
        raise NotImplementedError

    async def rollback(
        self, actor: Actor, name: str, version: int | None = None, *, user: str | None = None
    ) -> DialplanView:
        """Make an older version live again, by default the one before."""
        raise NotImplementedError

    async def runs(
        self,
        actor: Actor,
        name: str,
        *,
        user: str | None = None,
        limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[RunView]:
        """List the runs of a dialplan, the newest first."""
        raise NotImplementedError

    async def check(self, actor: Actor, source: str) -> tuple[Problem, ...]:
        """Say what is wrong with a script."""
        raise NotImplementedError

    async def compile_rules(self, actor: Actor, rules: str) -> str:
        """Return the script that rules, in TOML, become."""
        raise NotImplementedError

    async def try_call(
        self, actor: Actor, wish: TryWish, *, name: str | None = None, source: str | None = None,
        user: str | None = None,
    ) -> Try:  # fmt: skip
        """Try a stored dialplan, or a draft, without a phone."""
        raise NotImplementedError

    async def replay(
        self, actor: Actor, name: str, wish: ReplayWish, *, source: str | None = None, user: str | None = None
    ) -> Replay:
        """Run the recorded calls of a dialplan through a draft, or else through its live version."""
        raise NotImplementedError

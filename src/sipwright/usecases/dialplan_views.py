"""What is shown of dialplans: their scripts, versions, runs, mistakes and differences."""

from __future__ import annotations

from dataclasses import dataclass

from sipwright.store.admin.dialplan_pages import PlanRow, RunRow
from sipwright.usecases.etags import etag_of

__all__ = [
    "DialplanDetail",
    "DialplanView",
    "Diff",
    "Problem",
    "RunView",
    "VersionView",
    "dialplan_view",
    "lines_in",
    "run_view",
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
    """One version of a dialplan with its script; `used_by` says in words what runs it.

    `warnings` are for whoever has just saved it: what other dialplans lack now that import it, what fails in some
    calls, and secrets that it asks for and nobody has set.
    """

    dialplan: DialplanView
    version: int
    source: str
    used_by: tuple[str, ...]
    warnings: tuple[str, ...] = ()


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
    """What is wrong with a script, and where; what is not `certain` fails in some calls only, and may be saved."""

    line: int
    column: int
    message: str
    certain: bool = True


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


def dialplan_view(row: PlanRow) -> DialplanView:
    """Return what is shown of a dialplan."""
    return DialplanView(
        dialplan=row.name,
        user=row.user,
        version=row.version,
        saved_at=row.saved_at,
        lines=lines_in(row.source),
        last_run_at=row.last_run_at,
        last_run_state=row.last_run_state,
        failures=row.failures,
        etag=etag_of(row.id, row.version, row.source),
    )


def run_view(row: RunRow) -> RunView:
    """Return what is shown of a run."""
    return RunView(row.id, row.call_id, row.version, row.state, row.outcome, row.started_at, row.ended_at)


def lines_in(source: str) -> int:
    """Count the lines of a script."""
    return source.count("\n") + (not source.endswith("\n"))

"""One pretended call with every call that it leads to: each has a script, a journal and a result, all have one clock.

A leg to an account here that has an in dialplan begins a call of its own, under the rule of the switch
(`Destinations.of_account`): the plan that dials does not run again, and after `MOST_LOOPS` plans the phones ring.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

from sipwright.services.dialplan import (
    Ask,
    Entry,
    Executions,
    Failed,
    Inputs,
    Limits,
    LogLine,
    Plan,
    Sandbox,
)
from sipwright.services.dialplan import Call as ScriptCall
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialstring import DialLeg
from sipwright.services.journal_text import read_entries
from sipwright.services.linking import listing
from sipwright.services.ports import Row
from sipwright.services.rows import ExecutionRow, JournalRow
from sipwright.services.switch import MOST_LOOPS

from .answers import Asked
from .clock import VirtualClock
from .effects import World
from .plans import InPlan
from .pretended_call import Begin, Caller, PretendedCall
from .result import CallResult

__all__ = ["Scene"]


class Worker(Protocol):
    """The sandbox as runs see it."""

    limits: Limits

    def submit(self, job: Job) -> None:
        """Run a job, but never before this returns."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One call on the scene."""

    plan: Plan
    inputs: Inputs
    loops: int
    rows: _Rows


class Scene:
    """Begins calls and collects what became of them."""

    def __init__(self, worker: Worker, clock: VirtualClock, world: World, domain: str, seed: str) -> None:
        self._worker = worker
        self._clock = clock
        self._world = world
        self._domain = domain
        self._seed = seed
        self._begun = clock.now
        self._asked = Asked(world.answers)
        self._calls: list[tuple[PretendedCall, _Part]] = []

    def begin(
        self,
        plan: Plan,
        inputs: Inputs,
        *,
        gives_up_after: float | None = None,
        caller: Caller | None = None,
        loops: int = 0,
    ) -> PretendedCall:
        """Begin a call; its script runs as the clock does."""
        part = _Part(plan, inputs, loops, _Rows(self._clock))
        call = PretendedCall(
            self._clock,
            self._asked,
            self._domain,
            gives_up_after,
            user=inputs.call.user,
            nest=partial(self._nest, part),
            caller=caller,
        )
        self._calls.append((call, part))
        result = call.result
        result.dialplan, result.account, result.source = (
            plan.name,
            inputs.call.account,
            listing(plan.source, plan.modules),
        )
        result.started = round(self._clock.now - self._begun, 6)
        seed = self._seed if len(self._calls) == 1 else f"{self._seed}.{len(self._calls)}"
        runs = _Runs(self._worker, part.rows, self._clock, self._world, seed)
        call.execution = runs.run(plan, inputs, call)
        return call

    def result_of(self, call: PretendedCall) -> CallResult:
        """Return what became of a call, and in it of those that it led to."""
        for one, part in self._calls:
            one.result.entries = part.rows.entries()
            one.result.sentence = part.rows.outcome
        return call.result

    def _nest(self, outer: _Part, leg: DialLeg, headers: Sequence[tuple[str, str]]) -> Begin | None:
        found = self._world.in_plans.of(leg)
        if found is None or outer.loops >= MOST_LOOPS:
            return None
        if (found.plan.id, found.plan.user_id) == (outer.plan.id, outer.plan.user_id):
            return None
        inputs = self._inputs(outer.inputs, found, leg, headers)
        return lambda caller: self.begin(found.plan, inputs, caller=caller, loops=outer.loops + 1)

    def _inputs(
        self, outer: Inputs, found: InPlan, leg: DialLeg, headers: Sequence[tuple[str, str]]
    ) -> Inputs:
        """Return what the in dialplan sees of the INVITE that the outer call sends."""
        request, options = outer.request, leg.options
        is_same_user = found.user == outer.call.user
        script_call = ScriptCall(
            outer.call.id, "in", found.account, found.user, found.plan.name,
            outer.call.active + 1 if is_same_user else 0, found.timezone,
        )  # fmt: skip
        uri = f"sip:{found.account}@{found.domain}"
        return Inputs.of(
            script_call,
            method="INVITE",
            uri=uri,
            user=found.account,
            host=found.domain,
            from_name=request.from_name if options.from_name is None else options.from_name,
            from_user=request.from_user if options.from_user is None else options.from_user,
            from_host=request.from_host if options.from_host is None else options.from_host,
            to=uri,
            source=request.source,
            user_agent=request.user_agent,
            body=outer.raw_body,
            headers=[*outer.raw_headers, *headers],
        )


class _Rows:
    """The database: what a running switch would have written."""

    is_away = False

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._journal: dict[Hashable, Entry] = {}
        self.outcome = ""

    def put(
        self,
        kind: str,
        key: Hashable,
        row: Row | Callable[[], Row] | None,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        """Keep a row."""
        if isinstance(row, JournalRow):
            self._journal[key] = row
        elif isinstance(row, ExecutionRow):
            self.outcome = row.outcome or ""
            for entry in read_entries(row.id, row.journal or "[]"):
                self._journal[entry.execution_id, entry.sequence] = entry
        if on_commit is not None:
            self._clock.call_later(0.0, on_commit)

    def entries(self) -> list[Entry]:
        """Return the journal in order."""
        return sorted(self._journal.values(), key=lambda entry: entry.sequence)


class _Runs(Executions):
    """Executions whose effects are pretended, and that tell no log."""

    def __init__(self, sandbox: Worker, rows: _Rows, clock: VirtualClock, world: World, seed: str) -> None:
        # All that a run asks of a sandbox is to take jobs and to name its limits.
        super().__init__(
            cast(Sandbox, sandbox), rows, clock=clock, call_later=clock.call_later, token=lambda: seed
        )
        self._world = world
        self._virtual_clock = clock

    def perform(
        self, ask: Ask, row: ExecutionRow, sequence: int, then: Callable[[dict[str, Any]], None]
    ) -> None:
        """Reply with what was pretended."""
        self._virtual_clock.call_later(0.0, lambda: then(self._world.perform(ask)))

    def script_logged(self, row: ExecutionRow, plan: Plan, lines: list[LogLine]) -> None:
        """Say nothing: the result has it."""

    def script_failed(self, row: ExecutionRow, plan: Plan, failed: Failed) -> None:
        """Say nothing: the result has it."""

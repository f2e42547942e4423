"""One run of a dialplan: it is told what became of the call, and asks its host for the next effect.

Stored first, told second: rows go to the writer before the host hears of an effect, in the same turn of the
event loop, so that they and the host's own rows are one transaction. Until its first effect a run is nowhere
but in memory, since nobody has been told anything yet; one that computes for long is kept all the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog

from sipwright.services.linking import pins_of
from sipwright.services.ports import TimerHandle
from sipwright.services.rows import ExecutionRow, snapshot_place
from sipwright.sip import ParseError, Reject

from ..language.catalogue import Retry, read_answer, retry_of
from ..language.commands import Ask, Dial, LogLine, Respond, SideEffect, Sleep
from ..language.values import DialResult, Inputs, clean
from ..sandbox.job import Job
from ..sandbox.program import program
from ..sandbox.result import Completed, Failed, Kind, Result, Suspended
from .ending import Ending, of_failure, of_script
from .journal import Entry, is_awaited
from .ports import LegOutcome, Outcome, Plan, Runs, ScriptHost
from .record import Record
from .run_state import TABLE, RunEvent, RunState
from .secrets import Secrets
from .told import dial_result, inputs_of, start_in

__all__ = ["Ending", "Execution", "LegOutcome", "Outcome", "Plan", "ScriptHost"]

log = structlog.get_logger(__name__)

GRACE = 4.2
"""Seconds that a dial goes on at least after a restart: who answered while nobody listened says so again."""


class Execution:
    """One run. The switch holds it and tells it what happens; ``Executions`` makes it."""

    __slots__ = (
        "_host",
        "_inputs",
        "_journal",
        "_last",
        "_outlives",
        "_plan",
        "_program",
        "_record",
        "_reruns",
        "_runs",
        "_secrets",
        "_since",
        "_timer",
        "_waits_for_end",
        "execution_id",
        "state",
    )

    def __init__(
        self,
        runs: Runs,
        plan: Plan,
        host: ScriptHost,
        row: ExecutionRow,
        entries: list[Entry] | None = None,
    ) -> None:
        self._runs = runs
        self._plan = plan
        self._program = program(plan.name, plan.source, plan.modules)
        self._host = host
        self.execution_id = row.id
        self._record = Record(row, runs.writer, entries)
        self._journal = self._record.journal
        self._last: DialResult | None = None
        self._timer: TimerHandle | None = None
        self._since = 0.0
        self._waits_for_end = self._reruns = self._outlives = False
        self._inputs: Inputs | None = None
        self._secrets = Secrets()
        self.state = RunState.RUNNING

    @property
    def user_id(self) -> int:
        """The owner of the plan."""
        return self._plan.user_id

    def _transition(self, event: RunEvent) -> None:
        """Go on to the state that an event leads to; nothing else changes it."""
        self.state = TABLE.after(self.state, event, self.execution_id)

    # What the host tells.

    def nobody_answered(self, outcome: Outcome, legs: Sequence[LegOutcome]) -> None:
        """``dial()`` returns: the script goes on."""
        if self.state is not RunState.WAITING or self._journal.pending != "dial":
            return
        result = dial_result(outcome, legs)
        if not (result.redirect and self._reruns and self._run_again(result)):
            self._go_on(result)

    def answered(self, target: str) -> None:
        """The two ends are joined; the script is over, unless it waits for the end of the call."""
        if self.state is not RunState.WAITING or self._journal.pending != "dial":
            return
        if self._waits_for_end:
            self._disarm()  # the time that they talk is not the script's
            return
        target = clean(target)
        self._journal.end({"answered": True, "target": target})
        self._end("done", f"answered by {target}")

    def call_ended(self, duration: float) -> None:
        """An answered call is over: ``dial(..., wait=True)`` returns."""
        if self.state is RunState.WAITING and self._waits_for_end:
            self._go_on(DialResult(True, 200, "OK", [], round(duration, 3)))

    def caller_gone(self, outcome: Outcome) -> None:
        """The caller gave up, or was refused by somebody else: the script is over, unless it has said ``wait=True``.

        One that has goes on to its end: `dial()` returns at once, then and later, and whatever else it waits for comes.
        """
        if not self._outlives:
            self.dismissed(outcome)
        elif self._journal.pending == "dial":
            self.no_caller(outcome)

    def no_caller(self, outcome: Outcome) -> None:
        """``dial()`` returns: there is no caller any more for whom anybody could be rung."""
        if self.state is RunState.WAITING and self._journal.pending == "dial":
            duration = round(max(self._runs.clock() - self._since, 0.0), 3)
            reason = clean(outcome.reason)
            self._go_on(DialResult(False, outcome.status, reason, [], duration, hung_up=True))

    def dismissed(self, outcome: Outcome) -> None:
        """The caller is gone, or something else decides about the call now: the script is over."""
        if self.state is not RunState.OVER:
            self._journal.end({"answered": False, "status": outcome.status, "reason": clean(outcome.reason)})
            self._end("done", f"caller gone: {outcome.status} {clean(outcome.reason)}")

    @property
    def may_go(self) -> bool:
        """It is over, or waits for the end of a call, and all of that is stored: the call may go to another node."""
        waits = self.state is RunState.WAITING and self._waits_for_end and self._record.is_stored
        return waits or self.state is RunState.OVER

    def let_go(self) -> None:
        """Do nothing more: it goes on at another node."""
        if self.state is not RunState.OVER:
            self._transition(RunEvent.END)
            self._disarm()
            self._runs.forget(self.execution_id, self.user_id)

    # Setting out, and going on.

    def start(self, inputs: Inputs, *, is_urgent: bool = False) -> None:
        """Run the script from its first line, and one that is urgent whatever else there is to do."""
        self._set_out(self._program.needed(inputs), self._record.row.started_at, is_new=not is_urgent)

    def refuse(self, failed: Failed) -> None:
        """End a run that its owner's budget does not allow; the host hears of it later."""
        self._runs.call_later(0.0, self.took, failed)

    def _set_out(self, inputs: Inputs, now: float, *, is_new: bool = True) -> None:
        pins = {"plans": pins_of(self._plan.modules)} if self._plan.modules else {}
        self._journal.add("start", now, inputs.to_json() | pins)
        if self._record.is_stored:
            self._record.put("running", None)
        self._begin(inputs, now, is_new=is_new)

    def _begin(self, inputs: Inputs, now: float, *, is_new: bool = True) -> None:
        """Have the script run from its first line, as it would at that time."""
        self._inputs = inputs
        job = Job(self._program, self._plan.user_id, self.took, now, self.execution_id, inputs, is_new=is_new)
        self._runs.sandbox.submit(job)

    def _run_again(self, result: DialResult) -> bool:
        """Let the script decide about a redirect from its first line, once; False when it cannot."""
        if self._inputs is None or self._inputs.request.redirected:
            return False
        try:
            inputs = self._inputs.redirected_to(result.redirect)
        except ParseError:
            return False
        self._journal.end(result.to_json())
        self._last = result
        self._disarm()
        self._transition(RunEvent.GO_ON)
        self._set_out(inputs, self._runs.clock())
        return True

    def resume(self, entries: list[Entry]) -> None:
        """Go on in a new process: wait for what was asked for, or take the answer that is there already."""
        dials = [entry for entry in entries if entry.function == "dial"]
        self._outlives = any(json.loads(entry.arguments).get("wait") for entry in dials)
        results = [entry.result for entry in dials if entry.result is not None]
        if results:
            self._last = DialResult.from_json(json.loads(results[-1]))
        pending = entries[-1] if entries else None
        if self._record.row.snapshot is None or pending is None or not is_awaited(pending):
            self._start_again(entries)
            return
        arguments = json.loads(pending.arguments)
        self._transition(RunEvent.SUSPEND)
        try:
            _, whole = self._opened()
        except ValueError as error:
            self._transition(RunEvent.GO_ON)
            self.took(Failed(Kind.SNAPSHOT, f"the script cannot go on: {error}"))
            return
        self._waits_for_end = bool(arguments.get("wait"))
        self._reruns = bool(arguments.get("reruns"))
        self._since = pending.at
        started = start_in(entries)
        self._inputs = None if started is None else inputs_of(started)
        if pending.result is not None:
            self._continue(read_answer(pending.function, json.loads(pending.result)))
        elif pending.function == "sleep":
            self._sleep(pending.at + arguments["seconds"] - self._runs.clock())
        elif pending.function != "dial":
            self._ask_again(pending.function, arguments if whole is None else whole)
        elif "patience" in arguments:
            left = pending.at + arguments["patience"] - self._runs.clock()
            self._limit_dial(max(left, GRACE))

    def _ask_again(self, function: str, arguments: dict[str, Any]) -> None:
        """Look once more; what may have been done already, by a process that is no more, is not done twice."""
        arguments.pop("line", None)
        ask = Ask(function, arguments)
        if retry_of(function) is not Retry.NEVER:
            self._perform(ask)
        else:
            text = "interrupted: the switch was restarted in the middle; nobody knows whether it was done"
            self._runs.call_later(
                0.0, self._replied, ask, {"error": ["RuntimeError", f"{function}(): {text}"]}
            )

    def _start_again(self, entries: list[Entry]) -> None:
        """Run a script from its first line that had no effect yet."""
        started = start_in(entries)
        if started is None:
            self.took(Failed(Kind.SNAPSHOT, "the run was lost before it did anything"))
        else:
            self._begin(inputs_of(started), started.at, is_new=False)

    def _go_on(self, result: DialResult | None) -> None:
        self._answer(True if result is None else result.to_json())
        self._continue(result)

    def _answer(self, result: Any) -> None:
        """Store the answer at once: those who gave it store that they have."""
        self._journal.end(result)
        self._record.put_again()

    def _continue(self, answer: object) -> None:
        self._disarm()
        self._transition(RunEvent.GO_ON)
        self._waits_for_end = self._reruns = False
        if isinstance(answer, DialResult):
            self._last = answer
        runs = self._runs
        continuation, _ = self._opened()
        runs.sandbox.submit(
            Job(
                self._program, self._plan.user_id, self.took, runs.clock(), self.execution_id,
                self._inputs, continuation, answer,
            )
        )  # fmt: skip

    def _opened(self) -> tuple[bytes, dict[str, Any] | None]:
        """Return what is stored of the script, and what it asks for if that is more than the journal shows.

        Raises:
            ValueError: It is sealed with a key that is not here.
        """
        snapshot = self._record.row.snapshot
        assert snapshot is not None
        return self._secrets.open(self._runs.vault, self._place, snapshot)

    @property
    def _place(self) -> str:
        return snapshot_place(self.execution_id)

    def persist(self) -> None:
        """Store a run that still computes, and its call: from now on another process can start it again.

        The first response that a caller gets without being told anything is the 100 within 200 ms (RFC 3261 §17.2.1).
        """
        if not self._record.is_stored and self.state is RunState.RUNNING:
            try:
                self._record.put("running", None)
            except Reject:
                self._abandon()
            else:
                self._host.persist()

    def _abandon(self) -> None:
        self._transition(RunEvent.END)
        self._disarm()
        self._runs.forget(self.execution_id, self.user_id)
        self._host.abandon()

    # What the sandbox found.

    def took(self, result: Result) -> None:
        """Take the next result; while the process ends, some are left for the next one to compute again."""
        if self.state is RunState.OVER or (self._runs.is_ending and _is_never_retried(result)):
            return
        was_kept = self._record.is_stored
        if self._secrets:
            result = self._secrets.cleared(result, self._program.where)
        try:
            if result.side_effects:
                self._take_side_effects(result.side_effects)
            match result:
                case Suspended():
                    self._wait(result)
                case Completed():
                    self._complete(result)
                case Failed():
                    self._fail(result)
        except Exception as error:  # the root of what a run does: it and its call end, the others go on
            if isinstance(error, Reject) and not was_kept:
                self._abandon()
                return
            log.exception("execution lost", execution=self.execution_id, call_id=self._record.row.call_id)
            self._transition(RunEvent.END)
            self._runs.forget(self.execution_id, self.user_id)
            self._host.finish(Ending(500, None, (), f"internal error: {type(error).__name__}"))

    def _take_side_effects(self, side_effects: list[SideEffect]) -> None:
        wishes = self._record.note(side_effects, self._runs.clock(), self._show)
        if wishes:
            self._record.put_again()
            for wish in wishes:
                if isinstance(wish, Respond):
                    self._host.respond(wish)
                else:
                    self._host.hang_up_after(wish.seconds)

    def _show(self, lines: list[LogLine]) -> None:
        self._runs.script_logged(self._record.row, self._plan, lines)

    def _wait(self, suspended: Suspended) -> None:
        command = suspended.command
        arguments = command.to_json()
        self._since = self._runs.clock()
        shown = self._secrets.hide(arguments)
        self._journal.begin(command.function, self._since, {"line": suspended.line, **shown})
        continuation = self._secrets.seal(self._runs.vault, self._place, suspended.continuation, arguments)
        self._runs.script_waits(self._record.row, self._plan, command.function, suspended.line)
        self._transition(RunEvent.SUSPEND)
        if not self._record.is_stored and not isinstance(command, Dial):
            self._host.persist()
        match command:
            case Dial():
                self._record.put("waiting", continuation)
                self._waits_for_end, self._reruns = command.wait, "reruns" in arguments
                self._outlives = self._outlives or command.wait
                if "patience" in arguments:
                    self._limit_dial(command.patience)
                self._host.dial(command)
            case Sleep():
                self._record.put("waiting", continuation)
                self._sleep(command.seconds)
            case Ask() if retry_of(command.function) is Retry.SAFE:
                self._record.put("waiting", continuation)
                self._perform(command)
            case Ask():
                self._record.put("waiting", continuation, partial(self._perform, command))

    def _perform(self, ask: Ask) -> None:
        """Have it done; for what leaves a mark outside, the journal is in the database by now."""
        if self.state is RunState.WAITING and self._journal.pending is not None:
            self._runs.perform(ask, self._record.row, self._journal.last, partial(self._replied, ask))

    def _replied(self, ask: Ask, reply: dict[str, Any]) -> None:
        """Take the answer to an ``Ask``, as the journal keeps it; a secret is asked for again after a restart."""
        pending = self._journal.pending
        if self.state is not RunState.WAITING or pending is None:
            return
        answer = read_answer(pending, reply)
        if pending == "secret" and "value" in reply:
            self._secrets.add({ask.arguments["name"]: reply["value"]})
            self._journal.end(self._secrets.hide(reply))
        else:
            self._answer(self._secrets.hide(reply))
        self._continue(answer)

    def _complete(self, completed: Completed) -> None:
        response = completed.response
        if response is not None:
            self._journal.add("respond", self._runs.clock(), {"line": completed.line, **response.to_json()})
        where = None if completed.line is None else self._program.where(completed.line)
        ending = of_script(completed, self._last, where)
        self._end("done", ending.sentence)
        self._host.finish(ending)

    def _fail(self, failed: Failed) -> None:
        now = self._runs.clock()
        result = {"message": failed.message, "traceback": failed.traceback}
        self._journal.add("failed", now, {"line": failed.line, "kind": failed.kind}, result)
        self._runs.script_failed(self._record.row, self._plan, failed)
        self._end("failed", failed.message)
        self._host.finish(of_failure(failed, self._plan.name))

    # Time.

    def _sleep(self, seconds: float) -> None:
        self._timer = self._runs.call_later(max(seconds, 0.0), self._slept)

    def _slept(self) -> None:
        self._timer = None
        if self.state is RunState.WAITING:
            self._go_on(None)

    def _limit_dial(self, seconds: float) -> None:
        self._timer = self._runs.call_later(seconds, self._too_long)

    def _too_long(self) -> None:
        self._timer = None
        if self.state is RunState.WAITING:
            total = self._runs.sandbox.limits.total_seconds
            self._journal.end({"answered": False, "status": 408, "reason": "Time Is Up"})
            self.took(Failed(Kind.BUDGET, f"the run took longer than {total:g} s"))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, state: str, sentence: str) -> None:
        if self._timer is not None:
            self._disarm()
        self._transition(RunEvent.END)
        self._record.put(state, None, None, self._runs.clock(), sentence)
        self._runs.forget(self.execution_id, self.user_id)


def _is_never_retried(result: Result) -> bool:
    if not isinstance(result, Suspended) or not isinstance(result.command, Ask):
        return False
    return retry_of(result.command.function) is Retry.NEVER

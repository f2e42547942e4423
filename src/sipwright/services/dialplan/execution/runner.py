"""All runs of dialplans on this node: starts them for the switch, brings them back after a restart."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from sipwright.ending import end
from sipwright.services.ports import Writer
from sipwright.services.rows import ExecutionRow

from ..language.catalogue import Retry, retry_of
from ..language.commands import Ask, LogLine
from ..language.limits import UserLimits
from ..language.values import Inputs
from ..sandbox.pool import Sandbox, SandboxSnapshot
from ..sandbox.result import Failed, Kind
from .execution import Execution, Plan, ScriptHost
from .journal import Entry
from .run_state import RunState
from .secrets import Vault

__all__ = ["EffectError", "Effects", "Executions", "ExecutionsSnapshot"]

log = structlog.get_logger(__name__)

PERSIST_AFTER = 0.05
"""Seconds that a new run may compute, once or twice over, before it is stored without having had an effect."""

RECORDED_EVERY = 1.0
"""Of the runs of a user that a limit refuses, one in so many seconds is one that is stored."""


@dataclass(frozen=True, slots=True)
class ExecutionsSnapshot:
    """How many runs there are, and how many there were."""

    running: int
    waiting: int
    started: int
    failed: int
    sandbox: SandboxSnapshot


def _usual_limits(user_id: int) -> UserLimits:
    return UserLimits()


class _Open:
    """No vault: what is sealed stays as it is, where nothing is stored."""

    def seal(self, plain: bytes, place: str) -> bytes:
        return plain

    open = seal


class EffectError(Exception):
    """An effect failed; the script hears of it as one of its built-in exceptions."""

    def __init__(self, exception: str, message: str) -> None:
        super().__init__(message)
        self.exception = exception


class Effects(Protocol):
    """Does what scripts ask of the world outside their calls."""

    async def perform(self, ask: Ask, row: ExecutionRow, sequence: int) -> Any:
        """Do it and return its value, which is JSON; `row` and `sequence` name its entry in the journal.

        Raises:
            EffectError: It failed.
        """


class ScriptWatch(Protocol):
    """A watch over all runs."""

    def waits(self, row: ExecutionRow, plan: Plan, function: str, line: int | None) -> None:
        """Take note that a script waits, in which line."""

    def said(self, row: ExecutionRow, plan: Plan, lines: list[LogLine]) -> None:
        """Take note of what a script has said."""

    def failed(self, row: ExecutionRow, plan: Plan, failed: Failed) -> None:
        """Take note that a script has failed."""


class Executions:
    """Makes executions and keeps the live ones."""

    def __init__(  # noqa: PLR0913 (everything that a run needs)
        self,
        sandbox: Sandbox,
        writer: Writer,
        *,
        clock: Callable[[], float] = time.time,
        call_later: Callable[..., Any] | None = None,
        token: Callable[[], str] = lambda: os.urandom(10).hex(),
        effects: Effects | None = None,
        user_limits: Callable[[int], UserLimits] | None = None,
        node: str | None = None,
        vault: Vault | None = None,
    ) -> None:
        """Join a sandbox and a writer.

        Args:
            sandbox: Where scripts compute.
            writer: Where the rows go.
            clock: Unix time, since it is stored.
            call_later: As of the event loop.
            token: Makes the keys of new executions.
            effects: Does what scripts ask of the world outside.
            user_limits: What the runs of a user may use together, by the number of the user.
            node: Who runs them, for the database.
            vault: What seals those that know a secret.
        """
        self.sandbox = sandbox
        self.writer = writer
        self.clock = clock
        self.call_later = call_later or asyncio.get_running_loop().call_later
        self.effects = effects
        self.vault: Vault = vault or _Open()
        self._token = token
        self._user_limits = user_limits or _usual_limits
        self._node = node
        self._running: Counter[int] = Counter()
        self._minute = 0.0
        self._in_minute: Counter[int] = Counter()
        self._refused_at: dict[int, float] = {}
        self._tasks: dict[asyncio.Task[None], Ask] = {}
        self._live: dict[str, Execution] = {}
        self._new: list[Execution] = []
        self._less_new: list[Execution] = []
        self._persists = False
        self._started = self._failed = 0
        self.is_ending = False
        self.watch: ScriptWatch | None = None

    def run(
        self,
        plan: Plan,
        inputs: Inputs,
        host: ScriptHost,
        *,
        call_id: str | None = None,
        account_id: int | None = None,
        is_urgent: bool = False,
    ) -> Execution:
        """Start a dialplan; the host hears of its wishes later, never before this returns.

        One that is urgent is not refused, whatever its user may.
        """
        now = self.clock()
        row = ExecutionRow(
            id=self._token(),
            call_id=call_id,
            dialplan_id=plan.id,
            version=plan.version,
            account_id=account_id,
            user_id=plan.user_id,
            state="running",
            snapshot=None,
            started_at=now,
            ended_at=None,
            outcome=None,
            node=self._node,
        )
        execution = Execution(self, plan, host, row)
        refusal = self._refusal(plan.user_id, inputs.call.direction, now)
        if refusal is None or is_urgent:
            self._in_minute[plan.user_id] += 1
            execution.start(inputs, is_urgent=is_urgent)
            self._new.append(execution)
            if not self._persists:
                self._persists = True
                self.call_later(PERSIST_AFTER, self._persist)
        else:
            self._refused_at[plan.user_id] = now
            execution.refuse(Failed(Kind.QUOTA, refusal))
        self._started += 1
        self._add(execution, plan.user_id)
        return execution

    def _refusal(self, user_id: int, direction: str, now: float) -> str | None:
        """Say why a user may not start another run now, if so.

        Anybody may call in, as often as they like. So calls in leave a quarter for the calls that the user makes.
        """
        limits = self._user_limits(user_id)
        minute = now // 60
        if minute != self._minute:
            self._minute = minute
            self._in_minute.clear()
        per_minute, at_once = limits.runs_per_minute, limits.runs
        if direction == "in":
            per_minute, at_once = per_minute - per_minute // 4, at_once - at_once // 4
        if self._in_minute[user_id] >= per_minute:
            return f"this user's limit is reached: {per_minute} runs of dialplans begin within a minute"
        if self._running[user_id] >= at_once:
            return f"this user's limit is reached: {at_once} runs of dialplans at once"
        return None

    def why_no_run(self, user_id: int, direction: str) -> str | None:
        """Say why a user may not start another run now, if a run of this second has said so already.

        Somebody who calls all the time then costs no run each time.
        """
        now = self.clock()
        if not 0 <= now - self._refused_at.get(user_id, 0.0) < RECORDED_EVERY:
            return None
        return self._refusal(user_id, direction, now)

    def _add(self, execution: Execution, user_id: int) -> None:
        self._live[execution.execution_id] = execution
        self._running[user_id] += 1

    def _persist(self) -> None:
        """Store the runs that were new a while ago and have still done nothing that is stored."""
        for execution in self._less_new:
            execution.persist()
        self._less_new, self._new = self._new, []
        self._persists = bool(self._less_new)
        if self._persists:
            self.call_later(PERSIST_AFTER, self._persist)

    def restore(
        self, row: Iterable[Any], entries: Iterable[Iterable[Any]], plan: Plan, host: ScriptHost
    ) -> Execution:
        """Bring back a run that another process left.

        When its ``dial()`` has its result already, or its sleep is over, it goes on by itself. Else it waits,
        and the host, whose call is where it was, tells it how the dialling ended.

        Args:
            row: The row of the execution.
            entries: The rows of its journal, in order.
            plan: The version that it runs.
            host: The call, as it was brought back.
        """
        known = [Entry(*entry) for entry in entries]
        execution = Execution(self, plan, host, ExecutionRow(*row), known)
        self._add(execution, plan.user_id)
        execution.resume(known)
        return execution

    def __len__(self) -> int:
        return len(self._live)

    def get(self, execution_id: str) -> Execution | None:
        """Return a live run."""
        return self._live.get(execution_id)

    @property
    def is_idle(self) -> bool:
        """Whether there is no run that still goes on."""
        return not self._live

    def snapshot(self) -> ExecutionsSnapshot:
        """Count the runs."""
        waiting = sum(execution.state is RunState.WAITING for execution in self._live.values())
        return ExecutionsSnapshot(
            len(self._live) - waiting, waiting, self._started, self._failed, self.sandbox.snapshot()
        )

    # For executions.

    def forget(self, execution_id: str, user_id: int) -> None:
        """Drop a run that is over."""
        if self._live.pop(execution_id, None) is not None:
            self._running[user_id] -= 1
            if not self._running[user_id]:
                del self._running[user_id]

    def perform(
        self, ask: Ask, row: ExecutionRow, sequence: int, then: Callable[[dict[str, Any]], None]
    ) -> None:
        """Have something done, and hand its answer to `then` in the same turn in which it comes."""
        task = asyncio.ensure_future(self._perform(ask, row, sequence, then))
        self._tasks[task] = ask
        task.add_done_callback(self._tasks.pop)

    async def _perform(
        self, ask: Ask, row: ExecutionRow, sequence: int, then: Callable[[dict[str, Any]], None]
    ) -> None:
        try:
            if self.effects is None:
                raise EffectError("OSError", f"{ask.function}() is not available here")
            reply: dict[str, Any] = {"value": await self.effects.perform(ask, row, sequence)}
        except EffectError as error:
            reply = {"error": [error.exception, str(error)]}
        except Exception as error:  # the root of a task
            log.exception("effect failed", function=ask.function, execution=row.id, call_id=row.call_id)
            reply = {"error": ["RuntimeError", f"{ask.function}(): internal error: {type(error).__name__}"]}
        try:
            then(reply)
        except (RecursionError, ValueError):
            then({"error": ["ValueError", f"{ask.function}(): the answer is nested too deeply"]})

    def stop(self) -> None:
        """Let scripts begin nothing more that must not be done twice: the next process does that."""
        self.is_ending = True

    async def finish(self) -> None:
        """Wait for what is being done that must not be done twice."""
        tasks = [task for task, ask in self._tasks.items() if retry_of(ask.function) is Retry.NEVER]
        if tasks:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Give up what is being done; the journal knows that it had begun, and the database every run."""
        for execution in (*self._less_new, *self._new):
            execution.persist()
        await end(self._tasks)

    def script_logged(self, row: ExecutionRow, plan: Plan, lines: list[LogLine]) -> None:
        """Show the owner what the script said."""
        if self.watch is not None:
            self.watch.said(row, plan, lines)
        log.info(
            "dialplan says",
            lines=[line.text for line in lines],
            dialplan=plan.name,
            user_id=row.user_id,
            call_id=row.call_id,
        )

    def script_waits(self, row: ExecutionRow, plan: Plan, function: str, line: int | None) -> None:
        """Show the owner where the script is."""
        if self.watch is not None:
            self.watch.waits(row, plan, function, line)

    def script_failed(self, row: ExecutionRow, plan: Plan, failed: Failed) -> None:
        """Show the owner why the script failed."""
        self._failed += 1
        if self.watch is not None:
            self.watch.failed(row, plan, failed)
        log.warning(
            "dialplan failed",
            why=failed.message,
            kind=failed.kind.value,
            traceback=failed.traceback,
            dialplan=plan.name,
            version=plan.version,
            user_id=row.user_id,
            call_id=row.call_id,
        )

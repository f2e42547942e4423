"""One stretch of a script, driven in a worker's thread: from the start or a snapshot to the next order.

Nothing here may be surprised by what a script does. A worker that does not stop is killed by the pool; one
that floods us with output is killed here.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from pydantic_monty import (
    ExternalModule,
    FunctionSnapshot,
    Monty,
    MontyComplete,
    MontyCrashedError,
    MontyRuntimeError,
    MontySession,
    MontySyntaxError,
    NameLookupSnapshot,
    OSPolicy,
    ResourceLimits,
    SyncSnapshot,
)

from ..language import sipsorcery
from ..language.call_functions import BudgetExceeded, ScriptApi
from ..language.catalogue import FUNCTIONS, SIGNATURES, STORE, STORE_FUNCTIONS, STORE_ID
from ..language.commands import Ask, Dial, HangUpAfter, LogLine, Noted, Respond, Sleep
from ..language.limits import Limits
from ..language.values import Raised
from .continuation import freeze, thaw
from .failures import explain
from .fastpath.monty_protocol import Called
from .job import Job
from .program import PRELUDE
from .result import Failed, Finished, Kind, Note, Step, Waiting

__all__ = ["ENDS", "POLICY", "Stretch"]

MAX_PRINTED = 262_144
"""Characters of ``print()`` after which a worker is killed: reading them costs us as much as writing them."""

MAX_HANDLING = 0.5
"""Seconds that our own thread may compute for a stretch: taking over a big argument holds up the whole process.

A look through all memory by the garbage collector may be among them, and is not the script's fault.
"""

PATIENCE = 5.0
"""Seconds that a stretch may take beyond its computing time, moving its values between the processes."""

POLICY: OSPolicy = {"sleep": "call_host", "datetime": "call_host"}
_NAMES: dict[str, Any] = {**FUNCTIONS, "store": STORE}
_MODULES = {"sipwright": ExternalModule(_NAMES), "sipsorcery": sipsorcery.old_module(None)}
_MODULE_PREFIX = "sipwright."
_SLEEPS = frozenset({"time.sleep", "asyncio.sleep"})
_CLOCKS = frozenset({"time.time", "datetime.now", "date.today"})
_IMPORTS = frozenset({"import", "import_stubs"})
ENDS = frozenset({"exit", "quit"})
_IMPORTED = frozenset({"sipwright", "sipsorcery"})


class Stretch:
    """What one job computes: give it a pool, and it returns a step."""

    def __init__(self, limits: Limits, job: Job, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._clock = clock
        self._script = job.script
        self._inputs = job.inputs
        self._snapshot = job.snapshot
        self._answer = job.answer
        self._at = job.at
        self._seed = job.seed
        self._api: ScriptApi
        self._notes: list[Note] = []
        self._line: int | None = None
        self._worker: int | None = None
        self._printed = 0
        self._unfinished_line = ""
        self._give_up_at = self._handled_at = 0.0

    def run(self, pool: Monty) -> Step:
        """Compute until the script waits or is over."""
        dump = self._prepare()
        if isinstance(dump, Failed):
            return dump
        limits = self._limits
        self._give_up_at = time.monotonic() + limits.seconds + PATIENCE
        self._handled_at = time.thread_time() + MAX_HANDLING
        try:
            with pool.checkout(
                script_name=self._script.name,
                limits=ResourceLimits(
                    max_feed_duration_secs=limits.seconds,
                    max_memory=limits.memory,
                    max_recursion_depth=limits.recursion,
                    max_suspensions=limits.suspensions,
                ),
                os_policy=self._policy(),
                external_modules=self._modules(),
            ) as session:
                self._worker = session.worker_pid
                return self._drive(self._begin(session, dump))
        except (MontyCrashedError, MontyRuntimeError, MontySyntaxError) as error:
            return self._explain(error)
        except BudgetExceeded as error:
            return self._exceeded(error)
        except _Astray:
            return self._failed(Kind.SNAPSHOT, "the script cannot go on: it is not where it was")

    def _exceeded(self, error: BudgetExceeded) -> Failed:
        line = "" if self._line is None else f"line {self._line}: "
        return self._failed(Kind.BUDGET, f"{line}{error}")

    def _prepare(self) -> bytes | Failed:
        """Make the script's functions as they stood; return the interpreter's own dump, if there is one."""
        if len(self._script.source) > self._limits.source:
            return self._failed(Kind.BUDGET, f"the script is longer than {self._limits.source} characters")
        if not self._snapshot:
            assert self._inputs is not None
            self._api = ScriptApi.starting(self._limits, self._inputs, self._clock)
            self._api.moment = self._at
            return b""
        try:
            state, dump = thaw(self._snapshot)
            self._api = api = ScriptApi.from_state(self._limits, state, self._clock)
        except ValueError as error:
            return self._failed(Kind.SNAPSHOT, f"the script cannot go on: {error}")
        if api.again is None:
            self._inputs = None
        elif self._inputs is None:
            return self._failed(Kind.SNAPSHOT, "the script cannot go on: what it began with is lost")
        api.inputs = self._inputs
        api.moment = self._at
        api.hear(self._answer)
        return dump

    def _policy(self) -> OSPolicy:
        """Say where time and chance come from; a snapshot keeps what its script began with.

        A seed costs as much as the rest of a start, so only a script that speaks of chance is given one.
        """
        if self._inputs is None or "random" not in self._script.mentioned:
            return POLICY
        return {**POLICY, "random_start": {"seed": self._seed}}

    def _modules(self) -> dict[str, ExternalModule]:
        """Return what the script may import; the request is only known at the start."""
        inputs, mentioned = self._inputs, self._script.mentioned
        if inputs is None or not mentioned & _IMPORTED:
            return _MODULES
        modules = dict(_MODULES)
        if "sipsorcery" in mentioned:
            modules["sipsorcery"] = sipsorcery.old_module(inputs)
        if "sipwright" in mentioned:
            modules["sipwright"] = ExternalModule({**_NAMES, "req": inputs.request, "call": inputs.call})
        return modules

    def _begin(self, session: MontySession, dump: bytes) -> SyncSnapshot:
        if self._inputs is None:
            snapshot = session.load_snapshot(dump, print_callback=self._take_print)
            assert isinstance(snapshot, FunctionSnapshot)
            return self._resume(snapshot)
        given = self._script.globals(self._inputs)
        if self._script.has_prelude:
            session.feed_run(PRELUDE, inputs=given)
            given = {}
        begun = session.feed_start(self._script.source, inputs=given, print_callback=self._take_print)
        return self._resume(self._come_again(begun)) if self._snapshot else begun

    def _come_again(self, snapshot: SyncSnapshot) -> FunctionSnapshot:
        """Have a script that was run from its start come to where it waited: it is told what it was told."""
        assert self._api.again is not None
        start, values = self._api.again
        for value in values:
            if not isinstance(snapshot, FunctionSnapshot):
                raise _Astray
            snapshot = snapshot.resume({"return_value": value})
        if not isinstance(snapshot, FunctionSnapshot) or snapshot.position.start != start:
            raise _Astray
        return snapshot

    def _resume(self, snapshot: FunctionSnapshot) -> SyncSnapshot:
        shape, self._api.shape = self._api.shape, ""
        answer = sipsorcery.reshape(shape, self._answer)
        if isinstance(answer, Raised):
            raised: Any = {"exc_type": answer.exception, "message": answer.message}
            return snapshot.resume(raised)
        return snapshot.resume({"return_value": answer})

    def _drive(self, snapshot: SyncSnapshot) -> Step:
        while not isinstance(snapshot, MontyComplete):
            if time.monotonic() > self._give_up_at or time.thread_time() > self._handled_at:
                raise BudgetExceeded("the script keeps the switch busy with its data")
            if isinstance(snapshot, FunctionSnapshot):
                after = self._call(snapshot)
            else:
                assert isinstance(snapshot, NameLookupSnapshot), "no future was ever promised"
                after = self._look_up(snapshot)
            if isinstance(after, Waiting | Finished | Failed):
                return after
            snapshot = after
        self._end_print()
        return Finished(None, None, self._notes)

    def _call(self, snapshot: FunctionSnapshot) -> SyncSnapshot | Step:
        name = snapshot.function_name.removeprefix(_MODULE_PREFIX)
        if snapshot.object_id is not None:
            return self._call_method(snapshot, name)
        if snapshot.is_os_function:
            if name in _IMPORTS:
                return snapshot.resume_auto()
            if name in _CLOCKS:
                return snapshot.resume({"return_value": self._read_clock(name, snapshot.args)})
            if name not in _SLEEPS:
                return snapshot.resume_not_handled()
            name = "sleep"
        elif name in ENDS:
            return Finished(None, None, self._notes)
        function = FUNCTIONS.get(name)
        if function is None:
            return snapshot.resume({"exc_type": "NameError", "message": f"name {name!r} is not defined"})
        return self._apply(name, function, snapshot)

    def _read_clock(self, name: str, arguments: tuple[Any, ...]) -> float | datetime | date:
        """Return the time as the modules ``time`` and ``datetime`` tell it; it stands still while a script computes."""
        if name == "time.time":
            return self._at
        zone = arguments[0] if name == "datetime.now" and arguments else None
        local = datetime.fromtimestamp(self._at, zone or UTC)
        if name == "date.today":
            return local.date()
        return local if zone is not None else local.replace(tzinfo=None)

    def _call_method(self, snapshot: FunctionSnapshot, name: str) -> SyncSnapshot | Step:
        """Call a function of ``store``, or of the ``sys`` of old scripts."""
        if snapshot.object_id == STORE_ID:
            owner, method, functions = "store", name, STORE_FUNCTIONS
        else:
            owner, method, functions = "sys", name.lower(), sipsorcery.METHODS
            self._api.shape = sipsorcery.shape_of(method)
        function = functions.get(method)
        if function is None:
            return snapshot.resume({"exc_type": "AttributeError", "message": f"{owner} has no {name!r}"})
        return self._apply(f"{owner}.{name}", function, snapshot)

    def _apply(
        self, name: str, function: Callable[..., Any], snapshot: FunctionSnapshot
    ) -> SyncSnapshot | Step:
        self._line = self._script.line_of(snapshot.position.filename, snapshot.position.start) or self._line
        try:
            reply = function(self._api, *snapshot.args, **snapshot.kwargs)
        except ValueError as error:
            return snapshot.resume({"exc_type": "ValueError", "message": f"{name}(): {error}"})
        except (TypeError, AttributeError) as error:
            return snapshot.resume({"exc_type": "TypeError", "message": _why_not(name, snapshot, error)})
        return self._take(reply, snapshot)

    def _take(self, reply: Any, snapshot: FunctionSnapshot) -> SyncSnapshot | Step:
        if isinstance(reply, Dial | Sleep | Ask):
            return self._put_away(reply, snapshot.dump())
        value = self._note(reply)
        return value if isinstance(value, Finished) else snapshot.resume({"return_value": value})

    def _note(self, reply: Any) -> Any:
        """Take note of what a function did, and return the value that it has; a final answer ends the script."""
        match reply:
            case None | str():
                return reply
            case LogLine():
                self._take_log(LogLine(reply.text, self._line))
                return None
            case Respond(is_final=True):
                return Finished(reply, self._line, self._notes)
            case Respond() | HangUpAfter():
                self._notes.append(reply)
                return None
            case Noted():
                self._notes.append(reply)
                return reply.value
        return reply

    def _put_away(
        self,
        order: Dial | Sleep | Ask,
        dump: bytes,
        called: Called | None = None,
        values: list[Any] | None = None,
    ) -> Waiting:
        """Freeze the script.

        Args:
            order: What it waits for.
            dump: All that it is, or nothing.
            called: The call that it waits in, if that is known: it goes on in one turn then.
            values: In place of the dump, those of the calls before it.
        """
        if self._unfinished_line:
            self._end_print()
        api = self._api
        api.call_id = None if called is None else called.call_id
        api.again = None if called is None or values is None else [called.start, values]
        frozen = freeze(api.to_state(), dump)
        if len(frozen) > self._limits.snapshot:
            raise BudgetExceeded(
                f"the script holds more than {self._limits.snapshot // 1024} kB while it waits"
            )
        return Waiting(order, self._line, frozen, self._notes)

    def _look_up(self, snapshot: NameLookupSnapshot) -> SyncSnapshot:
        """Give a script that says ``ring = dial`` the function; other names are not defined."""
        name = snapshot.variable_name
        if snapshot.object_id == sipsorcery.SYS_ID:
            try:
                return snapshot.resume(value=sipsorcery.attribute(self._api, name))
            except KeyError:
                return snapshot.resume()
        if snapshot.object_id is not None:
            return snapshot.resume()
        if name == "store":
            return snapshot.resume(value=STORE)
        function = FUNCTIONS.get(name)
        return snapshot.resume() if function is None else snapshot.resume(value=function)

    # Output.

    def _take_log(self, line: LogLine) -> None:
        kept = self._api.take_log(line)
        if kept is not None:
            self._notes.append(kept)

    def _take_print(self, stream: str, text: str) -> None:
        self._printed += len(text)
        if self._printed > MAX_PRINTED:
            if self._worker is not None:
                os.kill(self._worker, signal.SIGKILL)
            return
        *lines, self._unfinished_line = (self._unfinished_line + text).split("\n")
        for line in lines:
            self._take_log(LogLine(line[:1000], None))

    def _end_print(self) -> None:
        if self._unfinished_line:
            self._take_log(LogLine(self._unfinished_line[:1000], None))
            self._unfinished_line = ""

    # Failures.

    def _explain(self, error: MontyCrashedError | MontyRuntimeError | MontySyntaxError) -> Step:
        if self._printed > MAX_PRINTED:
            return self._failed(Kind.BUDGET, f"the script printed more than {MAX_PRINTED} characters")
        if str(error).startswith("SystemExit"):
            return Finished(None, None, self._notes)
        self._end_print()
        return explain(error, self._limits, self._script, self._line, self._notes)

    def _failed(self, kind: Kind, sentence: str) -> Failed:
        return Failed(kind, sentence, self._line, sentence, self._notes)


class _Astray(Exception):
    """A script that comes to its first wait again does not come there."""


def _why_not(name: str, snapshot: FunctionSnapshot, error: Exception) -> str:
    """Say what is wrong with the arguments, without counting our own ``self``."""
    signature = SIGNATURES.get(name)
    if signature is not None:
        try:
            signature.bind(None, *snapshot.args, **snapshot.kwargs)
        except TypeError as mismatch:
            error = mismatch
    return f"{name}(): {error}"

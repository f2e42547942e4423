"""One activation driven by the interpreter's library, in a thread: it knows everything that a script may do.

Nothing here may be surprised by what a script does. A worker that does not stop is killed by the pool; one
that floods us with output is killed here.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
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
from ..language.call_functions import BudgetExceeded
from ..language.catalogue import CATALOGUE, FUNCTIONS, STORE, STORE_FUNCTIONS, STORE_ID
from ..language.commands import Ask, Dial, LogLine, Sleep
from ..language.limits import Limits
from ..language.values import Raised
from .activation import ENDS, Activation
from .continuation import Dump, NonDeterminismError, Replay
from .failures import explain
from .job import Job
from .result import Completed, Failed, Kind, Result, Suspended

__all__ = ["ONCE_MORE", "POLICY", "LibraryActivation"]

MAX_PRINTED = 262_144
"""Characters of ``print()`` after which a worker is killed: reading them costs us as much as writing them."""

MAX_HANDLING = 0.5
"""Seconds that our own thread may compute for an activation: taking over a big argument holds up the whole process.

A look through all memory by the garbage collector may be among them, and is not the script's fault.
"""

PATIENCE = 5.0
"""Seconds that an activation may take beyond its computing time, moving its values between the processes."""

ONCE_MORE = 4
"""How many times its computing time a script has that is computed again, as its worker was given no processor."""

POLICY: OSPolicy = {"sleep": "call_host", "datetime": "call_host"}
_NAMES: dict[str, Any] = {**FUNCTIONS, "store": STORE}
_MODULES = {"sipwright": ExternalModule(_NAMES), "sipsorcery": sipsorcery.old_module(None)}
_MODULE_PREFIX = "sipwright."
_SLEEPS = frozenset({"time.sleep", "asyncio.sleep"})
_CLOCKS = frozenset({"time.time", "datetime.now", "date.today"})
_IMPORTS = frozenset({"import", "import_stubs"})
_IMPORTED = frozenset({"sipwright", "sipsorcery"})


class LibraryActivation(Activation):
    """What one job computes: give it a pool, and it returns a result."""

    def __init__(self, limits: Limits, job: Job, clock: Callable[[], float] = time.time) -> None:
        super().__init__(limits, job, clock)
        self._worker: int | None = None
        self._printed = 0
        self._unfinished_line = ""
        self._give_up_at = self._handled_at = 0.0
        self.is_given_up = False
        """Whether nobody wants to know what comes of it any more."""
        self.was_kept_waiting = False
        """Whether the script had no time because its worker was given no processor for most of it."""

    def run(self, pool: Monty, times: int = 1) -> Result:
        """Compute until the script waits or is over; it may take so many times its computing time."""
        failed = self._prepare()
        if failed is not None:
            return failed
        limits, seconds = self._limits, self._limits.seconds * times
        self._give_up_at = time.monotonic() + seconds + PATIENCE
        self._handled_at = time.thread_time() + MAX_HANDLING
        try:
            with pool.checkout(
                script_name=self._program.name,
                limits=ResourceLimits(
                    max_feed_duration_secs=seconds,
                    max_memory=limits.memory,
                    max_recursion_depth=limits.recursion,
                    max_suspensions=limits.suspensions,
                ),
                os_policy=self._policy(),
                external_modules=self._modules(),
            ) as session:
                self._worker = session.worker_pid
                return self._compute(session)
        except (MontyCrashedError, MontyRuntimeError, MontySyntaxError) as error:
            return self._explain(error)
        except BudgetExceeded as error:
            return self._exceeded(error)
        except NonDeterminismError:
            return self._failed(Kind.SNAPSHOT, "the script cannot go on: it is not where it was")

    def give_up(self) -> None:
        """End it, from any thread."""
        self.is_given_up = True
        if self._worker is not None:
            self._kill(self._worker)

    def _kill(self, worker: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)

    def _compute(self, session: MontySession) -> Result:
        """Compute, and see to it that nobody is blamed for the time that a busy machine, or one that stood still, took.

        The interpreter looks at the clock on the wall, which goes on meanwhile.
        """
        began, before = time.monotonic(), processor_seconds(session.worker_pid)
        if self.is_given_up:
            raise BudgetExceeded("it was given up before it began")
        try:
            return self._drive(self._begin(session))
        except MontyRuntimeError:
            computed = processor_seconds(session.worker_pid) - before
            waited = time.monotonic() - began - computed
            self.was_kept_waiting = computed < self._limits.seconds / 2 < waited
            raise
        finally:
            self._worker = None

    def _policy(self) -> OSPolicy:
        """Say where time and chance come from; a dump keeps what its script began with.

        A seed costs as much as the rest of a start, so only a script that speaks of chance is given one.
        """
        if self._inputs is None or "random" not in self._program.mentioned:
            return POLICY
        return {**POLICY, "random_start": {"seed": self._seed}}

    def _modules(self) -> dict[str, ExternalModule]:
        """Return what the script may import; the request is only known at the start."""
        inputs, mentioned = self._inputs, self._program.mentioned
        if inputs is None or not mentioned & _IMPORTED:
            return _MODULES
        modules = dict(_MODULES)
        if "sipsorcery" in mentioned:
            modules["sipsorcery"] = sipsorcery.old_module(inputs)
        if "sipwright" in mentioned:
            modules["sipwright"] = ExternalModule({**_NAMES, "req": inputs.request, "call": inputs.call})
        return modules

    def _begin(self, session: MontySession) -> SyncSnapshot:
        how = self._how
        if isinstance(how, Dump):
            snapshot = session.load_snapshot(how.data, print_callback=self._take_print)
            assert isinstance(snapshot, FunctionSnapshot)
            return self._resume(snapshot)
        assert self._inputs is not None
        given = self._program.globals(self._inputs)
        if self._program.prelude:
            session.feed_run(self._program.prelude, inputs=given)
            given = {}
        begun = session.feed_start(self._program.source, inputs=given, print_callback=self._take_print)
        return begun if how is None else self._resume(self._replay(begun, how))

    def _replay(self, snapshot: SyncSnapshot, replay: Replay) -> FunctionSnapshot:
        """Have a script that was run from its start come to where it waited: it is told what it was told."""
        for value in replay.values:
            snapshot = self._called(snapshot).resume({"return_value": value})
        called = self._called(snapshot)
        if called.position.start != replay.start:
            raise NonDeterminismError
        return called

    def _called(self, snapshot: SyncSnapshot) -> FunctionSnapshot:
        """Return the next call of a script that is replayed; what our names mean it is told as ever."""
        while isinstance(snapshot, NameLookupSnapshot):
            snapshot = self._look_up(snapshot)
        if not isinstance(snapshot, FunctionSnapshot):
            raise NonDeterminismError
        return snapshot

    def _resume(self, snapshot: FunctionSnapshot) -> SyncSnapshot:
        shape, self._api.shape = self._api.shape, ""
        answer = sipsorcery.reshape(shape, self._answer)
        if isinstance(answer, Raised):
            raised: Any = {"exc_type": answer.exception, "message": answer.message}
            return snapshot.resume(raised)
        return snapshot.resume({"return_value": answer})

    def _drive(self, snapshot: SyncSnapshot) -> Result:
        while not isinstance(snapshot, MontyComplete):
            if time.monotonic() > self._give_up_at or time.thread_time() > self._handled_at:
                raise BudgetExceeded("the script keeps the switch busy with its data")
            if isinstance(snapshot, FunctionSnapshot):
                after = self._call(snapshot)
            else:
                assert isinstance(snapshot, NameLookupSnapshot), "no future was ever promised"
                after = self._look_up(snapshot)
            if isinstance(after, Suspended | Completed | Failed):
                return after
            snapshot = after
        self._end_print()
        return Completed(None, None, self._side_effects)

    def _call(self, snapshot: FunctionSnapshot) -> SyncSnapshot | Result:
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
            return Completed(None, None, self._side_effects)
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

    def _call_method(self, snapshot: FunctionSnapshot, name: str) -> SyncSnapshot | Result:
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
    ) -> SyncSnapshot | Result:
        self._line = self._program.line_of(snapshot.position.filename, snapshot.position.start) or self._line
        try:
            reply = function(self._api, *snapshot.args, **snapshot.kwargs)
        except ValueError as error:
            return snapshot.resume({"exc_type": "ValueError", "message": f"{name}(): {error}"})
        except (TypeError, AttributeError) as error:
            return snapshot.resume({"exc_type": "TypeError", "message": _why_not(name, snapshot, error)})
        if isinstance(reply, Dial | Sleep | Ask):
            dump = snapshot.dump()
            self._end_print()
            return self._suspend(reply, Dump(dump))
        value = self._take(reply)
        return value if isinstance(value, Completed) else snapshot.resume({"return_value": value})

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

    def _take_print(self, stream: str, text: str) -> None:
        self._printed += len(text)
        if self._printed > MAX_PRINTED:
            if self._worker is not None:
                self._kill(self._worker)
            return
        *lines, self._unfinished_line = (self._unfinished_line + text).split("\n")
        for line in lines:
            self._take_log(LogLine(line[:1000], None))

    def _end_print(self) -> None:
        if self._unfinished_line:
            self._take_log(LogLine(self._unfinished_line[:1000], None))
            self._unfinished_line = ""

    # Failures.

    def _explain(self, error: MontyCrashedError | MontyRuntimeError | MontySyntaxError) -> Result:
        if self._printed > MAX_PRINTED:
            return self._failed(Kind.BUDGET, f"the script printed more than {MAX_PRINTED} characters")
        if str(error).startswith("SystemExit"):
            return Completed(None, None, self._side_effects)
        self._end_print()
        return explain(error, self._limits, self._program, self._line, self._side_effects)


def processor_seconds(pid: int | None) -> float:
    """Return for how long a process has computed; for ever where that cannot be told, or it is not there any more."""
    if pid is None:
        return math.inf
    try:
        return time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid(3) makes it
    except OSError:
        return math.inf


def _why_not(name: str, snapshot: FunctionSnapshot, error: Exception) -> str:
    """Say what is wrong with the arguments, without counting our own ``self``."""
    known = CATALOGUE.get(name)
    if known is not None:
        try:
            known.signature.bind(None, *snapshot.args, **snapshot.kwargs)
        except TypeError as mismatch:
            error = mismatch
    return f"{name}(): {error}"

"""One activation of a plain script, driven in the event loop: from its start or a continuation to its next wait.

It does what ``library_backend.py`` does for every script, in small steps that never wait, as long as the script calls
our functions rightly and with short values. At everything else it raises `Fallback`, and since nothing has an effect
before the result is there, the activation can be computed again in a thread, by the library.

What a script is at its first wait is not asked for when it was quick to come there, since most never go on. One that
does is replayed: run again from its start, which the journal has, and told what it was told. The interpreter computes
the same in every process (hashes, the order of sets, identities), and none of its calls is carried out again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from ...language.call_functions import BudgetExceeded
from ...language.catalogue import FUNCTIONS
from ...language.commands import Ask, Command, Dial, Sleep
from ...language.limits import Limits
from ...language.values import Call, Inputs, Raised, Request
from ..activation import ENDS, Activation
from ..continuation import Dump, Replay
from ..job import Job
from ..program import Program
from ..result import Completed, Result, Suspended
from . import monty_protocol
from .fallback import Fallback, Reason
from .monty_protocol import Called, Ended
from .monty_values import NO_NAMES, Outline, names
from .worker import Event, Worker

__all__ = ["FastActivation", "given"]

_COMMANDS = (Dial, Sleep, Ask)

MOST_CALLS = 16
"""Calls of our functions up to its first wait that a script repeats."""

SOON = 0.002
"""Seconds of computing up to its first wait that a script repeats rather than have everything stored that it is."""

MAX_CALLS = 256
"""Calls of one activation that the loop takes, each of them short; a script that makes more gets a thread."""


class FastActivation(Activation):
    """What one job computes, in a worker for plain scripts."""

    def __init__(self, limits: Limits, job: Job, clock: Callable[[], float] = time.time) -> None:
        super().__init__(limits, job, clock)
        self._values: list[Any] = []
        self._worker: Worker
        self._done: Callable[[Result], None]

    def compute(
        self, worker: Worker, done: Callable[[Result], None], failed: Callable[[Exception], None]
    ) -> None:
        """Begin; `done` or `failed` is called later, once."""
        self._worker, self._done = worker, done
        loop = worker.loop
        worker.serve(self._begin, lambda error: loop.call_soon(failed, error))

    def _begin(self) -> None:
        failed = self._prepare()
        if failed is not None:
            self._finish(failed)
            return
        if self._encoded and (self._api.shape or isinstance(self._answer, Raised)):
            raise Fallback(Reason.STATE, "an old name, an exception")
        program, worker, inputs = self._program, self._worker, self._inputs
        worker.begin(program.name)
        if isinstance(self._how, Dump):
            self._load(self._how.data)
            return
        assert inputs is not None
        if program.prelude:
            worker.feed(monty_protocol.feed(program.prelude, given(program, inputs)), self._has_prelude)
        else:
            self._feed(given(program, inputs))

    def _load(self, dump: bytes) -> None:
        if self._call_id is None:
            self._worker.load(dump, self._loaded)
        else:
            self._worker.resume_after(monty_protocol.load(dump), self._call_id, self._answer, self._heard)

    def _feed(self, given: bytes) -> None:
        worker, request, how = self._worker, monty_protocol.feed(self._program.source, given), self._how
        if not isinstance(how, Replay):
            worker.feed(request, self._heard)
        elif how.values or self._call_id is None:
            worker.feed(request, self._replay)
        else:
            worker.resume_after(request, self._call_id, self._answer, self._heard, start=how.start)

    def _finish(self, result: Result) -> None:
        self._worker.end(partial(self._done, result))

    # What the worker says.

    def _has_prelude(self, event: Event) -> None:
        if not isinstance(event, Ended):
            raise Fallback(Reason.EVENT, "a call where none was expected")
        self._feed(NO_NAMES)

    def _replay(self, event: Event) -> None:
        """Have a script come to where it waited, and then go on: it is told what it was told."""
        how, worker = self._how, self._worker
        assert isinstance(how, Replay)
        if isinstance(event, Ended):
            raise Fallback(Reason.STATE, "an end")
        if worker.calls < len(how.values):
            worker.resume(event.call_id, how.values[worker.calls], self._replay)
        elif event.start != how.start or event.call_id != self._call_id:
            raise Fallback(Reason.STATE, "another call")
        else:
            worker.resume(event.call_id, self._answer, self._heard)

    def _loaded(self, event: Event) -> None:
        if isinstance(event, Ended):
            raise Fallback(Reason.STATE, "an end")
        self._worker.resume(event.call_id, self._answer, self._heard)

    def _heard(self, event: Event) -> None:
        try:
            if isinstance(event, Ended) or event.function_name in ENDS:
                result: Result | None = Completed(None, None, self._side_effects)
            else:
                result = self._answer_call(event)
        except BudgetExceeded as error:
            result = self._exceeded(error)
        if result is not None:
            self._finish(result)
        elif self._worker.calls > MAX_CALLS:
            raise Fallback(Reason.CALLS)

    def _answer_call(self, called: Called) -> Result | None:
        """Do what the script asks for; None when it goes on, or is about to be suspended."""
        function = FUNCTIONS.get(called.function_name)
        if function is None:
            raise Fallback(Reason.CALL, f"{called.function_name}()")
        self._line = self._program.line_of(called.filename, called.start) or self._line
        try:
            reply = function(self._api, *called.args, **called.kwargs)
        except (ValueError, TypeError, AttributeError) as error:
            raise Fallback(Reason.CALL, str(error)) from None
        if isinstance(reply, _COMMANDS):
            return self._wait(reply, called)
        value = self._take(reply)
        if isinstance(value, Completed):
            return value
        self._values.append(value)
        self._worker.resume(called.call_id, value, self._heard)
        return None

    def _wait(self, command: Command, called: Called) -> Suspended | None:
        if self._is_soon():
            return self._suspend(command, Replay(called.start, self._values), called.call_id)
        self._worker.dump(lambda dump: self._dumped(command, called, dump))
        return None

    def _is_soon(self) -> bool:
        """Return whether the script may as well be run again from its start, which is kept: it needs no dump."""
        values = self._values
        return (
            not self._encoded
            and len(values) < MOST_CALLS
            and all(value is None or isinstance(value, str) for value in values)
            and self._worker.spent <= SOON
        )

    def _dumped(self, command: Command, called: Called, dump: bytes) -> None:
        try:
            result: Result = self._suspend(command, Dump(dump), called.call_id)
        except BudgetExceeded as error:
            result = self._exceeded(error)
        self._finish(result)


def given(program: Program, inputs: Inputs) -> bytes:
    """Return the names that a script starts with, as they are sent to a worker."""
    outline = _outline(program)
    if outline is None:
        return names(program.globals(inputs))
    return outline.fill((*inputs.request, *inputs.call))


@lru_cache(maxsize=1024)
def _outline(program: Program) -> Outline | None:
    """Prepare for `given`, where it is known which fields are mentioned."""
    drawn: list[tuple[str, type, tuple[bool, ...], int]] = []
    for name, kind, first in (("req", Request, 0), ("call", Call, len(Request._fields))):
        if name not in program.mentioned:
            continue
        seen = program.seen[name]
        if seen is None:
            return None
        drawn.append((name, kind, seen, first))
    return Outline(drawn)

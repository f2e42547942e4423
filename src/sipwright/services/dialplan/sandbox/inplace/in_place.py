"""One activation computed in place, to the next wait of a script or to its end: without a worker.

Most dialplans look at who calls whom, and dial. What takes the time of a worker there is neither looking nor dialling,
but to be woken up, to read the script, to be told its call, and to be heard again. So the switch follows the script's
syntax tree itself (``reader.py``) as far as it only does what is known here. At everything else nothing has happened
yet, and a worker computes the script from its first line, as it does for the first run of each script: that tells
whether the interpreter takes it at all.

How a script goes on afterwards is the same as if a worker had come to that wait: it is replayed. That can be done in
place, too, and so can what waits again: it is replayed from its first line with all that it was told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

import structlog

from sipwright.memo import Bounded

from ...language.call_functions import BudgetExceeded
from ...language.commands import Ask, Command, Dial, Sleep
from ...language.limits import Limits
from ...language.values import DialResult, Inputs, LegSpec, Raised
from ..activation import Activation
from ..continuation import Dump, Replay
from ..job import Job
from ..program import Program
from ..result import Completed, Result, Suspended
from .operations import LARGEST
from .reader import read
from .steps import Step
from .texts import MOST_MEMBERS, LeaveError

__all__ = ["MOST_CALLS", "MOST_LEFT", "InPlace", "InPlaceActivation"]

log = structlog.get_logger(__name__)

MOST_CALLS = 16
"""Calls of our functions that a script repeats which is replayed, and that it makes in place, where all calls wait."""

MOST_GIVEN = 2_048
"""Characters that our functions are given in place, all together: to read one as what to dial takes a microsecond."""

MOST_STEPS = 2_000
"""Statements and expressions of loops and functions, each time that they are run."""

MOST_LEFT = 16
"""So many times in a row a script may be begun in place and left; after that it is not tried again."""

MOST_KNOWN = 1_024
"""Scripts that are known at once."""

MOST_READ = 1_048_576
"""Characters of all of them that were read; their steps take 40 bytes for each, or 200 where somebody means it."""

_COMMANDS = (Dial, Sleep, Ask)
_CARRIED = frozenset({int, float, bool, type(None), LegSpec})
_KEPT = frozenset({str, type(None), LegSpec, datetime})
"""Values of our functions that a script can be told again when it is replayed."""
_WRITTEN = frozenset({str, bool, int, float, type(None), LegSpec, datetime, DialResult})
_LEAVES = (LeaveError, BudgetExceeded, ValueError, TypeError, LookupError, AttributeError, RuntimeError)
"""An error of the script is found once more by the worker, which says where it is."""


class _OverError(Exception):
    """The activation is over: how."""

    def __init__(self, result: Result) -> None:
        self.result = result


class InPlaceActivation(Activation):
    """What one job computes."""

    inputs: Inputs

    def __init__(self, limits: Limits, job: Job, clock: Callable[[], float] = time.time) -> None:
        super().__init__(limits, job, clock)
        self.names: dict[str, Any] = {}
        self.script = self.names
        self.outer: tuple[dict[str, Any], ...] = ()
        self.depth = 0
        self._values: list[Any] = []
        self._made = self._given = self._spent = 0

    def result(self, steps: Step) -> Result | None:
        """Compute it; None when a worker has to."""
        if self._inputs is None or self._prepare() is not None or isinstance(self._how, Dump):
            return None
        self.inputs = self._inputs
        try:
            steps(self)
            self.end()
        except _OverError as over:
            return over.result
        except _LEAVES:
            return None

    # What the steps call.

    def spend(self, steps: int) -> None:
        """Count what may be done again and again."""
        self._spent += steps
        if self._spent > MOST_STEPS:
            raise LeaveError("many steps")

    def ask(
        self,
        function: Callable[..., Any],
        place: tuple[int | None, int],
        args: list[Any],
        kwargs: dict[str, Any],
    ) -> Any:
        """Do what one of our functions says; a command, and a final answer, end the activation."""
        how = self._how
        if isinstance(how, Replay) and self._is_retold:
            return self._told(how, place[1])
        self._made += 1
        self._given += sum(map(_length, args)) + sum(map(_length, kwargs.values()))
        if self._made > MOST_CALLS or self._given > MOST_GIVEN:
            raise LeaveError("many calls, or long texts")
        for name, value in kwargs.items():  # what a leg is given may be changed by the script later on
            if type(value) is dict:
                kwargs[name] = dict(value)
        line, start = place
        self._line = line or self._line
        reply = function(self._api, *args, **kwargs)
        if isinstance(reply, _COMMANDS):
            raise _OverError(self._waiting(reply, start))
        value = self._take(reply)
        if isinstance(value, Completed):
            raise _OverError(value)
        if type(value) not in _KEPT:
            raise LeaveError("a value that is not kept for a replay")
        self._values.append(value)
        return value

    @property
    def _is_retold(self) -> bool:
        """It goes on, and has not come to where it waited: nothing is done a second time."""
        return isinstance(self._how, Replay) and len(self._values) <= len(self._how.values)

    def _told(self, how: Replay, start: int) -> Any:
        """Return what the script was told here when it came by the first time, or is told now where it waited."""
        if len(self._values) < len(how.values):
            value = how.values[len(self._values)]
        elif start == how.start and not isinstance(self._answer, Raised) and not self._api.shape:
            value = self._answer
        else:
            raise LeaveError("not where it waited, or an exception")
        self._values.append(value)
        return _own(value)

    def _waiting(self, command: Command, start: int) -> Suspended:
        """Wait, as what is replayed: it was told little, all of which can be written down."""
        if len(self._values) >= MOST_CALLS or not all(map(_is_written, self._values)):
            raise LeaveError("many calls, or a value that is not written")
        return self._suspend(command, Replay(start, list(self._values)), len(self._values))

    def end(self) -> NoReturn:
        """Be at the end."""
        if self._is_retold:
            raise LeaveError("the end, before it came to where it waited")
        raise _OverError(Completed(None, None, self._side_effects))


def _own(value: Any) -> Any:
    """Return what a script was answered so that it may change it, and we still know what it was."""
    kind = type(value)
    if kind is not list and kind is not dict:
        return value
    members = value if kind is list else value.values()
    if len(value) > MOST_MEMBERS or not all(type(one) in _WRITTEN for one in members):
        raise LeaveError("a large answer")
    return kind(value)


def _is_written(value: Any) -> bool:
    """Tell whether a value is the same when it was written down and read again."""
    kind = type(value)
    if kind is int:
        return bool(-LARGEST < value < LARGEST)
    return kind in _WRITTEN or kind in (list, dict)


def _length(value: Any) -> int:
    """Return of how many characters a value is that one of our functions is given: one, or a list of some."""
    kind = type(value)
    if kind is dict and len(value) <= MOST_MEMBERS:
        return sum(map(_length_of_one, (*value, *value.values())))
    if kind in (tuple, list) and len(value) <= MOST_MEMBERS:
        return sum(map(_length_of_one, value))
    return _length_of_one(value)


def _length_of_one(value: Any) -> int:
    if type(value) is str:
        return len(value)
    if type(value) in _CARRIED:
        return 1
    raise LeaveError("what is not carried to a worker either, or takes long to look through")


class _Known:
    """A script that a worker has taken: its steps, and how often in a row it was begun here and left."""

    __slots__ = ("left", "steps")

    def __init__(self, program: Program) -> None:
        self.steps = None if program.is_special else read(program)
        self.left = 0


class InPlace:
    """The scripts of one sandbox that may be computed in place."""

    def __init__(self, limits: Limits) -> None:
        """Know none; each run is within those limits."""
        self._limits = limits
        self._known: Bounded[Program, _Known | None] = Bounded(MOST_KNOWN)
        self._read = 0
        self.taken = 0
        """How many activations were computed in place."""

    def learn(self, program: Program) -> None:
        """Take note that a worker has computed a script, or a part of it, without a failure."""
        if program not in self._known:
            self._known.keep(program, None)

    def compute(self, job: Job, clock: Callable[[], float] = time.time) -> Result | None:
        """Return what a job computes up to its next wait or its end; None when a worker has to."""
        program = job.program
        if program not in self._known:
            return None
        begun = time.perf_counter()
        try:
            result = self._computed(job, program, clock)
        except Exception:  # the root of what is computed here
            log.exception("computing in place failed", dialplan=program.name)
            return None
        job.seconds = time.perf_counter() - begun
        self.taken += result is not None
        return result

    def _computed(self, job: Job, program: Program, clock: Callable[[], float]) -> Result | None:
        known = self._known[program]
        if known is None:
            known = self._known[program] = self._reading(program)
        if known.steps is None or known.left >= MOST_LEFT:
            return None
        known.left += not job.continuation
        result = InPlaceActivation(self._limits, job, clock).result(known.steps)
        if result is not None:
            known.left = 0
        return result

    def _reading(self, program: Program) -> _Known:
        """Read a script; when all that was read takes much memory it is forgotten, and learned again when it is run."""
        self._read += program.size
        if self._read > MOST_READ:
            self._known.clear()
            self._read = program.size
        return _Known(program)

"""One activation of a script: from its start, or from where it waited, to its next wait or its end.

Here is what does not depend on who drives the interpreter: the functions of the run as they stood, what becomes of
their values, and how the script is suspended. ``library_backend.py`` drives it through the library, and
``fastpath/fast_backend.py`` in short.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..language.call_functions import BudgetExceeded, ScriptApi
from ..language.commands import Command, HangUpAfter, LogLine, Recorded, Respond, SideEffect
from ..language.limits import Limits
from .continuation import Continuation, Dump, Replay, decode, encode
from .job import Job
from .result import Completed, Failed, Kind, Suspended

__all__ = ["ENDS", "Activation"]

ENDS = frozenset({"exit", "quit"})
"""What ends a script that calls it."""


class Activation:
    """What one job computes."""

    def __init__(self, limits: Limits, job: Job, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._clock = clock
        self._program = job.program
        self._inputs = job.inputs
        self._encoded = job.continuation
        self._how: Replay | Dump | None = None
        self._call_id: int | None = None
        self._answer = job.answer
        self._at = job.at
        self._seed = job.seed
        self._api: ScriptApi
        self._side_effects: list[SideEffect] = []
        self._line: int | None = None

    def _prepare(self) -> Failed | None:
        """Make the script's functions as they stood; afterwards there are inputs if it is run from its start."""
        if self._program.size > self._limits.source:
            return self._failed(Kind.BUDGET, f"the script is longer than {self._limits.source} characters")
        if not self._encoded:
            assert self._inputs is not None
            self._api = ScriptApi.starting(self._limits, self._inputs, self._clock)
            self._api.moment = self._at
            return None
        try:
            functions, self._how, self._call_id = decode(self._encoded)
            self._api = api = ScriptApi.from_state(self._limits, functions, self._clock)
        except ValueError as error:
            return self._failed(Kind.SNAPSHOT, f"the script cannot go on: {error}")
        if isinstance(self._how, Dump):
            self._inputs = None
        elif self._inputs is None:
            return self._failed(Kind.SNAPSHOT, "the script cannot go on: what it began with is lost")
        api.inputs = self._inputs
        api.moment = self._at
        api.hear(self._answer)
        return None

    def _take(self, reply: Any) -> Any:
        """Take note of what a function did, and return the value that it has; a final answer ends the script."""
        match reply:
            case None | str():
                return reply
            case LogLine():
                self._take_log(LogLine(reply.text, self._line))
                return None
            case Respond(is_final=True):
                return Completed(reply, self._line, self._side_effects)
            case Respond() | HangUpAfter():
                self._side_effects.append(reply)
                return None
            case Recorded():
                self._side_effects.append(reply)
                return reply.value
        return reply

    def _take_log(self, line: LogLine) -> None:
        kept = self._api.take_log(line)
        if kept is not None:
            self._side_effects.append(kept)

    def _suspend(self, command: Command, how: Replay | Dump, call_id: int | None = None) -> Suspended:
        """Suspend the script, which waits for a command.

        Raises:
            BudgetExceeded: It holds too much.
        """
        functions = self._api.to_state(has_inputs=isinstance(how, Replay))
        encoded = encode(Continuation(functions, how, call_id))
        if len(encoded) > self._limits.snapshot:
            most = self._limits.snapshot // 1024
            raise BudgetExceeded(f"the script holds more than {most} kB while it waits")
        return Suspended(command, self._line, encoded, self._side_effects)

    def _exceeded(self, error: BudgetExceeded) -> Failed:
        line = "" if self._line is None else f"{self._program.where(self._line)}: "
        return self._failed(Kind.BUDGET, f"{line}{error}")

    def _failed(self, kind: Kind, sentence: str) -> Failed:
        return Failed(kind, sentence, self._line, sentence, self._side_effects)

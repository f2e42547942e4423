"""The short way to the interpreter, for plain scripts: workers that are spoken to from the event loop.

It speaks the library's own protocol, copied by hand, so it is fenced. It is off where ``[dialplan] fast_path`` says so
and where the library is not of the tested version; whatever it does not know is left to the library, and each time is
counted and told with its reason (``fallback.py``). Without it, everything works; a call with a script costs more.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pydantic_monty
import structlog

from ...language.limits import Limits
from ..job import Job
from ..program import Program
from ..result import Result
from .fallback import Fallback, FallbackLog, Reason
from .fast_activation import FastActivation
from .field_numbers import TESTED_VERSION
from .worker import PATIENCE, Loop, Worker

__all__ = ["FastBackend", "is_tested"]

log = structlog.get_logger(__name__)

MOST_FALLBACKS = 3
"""After so many a script is left to the library at once."""


def is_tested(*, tells: bool = True) -> bool:
    """Return whether the library is of the version that this was tested with; if not, the log is told."""
    found = pydantic_monty.__version__
    if found != TESTED_VERSION and tells:
        why = "it is for another version of pydantic-monty"
        log.warning("fast path refused", why=why, tested=TESTED_VERSION, found=found)
    return found == TESTED_VERSION


class FastBackend:
    """The workers of the fast path."""

    def __init__(
        self,
        limits: Limits,
        workers: int = 1,
        recycle: int = 10_000,
        *,
        loop: Loop | None = None,
        tells: bool = True,
        program: str | None = None,
    ) -> None:
        """Prepare; processes are started when they are needed.

        Args:
            limits: What one run may use.
            workers: How many activations are computed at once at most.
            recycle: After how many of them a process is replaced.
            loop: The event loop, if it is not the running one.
            tells: Whether the log hears of scripts that leave the fast path, and not of our faults only.
            program: What to start in the place of the interpreter, as `Confinement.program`.
        """
        self._limits = limits
        self._idle = [Worker(limits, recycle, loop=loop, program=program) for _ in range(workers)]
        self._busy: set[Worker] = set()
        self._log = FallbackLog(tells=tells)

    @property
    def fallbacks(self) -> int:
        """How many activations were left to the library."""
        return self._log.counts.total()

    @property
    def faults(self) -> int:
        """How many of them because of a fault of ours."""
        return self._log.faults

    def open(self) -> None:
        """Start a process, so that the first script need not wait for that."""
        self._idle[-1].start()

    def close(self) -> None:
        """End all processes; what is under way is given up."""
        for worker in (*self._busy, *self._idle):
            worker.close()

    def takes(self, program: Program) -> bool:
        """Return whether a script most likely is plain."""
        return not program.is_special and program.fallbacks < MOST_FALLBACKS

    def compute(
        self,
        job: Job,
        done: Callable[[Result], None],
        left: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin; `done` is called later, or `left` when the library has to compute it."""
        worker = self._idle.pop()
        self._busy.add(worker)

        def finish(result: Result) -> None:
            job.seconds = min(worker.spent, self._limits.seconds)
            self._set_free(worker)
            done(result)

        def fail(error: Exception) -> None:
            if isinstance(error, Fallback) and error.reason is Reason.TIME:
                job.seconds = PATIENCE
            self._set_free(worker)
            if (
                not job.continuation
            ):  # else it may have been the answer, such as "interrupted", and not the script
                job.program.fallbacks += 1
            self._log.note(error, job.program.name)
            left()

        FastActivation(self._limits, job, clock).compute(worker, finish, fail)

    def _set_free(self, worker: Worker) -> None:
        self._busy.discard(worker)
        self._idle.append(worker)

    def give_up_late(self) -> bool:
        """Give up what computes for long: what has been late at two looks, as we may have been busy ourselves.

        Returns whether there is something to look at later.
        """
        now = time.monotonic()
        for worker in [one for one in self._busy if one.deadline is not None and one.deadline < now]:
            if worker.is_late:
                worker.fail(Fallback(Reason.TIME, "no word for long"))
            worker.is_late = True
        return bool(self._busy)

"""Scripts without an event loop: each stretch is computed when its turn comes on the virtual clock.

A plain script is spoken to as a running switch does it (``fast_backend.py``), only that nothing else is
to be done while its worker computes; all others, and the stretches that turn out to be unusual, go to the library.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable
from typing import Any

from pydantic_monty import Monty

from sipwright.services.dialplan import Limits
from sipwright.services.dialplan.sandbox.activation import Stretch
from sipwright.services.dialplan.sandbox.fastpath.fast_backend import PlainStretch
from sipwright.services.dialplan.sandbox.fastpath.worker import PATIENCE, Worker
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.pool import spare_telemetry_search
from sipwright.services.dialplan.sandbox.result import Step

__all__ = ["Workshop"]

RECYCLE = 10_000
"""Stretches after which a worker is replaced."""


class Workshop:
    """The workers, each started when it is needed first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turns = _Turns()
        self._plain = Worker(limits, RECYCLE, loop=self._turns)
        self._pool: Monty | None = None

    def open(self) -> None:
        """Start the worker that most scripts need, so that none of them waits for that."""
        self._plain.start()

    def close(self) -> None:
        """End the workers."""
        self._plain.close()
        if self._pool is not None:
            self._pool.__exit__(None, None, None)
            self._pool = None

    def compute(self, job: Job, clock: Callable[[], float]) -> Step:
        """Compute one stretch, which must not be called while another one is computed."""
        step = self._compute_plainly(job, clock) if job.script.is_plain else None
        return step or Stretch(self._limits, job, clock).run(self._library())

    def _compute_plainly(self, job: Job, clock: Callable[[], float]) -> Step | None:
        found: list[Step | None] = []

        def unusual() -> None:
            job.script.surprises += 1
            found.append(None)

        PlainStretch(self._limits, job, clock).compute(self._plain, found.append, unusual)
        while not found:
            if not self._turns.take(PATIENCE):
                self._plain.give_up()
        return found[0]

    def _library(self) -> Monty:
        if self._pool is None:
            spare_telemetry_search()
            self._pool = Monty(min_processes=1, max_processes=1, max_checkouts_per_worker=RECYCLE)
            self._pool.__enter__()
        return self._pool


class _Turns:
    """What a worker needs of an event loop, taken turn by turn."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._readers: dict[int, Callable[[], object]] = {}
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        self._readers[fd] = callback
        self._poll.register(fd, select.POLLIN)

    def remove_reader(self, fd: int) -> None:
        del self._readers[fd]
        self._poll.unregister(fd)

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        self._ready.append((callback, arguments))

    def take(self, patience: float) -> bool:
        """Do what is to be done, after waiting for it; False when there was nothing within so many seconds."""
        if not self._ready:
            for fd, _ in self._poll.poll(1000 * patience):
                self.call_soon(self._readers[fd])
        if not self._ready:
            return False
        callback, arguments = self._ready.popleft()
        callback(*arguments)
        return True

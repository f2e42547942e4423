"""Scripts without an event loop: each activation is computed when its turn comes on the virtual clock.

A plain script is spoken to as a running switch does it (``dialplan/sandbox/fastpath``), only that nothing else is to be
done while its worker computes; all others, and what leaves the fast path, go to the library.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable
from typing import Any

from pydantic_monty import Monty

from sipwright.services.dialplan import Limits
from sipwright.services.dialplan.sandbox.fastpath.fast_backend import FastBackend, is_tested
from sipwright.services.dialplan.sandbox.fastpath.worker import PATIENCE
from sipwright.services.dialplan.sandbox.job import Job
from sipwright.services.dialplan.sandbox.library_backend import LibraryActivation
from sipwright.services.dialplan.sandbox.result import Result

__all__ = ["Turns", "Workshop"]

RECYCLE = 10_000
"""Activations after which a worker is replaced."""


class Workshop:
    """The workers, each started when it is needed first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turns = Turns()
        self._fast = (
            FastBackend(limits, 1, RECYCLE, loop=self._turns, tells=False) if is_tested(tells=False) else None
        )
        self._pool: Monty | None = None

    def open(self) -> None:
        """Start the worker that most scripts need, so that none of them waits for that."""
        if self._fast is not None:
            self._fast.open()

    def close(self) -> None:
        """End the workers."""
        if self._fast is not None:
            self._fast.close()
        if self._pool is not None:
            self._pool.__exit__(None, None, None)
            self._pool = None

    def compute(self, job: Job, clock: Callable[[], float]) -> Result:
        """Compute one activation, which must not be called while another one is computed."""
        fast = self._fast
        result = self._compute_fast(fast, job, clock) if fast and fast.takes(job.program) else None
        return result or LibraryActivation(self._limits, job, clock).run(self._library())

    def _compute_fast(self, fast: FastBackend, job: Job, clock: Callable[[], float]) -> Result | None:
        found: list[Result | None] = []
        fast.compute(job, found.append, lambda: found.append(None), clock)
        while not found:
            if not self._turns.take(PATIENCE):
                fast.give_up_late()
        return found[0]

    def _library(self) -> Monty:
        if self._pool is None:
            self._pool = Monty(min_processes=1, max_processes=1, max_checkouts_per_worker=RECYCLE)
            self._pool.__enter__()
        return self._pool


class Turns:
    """What a worker needs of an event loop, taken turn by turn."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._readers: dict[int, Callable[[], object]] = {}
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        """Call back whenever there is something to read."""
        self._readers[fd] = callback
        self._poll.register(fd, select.POLLIN)

    def remove_reader(self, fd: int) -> None:
        """Do so no more."""
        del self._readers[fd]
        self._poll.unregister(fd)

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> None:
        """Call back in a later turn."""
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

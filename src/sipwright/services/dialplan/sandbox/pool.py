"""Runs scripts in worker processes of `pydantic-monty`.

A job is one activation of a script, from its start or its continuation to its next wait. It begins on the fast path, in
small steps in the event loop (``fastpath/``). What is not plain is computed by the library, in a thread for each of its
workers, which keeps everything that such a script sends away from the loop: arguments are checked in that thread, and
only a ``Result`` reaches the loop. Which job runs next is decided in the loop: users take turns, and none may hold
every worker.
"""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from queue import SimpleQueue

import structlog
from pydantic_monty import Monty

from sipwright.services.script_headers import one_line

from ..language.limits import Limits, UserLimits
from .fastpath.fast_backend import FastBackend, is_tested
from .fastpath.worker import PATIENCE
from .job import Job
from .library_backend import LibraryActivation
from .result import Failed, Kind, Result

__all__ = ["Sandbox", "SandboxSnapshot"]

log = structlog.get_logger(__name__)

MAX_WAITING = 10_000
MAX_WAITING_OF_ONE = 1_000
GRACE = 1.0
"""Seconds that a worker may go on after its time is over (a regular expression looks at no clock)."""


@dataclass(frozen=True, slots=True)
class SandboxSnapshot:
    """How busy the sandbox is."""

    workers: int
    busy: int
    waiting: int
    activations: int
    crashes: int
    fallbacks: int
    faults: int


class Sandbox:
    """The workers, and the queue before them."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        workers: int = 2,
        recycle: int = 1000,
        owner_seconds: Callable[[Hashable], float] = lambda owner: UserLimits().seconds_per_minute,
        fast_path: bool = True,
    ) -> None:
        """Make the workers, which `start` starts.

        Args:
            limits: What one run may use.
            workers: How many processes there are.
            recycle: After how many activations one of them is replaced.
            owner_seconds: For how long the scripts of an owner may compute within a minute.
            fast_path: Whether plain scripts take the short way, if the library is of the tested version.
        """
        self.limits = limits or Limits()
        self._owner_seconds = owner_seconds
        self._minute = 0
        self._spent: dict[Hashable, float] = {}
        self._workers = workers
        self._fast = FastBackend(self.limits, workers, recycle) if fast_path and is_tested() else None
        self._watches = self._is_closed = False
        self._share = max(1, workers - 1)
        self._pool = Monty(
            min_processes=0,
            max_processes=workers,
            max_checkouts_per_worker=recycle,
            feed_duration_limit_grace=GRACE,
            request_timeout=self.limits.seconds + 10 * GRACE,
        )
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._waiting: dict[Hashable, deque[Job]] = {}
        self._waiting_count = 0
        self._busy: Counter[Hashable] = Counter()
        self._idle = 0
        self._activations = self._crashes = 0
        self._loop: asyncio.AbstractEventLoop

    async def start(self) -> None:
        """Start the workers."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._pool.__enter__)
        self._idle = self._workers
        for number in range(self._workers):
            thread = threading.Thread(target=self._work, name=f"dialplan-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def close(self) -> None:
        """Stop; what is under way is given up (its continuation is where it was)."""
        self._is_closed = True
        self._waiting.clear()
        self._waiting_count = 0
        for _ in self._threads:
            self._jobs.put(None)
        if self._fast is not None:
            self._fast.close()
        await asyncio.to_thread(self._stop_workers)
        self._threads.clear()

    def _stop_workers(self) -> None:
        for thread in self._threads:
            thread.join()
        self._pool.__exit__(None, None, None)

    # The queue: all of it in the event loop.

    def submit(self, job: Job) -> None:
        """Run a job as soon as its owner's turn comes; ``job.done`` is called in the loop, always later."""
        if self._is_closed:
            return
        is_new = job.is_new and not job.continuation
        if is_new and self._spent and self._spent_by(job.owner) > (most := self._owner_seconds(job.owner)):
            sentence = f"this user's limit is reached: dialplans compute for {most:g} s within a minute"
            self._loop.call_soon(job.done, Failed(Kind.QUOTA, sentence))
            return
        queue = self._waiting.get(job.owner)
        if self._idle and queue is None and self._busy[job.owner] < self._share:
            self._dispatch(job)
        elif is_new and self._is_full(queue):
            self._loop.call_soon(job.done, Failed(Kind.OVERLOAD, "too many dialplans are waiting to run"))
        else:
            self._waiting.setdefault(job.owner, deque()).append(job)
            self._waiting_count += 1

    def _spent_by(self, owner: Hashable) -> float:
        """Return for how long the scripts of an owner have computed in this minute."""
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute = minute
            self._spent.clear()
        return self._spent.get(owner, 0.0)

    def _is_full(self, queue: deque[Job] | None) -> bool:
        return self._waiting_count >= MAX_WAITING or (queue is not None and len(queue) >= MAX_WAITING_OF_ONE)

    def _dispatch(self, job: Job) -> None:
        if self._is_closed:
            return
        self._idle -= 1
        self._busy[job.owner] += 1
        if self._fast is not None and self._fast.takes(job.program):
            self._run_fast(self._fast, job)
        else:
            self._jobs.put(job)

    def _finished(self, job: Job, result: Result, seconds: float) -> None:
        self._activations += 1
        self._spent[job.owner] = self._spent_by(job.owner) + seconds
        self._busy[job.owner] -= 1
        if not self._busy[job.owner]:
            del self._busy[job.owner]
        self._idle += 1
        self._next()
        if isinstance(result, Failed):
            self._crashes += result.kind is Kind.CRASHED
            if result.kind is Kind.INTERNAL:
                log.error("dialplan sandbox failed", error=result.message, traceback=result.traceback)
        job.done(result)

    def _next(self) -> None:
        for owner in self._waiting:
            if self._busy[owner] < self._share:
                break
        else:
            return
        queue = self._waiting.pop(owner)
        self._waiting_count -= 1
        self._dispatch(queue.popleft())
        if queue:
            self._waiting[owner] = queue

    def snapshot(self) -> SandboxSnapshot:
        """Tell how busy the sandbox is."""
        fast = self._fast
        return SandboxSnapshot(
            self._workers,
            sum(self._busy.values()),
            self._waiting_count,
            self._activations,
            self._crashes,
            0 if fast is None else fast.fallbacks,
            0 if fast is None else fast.faults,
        )

    # Plain scripts, in the loop.

    def _run_fast(self, fast: FastBackend, job: Job) -> None:
        begun = time.monotonic()
        fast.compute(
            job,
            lambda result: self._finished(job, result, time.monotonic() - begun),
            lambda: self._jobs.put(job),
        )
        if not self._watches:
            self._watches = True
            self._loop.call_later(PATIENCE, self._watch, fast)

    def _watch(self, fast: FastBackend) -> None:
        self._watches = fast.give_up_late()
        if self._watches:
            self._loop.call_later(PATIENCE, self._watch, fast)

    # Everything else, in threads.

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            begun = time.monotonic()
            result = self._run(job)
            try:
                self._loop.call_soon_threadsafe(self._finished, job, result, time.monotonic() - begun)
            except RuntimeError:  # the loop is closed
                return

    def _run(self, job: Job) -> Result:
        try:
            return LibraryActivation(self.limits, job).run(self._pool)
        except Exception as error:  # the root of a thread
            return Failed(
                Kind.INTERNAL, one_line(f"internal error: {error}", 120), None, traceback.format_exc()
            )

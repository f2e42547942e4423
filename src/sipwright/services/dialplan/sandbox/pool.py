"""Runs scripts in worker processes of `pydantic-monty`.

A job is one activation of a script, from its start or its continuation to its next wait. One that does little needs
no worker (``inplace/``). All else begins on the fast path, in small steps in the event
loop (``fastpath/``). What is not plain is computed by the library, in a thread for each of its
workers, which keeps everything that such a script sends away from the loop: arguments are checked in that thread, and
only a ``Result`` reaches the loop. Which job runs next is decided in the loop (``turns.py``).

A plain script computes for a tenth of a millisecond, and then its process waits until the loop comes round to hear it.
When the loop has much to do that is a hundred times as long. So there are several processes for each core: with one it
would be the loop's round that says how many scripts run in a second, and the busier the loop, the fewer would.
"""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from queue import SimpleQueue

import structlog
from pydantic_monty import Monty

from sipwright.services.script_headers import one_line

from ..language.limits import Limits, UserLimits
from .confinement import Confinement
from .fastpath.fast_backend import FastBackend, is_tested
from .fastpath.worker import PATIENCE
from .inplace.in_place import InPlace
from .job import Job
from .library_backend import ONCE_MORE, LibraryActivation
from .result import Failed, Kind, Result
from .turns import Turns

__all__ = ["Sandbox", "SandboxSnapshot"]

log = structlog.get_logger(__name__)

MAX_WAITING = 10_000
MAX_WAITING_OF_ONE = 1_000
MAX_SECONDS = 4.0
"""Seconds that the beginning of a run may wait: while the first one has waited for so long no other is taken."""

PLAIN_AT_ONCE = 8
"""For each worker, how many plain scripts may be under way."""

GRACE = 1.0
"""Seconds that a worker may go on after its time is over (a regular expression looks at no clock)."""


@dataclass(frozen=True, slots=True)
class SandboxSnapshot:
    """How busy the sandbox is."""

    workers: int
    busy: int
    waiting: int
    activations: int
    in_place: int
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
        recycle: int = 10_000,
        owner_seconds: Callable[[Hashable], float] = lambda owner: UserLimits().seconds_per_minute,
        fast_path: bool = True,
        plain_at_once: int | None = None,
    ) -> None:
        """Make the workers, which `start` starts.

        Args:
            limits: What one run may use.
            workers: How many scripts may compute for long at once.
            recycle: After how many activations a process is replaced.
            owner_seconds: For how long the scripts of an owner may compute within a minute.
            fast_path: Whether plain scripts take the short way, if the library is of the tested version.
            plain_at_once: How many plain scripts may be under way at once; by default some for each worker.
        """
        self.limits = limits or Limits()
        self._owner_seconds = owner_seconds
        self._minute = 0
        self._spent: dict[Hashable, float] = {}
        self._workers = workers
        places = plain_at_once or PLAIN_AT_ONCE * workers
        self._plain = Turns(places, max(1, places - max(1, places // 4)), self._begin_plain)
        self._confinement = confinement = Confinement()
        self._fast = (
            FastBackend(self.limits, places, recycle, program=confinement.program)
            if fast_path and is_tested()
            else None
        )
        self._in_place = None if self._fast is None else InPlace(self.limits)
        self._watches = self._is_closed = False
        self._others = Turns(workers, max(1, workers - 1), self._begin_other)
        self._pool = Monty(
            binary_path=confinement.program,
            min_processes=0,
            max_processes=workers,
            max_checkouts_per_worker=recycle,
            feed_duration_limit_grace=GRACE,
            request_timeout=self.limits.seconds * ONCE_MORE + 10 * GRACE,
        )
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._under_way: set[LibraryActivation] = set()
        self._activations = self._crashes = 0
        self._loop: asyncio.AbstractEventLoop

    async def start(self) -> None:
        """Start the workers."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._pool.__enter__)
        for number in range(self._workers):
            thread = threading.Thread(target=self._work, name=f"dialplan-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    async def close(self) -> None:
        """Stop; what is under way is given up (its continuation is where it was)."""
        self._is_closed = True
        self._plain.clear()
        self._others.clear()
        for _ in self._threads:
            self._jobs.put(None)
        if self._fast is not None:
            self._fast.close()
        for activation in tuple(self._under_way):
            activation.give_up()
        await asyncio.to_thread(self._stop_workers)
        self._threads.clear()

    def _stop_workers(self) -> None:
        for thread in self._threads:
            thread.join()
        self._pool.__exit__(None, None, None)
        self._confinement.close()

    # The queue: all of it in the event loop.

    def submit(self, job: Job) -> None:
        """Run a job as soon as its owner's turn comes; ``job.done`` is called in the loop, always later."""
        if self._is_closed:
            return
        owner, turns = job.owner, self._turns_for(job)
        if job.begins and self._spent and self._spent_by(owner) > (most := self._owner_seconds(owner)):
            sentence = f"this user's limit is reached: dialplans compute for {most:g} s within a minute"
            self._loop.call_soon(job.done, Failed(Kind.QUOTA, sentence))
        elif self._in_place is not None and (result := self._in_place.compute(job)) is not None:
            self._loop.call_soon(self._over, job, result, job.seconds)
        elif job.begins and not turns.is_at_once(owner) and self._is_full(turns, owner):
            self._loop.call_soon(job.done, Failed(Kind.OVERLOAD, "too many dialplans are waiting to run"))
        else:
            turns.submit(job)

    def _turns_for(self, job: Job) -> Turns:
        is_plain = self._fast is not None and self._fast.takes(job.program)
        return self._plain if is_plain else self._others

    def is_behind(self, owner: Hashable) -> bool:
        """Return whether a new run of an owner had better not begin: another one has waited for so long already."""
        return max(self._plain.wait(owner), self._others.wait(owner)) > MAX_SECONDS

    def _spent_by(self, owner: Hashable) -> float:
        """Return for how long the scripts of an owner have computed in this minute."""
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute = minute
            self._spent.clear()
        return self._spent.get(owner, 0.0)

    def _is_full(self, turns: Turns, owner: Hashable) -> bool:
        return (
            self._plain.waiting + self._others.waiting >= MAX_WAITING
            or turns.length(owner) >= MAX_WAITING_OF_ONE
            or turns.wait(owner) > MAX_SECONDS
        )

    def _finished(self, turns: Turns, job: Job, result: Result, seconds: float) -> None:
        if not self._is_closed:
            turns.over(job)
        if isinstance(result, Failed):
            self._crashes += result.kind is Kind.CRASHED
            if result.kind is Kind.INTERNAL:
                log.error("dialplan sandbox failed", error=result.message, exception=result.traceback)
        elif self._in_place is not None:
            self._in_place.learn(job.program)
        self._over(job, result, seconds)

    def _over(self, job: Job, result: Result, seconds: float) -> None:
        self._activations += 1
        self._spent[job.owner] = self._spent_by(job.owner) + seconds
        job.done(result)

    def snapshot(self) -> SandboxSnapshot:
        """Tell how busy the sandbox is."""
        fast = self._fast
        return SandboxSnapshot(
            self._workers,
            self._plain.busy + self._others.busy,
            self._plain.waiting + self._others.waiting,
            self._activations,
            0 if self._in_place is None else self._in_place.taken,
            self._crashes,
            0 if fast is None else fast.fallbacks,
            0 if fast is None else fast.faults,
        )

    # Plain scripts, in the loop.

    def _begin_plain(self, job: Job) -> None:
        fast = self._fast
        assert fast is not None
        fast.compute(
            job,
            lambda result: self._finished(self._plain, job, result, job.seconds),
            lambda: self._leave_to_library(job),
        )
        if not self._watches:
            self._watches = True
            self._loop.call_later(PATIENCE, self._watch, fast)

    def _leave_to_library(self, job: Job) -> None:
        """Have a script take its turn among those that are not plain."""
        if not self._is_closed:
            self._others.submit(job)
            self._plain.over(job)

    def _watch(self, fast: FastBackend) -> None:
        self._watches = fast.give_up_late()
        if self._watches:
            self._loop.call_later(PATIENCE, self._watch, fast)

    # Everything else, in threads.

    def _begin_other(self, job: Job) -> None:
        self._jobs.put(job)

    def _work(self) -> None:
        if threading.current_thread() is self._threads[0]:
            self._confinement.tell()
        while (job := self._jobs.get()) is not None:
            begun = time.monotonic()
            result = None if self._is_closed else self._run(job)
            if result is None:
                continue
            try:
                self._loop.call_soon_threadsafe(
                    self._finished, self._others, job, result, job.seconds + time.monotonic() - begun
                )
            except RuntimeError:  # the loop is closed
                return

    def _run(self, job: Job) -> Result | None:
        """Return what comes of a job; None when it was given up."""
        try:
            result, was_kept_waiting = self._activate(job, 1)
            if was_kept_waiting and isinstance(result, Failed) and result.kind is Kind.TIME:
                log.warning("a script had no processor, and is computed again", dialplan=job.program.name)
                result, _ = self._activate(job, ONCE_MORE)
            return result
        except Exception as error:  # the root of a thread
            return Failed(
                Kind.INTERNAL, one_line(f"internal error: {error}", 120), None, traceback.format_exc()
            )

    def _activate(self, job: Job, times: int) -> tuple[Result | None, bool]:
        """Return what comes of one activation, and whether it had to wait for a processor."""
        activation = LibraryActivation(self.limits, job)
        self._under_way.add(activation)
        try:
            if self._is_closed:
                activation.give_up()
            result = activation.run(self._pool, times)
        finally:
            self._under_way.discard(activation)
        return (None if activation.is_given_up else result), activation.was_kept_waiting

"""Whose turn it is: some places where jobs are computed, and the queue before them.

Users take turns, and none may hold every place.  Of what waits for one user that comes first which goes on: what has
begun is brought to an end, and what begins is what waits, and what is refused when it would wait for too long.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable

from .job import Job

__all__ = ["Turns"]


class _Queue:
    """What waits for one user."""

    __slots__ = ("going_on", "new")

    def __init__(self) -> None:
        self.going_on: deque[Job] = deque()
        self.new: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self.going_on) + len(self.new)


class Turns:
    """Begins jobs, a number of them at once; whoever computes them says when one is over."""

    def __init__(
        self,
        places: int,
        share: int,
        begin: Callable[[Job], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Have all places free.

        Args:
            places: How many jobs may be under way at once.
            share: How many of them may be one user's.
            begin: Begins one, which is never over before this returns.
            clock: Monotonic time.
        """
        self._idle = places
        self._share = share
        self._begin = begin
        self._clock = clock
        self._queues: dict[Hashable, _Queue] = {}
        self._under_way: Counter[Hashable] = Counter()
        self.waiting = 0
        """How many jobs wait."""

    @property
    def busy(self) -> int:
        """How many jobs are under way."""
        return self._under_way.total()

    def is_at_once(self, owner: Hashable) -> bool:
        """Return whether a job of that owner would begin at once."""
        return self._idle > 0 and owner not in self._queues and self._under_way[owner] < self._share

    def submit(self, job: Job) -> None:
        """Begin a job when its owner's turn comes."""
        if self.is_at_once(job.owner):
            self._place(job)
            return
        job.since = self._clock()
        queue = self._queues.setdefault(job.owner, _Queue())
        (queue.new if job.begins else queue.going_on).append(job)
        self.waiting += 1

    def over(self, job: Job) -> None:
        """Take note that a job is over, and begin the next one."""
        owner = job.owner
        self._under_way[owner] -= 1
        if not self._under_way[owner]:
            del self._under_way[owner]
        self._idle += 1
        self._next()

    def length(self, owner: Hashable) -> int:
        """Return how many jobs of an owner wait."""
        queue = self._queues.get(owner)
        return 0 if queue is None else len(queue)

    def wait(self, owner: Hashable) -> float:
        """Return for how many seconds the first of those of an owner's jobs has waited that are new."""
        queue = self._queues.get(owner)
        return 0.0 if queue is None or not queue.new else self._clock() - queue.new[0].since

    def clear(self) -> None:
        """Forget what waits."""
        self._queues.clear()
        self.waiting = 0

    def _place(self, job: Job) -> None:
        self._idle -= 1
        self._under_way[job.owner] += 1
        self._begin(job)

    def _next(self) -> None:
        for owner in self._queues:
            if self._under_way[owner] < self._share:
                break
        else:
            return
        queue = self._queues.pop(owner)
        self.waiting -= 1
        job = (queue.going_on or queue.new).popleft()
        if queue:
            self._queues[owner] = queue  # behind all others
        self._place(job)

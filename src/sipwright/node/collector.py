"""The garbage collector of a running switch: it looks at everything when nobody waits, and at nothing by itself.

Calls and scripts leave no cycles behind, so reference counts free all of it, and a collection finds nothing. Yet it
stops the loop, and fetches into the processor's caches what nobody has used for a while: to look at young objects
again and again was 3 % of what a call costs. So `commands/run.py` has switched off what Python does by itself.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Collector", "CollectorSnapshot", "resident_memory"]

SPACING = 60.0
"""Seconds between two looks at everything, at least."""

ENOUGH, GROWTH = 400_000_000, 1.5
"""So many bytes, and so many times the memory after the last look at everything, make one due while messages come."""


@dataclass(frozen=True, slots=True)
class CollectorSnapshot:
    """How often everything was looked at, how many objects that freed, and how long it took at most."""

    collections: int
    freed: int
    slowest: float


class Collector:
    """Decides when to look at everything; to be asked once a second.

    That is when no message has come since it was last asked; under steady load, which has no such second, only when
    much memory has grown by half, so that a fault that leaves cycles behind cannot eat it all.
    """

    def __init__(
        self,
        messages: Callable[[], int],
        *,
        memory: Callable[[], int] | None = None,
        collect: Callable[[], int] = gc.collect,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Look at nothing yet.

        Args:
            messages: Returns how many messages have come in so far.
            memory: Returns how many bytes this process takes.
            collect: Looks at everything, and returns how many objects it has freed.
            timer: The clock that says how long that took.
        """
        self._messages = messages
        self._memory = memory or resident_memory
        self._collect = collect
        self._timer = timer
        self._seen = self._seen_at_last = messages()
        self._base = self._memory()
        self._due_at = 0.0
        self._collections = self._freed = 0
        self._slowest = 0.0

    def start(self, now: float) -> None:
        """Take what exists now for what lives as long as the process, which is never looked at at all.

        A look takes a quarter of a second with some thousand calls, at the moment when most wait; the cycles that
        a start leaves behind are a few megabytes.
        """
        gc.freeze()
        self._rest(now)

    def close(self) -> None:
        """Leave nothing out any more."""
        gc.unfreeze()

    def look(self, now: float) -> None:
        """Look at everything if that is due and disturbs nobody, or cannot wait."""
        messages = self._messages()
        is_quiet, self._seen = messages == self._seen, messages
        if now < self._due_at:
            return
        has_worked = messages != self._seen_at_last
        if (is_quiet and has_worked) or self._memory() >= max(ENOUGH, GROWTH * self._base):
            self._look_at_everything(now)

    def snapshot(self) -> CollectorSnapshot:
        """Return the counters."""
        return CollectorSnapshot(self._collections, self._freed, self._slowest)

    def _look_at_everything(self, now: float) -> None:
        started = self._timer()
        self._freed += self._collect()
        self._slowest = max(self._slowest, self._timer() - started)
        self._collections += 1
        self._rest(now)

    def _rest(self, now: float) -> None:
        self._base = self._memory()
        self._seen_at_last = self._messages()
        self._due_at = now + SPACING


def resident_memory() -> int:
    """Return how many bytes of memory this process has; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0

"""The garbage collector of a running switch: it looks at everything when nobody waits, and at nothing by itself.

Calls and scripts leave no cycles behind, so reference counts free all of it, and a collection finds nothing. Yet it
stops the loop, and fetches into the processor's caches what nobody has used for a while: to look at young objects
again and again was 3 % of what a call costs. So `commands/run.py` has switched off what Python does by itself.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable

__all__ = ["Collector", "resident_memory"]

SPACING = 60.0
"""Seconds between two looks at everything, at least."""

ENOUGH, GROWTH = 400_000_000, 1.5
"""So many bytes, and so many times the memory after the last look at everything, make one due while messages come."""


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
        collect: Callable[[], object] = gc.collect,
    ) -> None:
        """Look at nothing yet.

        Args:
            messages: Returns how many messages have come in so far.
            memory: Returns how many bytes this process takes.
            collect: Looks at everything.
        """
        self._messages = messages
        self._memory = memory or resident_memory
        self._collect = collect
        self._seen = self._seen_at_last = messages()
        self._base = self._memory()
        self._due_at = 0.0

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

    def _look_at_everything(self, now: float) -> None:
        self._collect()
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

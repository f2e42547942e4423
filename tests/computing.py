"""How long something takes, whatever else this process and this machine have to do meanwhile."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TICK, LONGEST_TICK = 0.02, 0.03
"""Seconds after which a clock is looked at again, and what counts of them when that was later."""


def seconds_of(work: Callable[[], object]) -> float:
    """Return for how long this thread works at it, without the collector, which looks at what all tests have left."""
    is_on = gc.isenabled()
    gc.disable()
    try:
        began = time.thread_time()
        work()
        return time.thread_time() - began
    finally:
        if is_on:
            gc.enable()


class FairClock:
    """Counts the seconds in which this machine had time for us: neither its stops, nor a queue for its processors."""

    def __init__(self, now: float) -> None:
        self.seconds, self._looked_at = 0.0, now

    def look(self, now: float) -> None:
        """Count what has passed, which nobody sees who is not let in."""
        self.seconds += min(now - self._looked_at, LONGEST_TICK)
        self._looked_at = now


@contextmanager
def fair_seconds() -> Iterator[Callable[[], float]]:
    """Give what tells for how long something takes: a bound on that is not met by a machine that stands still."""
    clock, is_over = FairClock(time.monotonic()), threading.Event()

    def count() -> None:
        while not is_over.wait(TICK):
            clock.look(time.monotonic())

    counting = threading.Thread(target=count, daemon=True)
    counting.start()
    try:
        yield lambda: clock.seconds
    finally:
        is_over.set()
        counting.join()

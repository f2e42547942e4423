"""How long something computes, whatever else this process and this machine have to do meanwhile."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


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

"""The clock that leases are counted by: nobody can set it, and it goes on while the machine sleeps."""

from __future__ import annotations

import time

__all__ = ["lease_clock"]

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def lease_clock() -> float:
    """Return the seconds since the machine was started, those among them in which it was suspended."""
    return time.clock_gettime(_CLOCK)

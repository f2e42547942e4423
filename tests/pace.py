"""How fast this machine is just now, for promises in seconds that were made for one with nothing else to do."""

from __future__ import annotations

import time

__all__ = ["is_kept", "slowness"]

_WORK, _SECONDS = 1_500_000, 0.1
"""A sum of so many numbers takes about so long on a machine of the year 2020 that has nothing else to do."""


def is_kept(promised: float, took: float) -> bool:
    """Return whether something took less than it was promised to take, on a machine that is as slow as this one."""
    return took < promised or took < promised * slowness()


def slowness() -> float:
    """Return how many times longer than promised anything takes here and now: 1 where little else is going on."""
    began = time.monotonic()
    total = 0
    for number in range(_WORK):
        total += number * number % 7
    return max(1.0, (time.monotonic() - began) / _SECONDS)

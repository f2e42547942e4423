"""How much of an answering service a source may have."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from sipwright.memo import Bounded

__all__ = ["BURST", "CAPACITY", "RATE", "Budget"]

RATE = 30.0
"""Answers a second for one source, on the average: an office of hundreds of phones, each with its keep-alives."""

BURST = 100.0
"""Answers at once."""

CAPACITY = 10_000
"""Sources that are told apart; beyond it all begin anew."""


class Budget:
    """A bucket for each source: an IPv4 address, or the /64 of an IPv6 one, as somebody has all of that."""

    __slots__ = ("_buckets", "_clock")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: Bounded[str, tuple[float, float]] = Bounded(CAPACITY)

    def take(self, host: str) -> bool:
        """Take one; False when nothing is left for now."""
        now = self._clock()
        key = _network(host) if ":" in host else host
        left, since = self._buckets.get(key, (BURST, now))
        left = min(BURST, left + (now - since) * RATE)
        if left < 1.0:
            return False
        if key in self._buckets:
            self._buckets[key] = (left - 1.0, now)
        else:
            self._buckets.keep(key, (left - 1.0, now))
        return True


def _network(host: str) -> str:
    return str(ipaddress.ip_network((host.partition("%")[0], 64), strict=False))

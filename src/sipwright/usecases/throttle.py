"""The throttle on log-ins and what else strangers try: by name and by address, for all faces and processes together."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sipwright.memo import Bounded
from sipwright.store.admin import throttles
from sipwright.store.admin.throttles import Limit
from sipwright.usecases.errors import Throttled
from sipwright.usecases.ground import Ground

__all__ = ["Throttle"]


LOOK_AGAIN = 1.5
"""Seconds for which nobody looks whether somebody has to wait still: another process may have let them try again."""


class Throttle:
    """Counts tries, and lets nobody try who has had all of theirs."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        # Who has to wait asks the database now and then: a flood of tries is no flood of transactions.
        self._waits: Bounded[str, tuple[float, float]] = Bounded()

    async def take(self, limits: Sequence[Limit]) -> None:
        """Count one more try.

        Raises:
            Throttled: There were too many; this one is not counted.
        """
        now = self._ground.unix_time()
        until, good_until = max((self._waits.get(limit.key, _NEVER) for limit in limits), default=_NEVER)
        if until > now and now < good_until <= now + LOOK_AGAIN:  # beyond that the clock was ahead
            raise _throttled(until - now)
        refused = await self._ground.keep(lambda c: throttles.take(c, limits, now))
        if refused is not None:
            limit, wait = refused
            self._waits.keep(limit.key, (now + wait, now + LOOK_AGAIN))
            raise _throttled(wait)

    async def give_back(self, limits: Sequence[Limit]) -> None:
        """Take back one try of each limit: it was none."""
        await self._ground.keep(lambda c: throttles.give_back(c, limits))

    async def forget(self, start: str) -> int:
        """Forget all tries whose keys begin in some way, and return how many kinds of tries there were."""
        self._waits.clear()
        return await self._ground.keep(lambda c: throttles.forget(c, start))


_NEVER = (0.0, 0.0)


def _throttled(seconds: float) -> Throttled:
    wait = math.ceil(seconds)
    return Throttled(f"there were too many tries; the next one may come in {wait} s", float(wait))

"""Counts of what somebody has tried, in rows that all processes share; the library `limits` does the counting.

It is slow to import, and most commands count nothing: it is loaded when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, delete, update

from sipwright.store.schema.people_tables import throttles

if TYPE_CHECKING:
    from limits import RateLimitItem

__all__ = ["Limit", "forget", "give_back", "prune", "take"]

_NAMESPACE = "log-in"


class Limit(NamedTuple):
    """How often something may be tried in so many seconds, counted from the first try."""

    key: str
    most: int
    seconds: int


def take(connection: Connection, limits: Sequence[Limit], now: float) -> tuple[Limit, float] | None:
    """Count one more try; return the limit that allows no more, and for how many seconds, which counts nothing."""
    from limits.strategies import FixedWindowRateLimiter

    from sipwright.store.admin.throttle_rows import ThrottleRows

    # All are looked at before one is counted: nobody uses up another's limit with tries that are refused.
    for step in (FixedWindowRateLimiter.test, FixedWindowRateLimiter.hit):
        for limit in limits:
            item, rows = _item(limit), ThrottleRows(connection, now, limit.seconds)
            if not step(FixedWindowRateLimiter(rows), item, limit.key):
                return limit, max(1.0, rows.get_expiry(item.key_for(limit.key)) - now)
    return None


def give_back(connection: Connection, limits: Iterable[Limit]) -> None:
    """Take back one try of each limit: it was none."""
    for limit in limits:
        column = throttles.c
        statement = update(throttles).where(column.key == _item(limit).key_for(limit.key), column.count > 0)
        connection.execute(statement.values(count=column.count - 1))


def forget(connection: Connection, start: str) -> int:
    """Forget all tries whose keys begin in some way, whatever their limits were."""
    pattern = throttles.c.key.startswith(f"{_NAMESPACE}/{start}", autoescape=True)
    return connection.execute(delete(throttles).where(pattern)).rowcount


def prune(connection: Connection, now: float) -> None:
    """Delete the counts that are over."""
    connection.execute(delete(throttles).where(throttles.c.expires_at < now))


def _item(limit: Limit) -> RateLimitItem:
    from limits import RateLimitItemPerSecond

    return RateLimitItemPerSecond(limit.most, limit.seconds, _NAMESPACE)

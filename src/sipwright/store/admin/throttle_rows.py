"""A storage for the library `limits` that keeps its counts in the rows of one transaction."""

from __future__ import annotations

from limits.storage import Storage
from sqlalchemy import Connection, case, delete, literal, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from sipwright.store.dialects import dialect_of
from sipwright.store.schema.people_tables import throttles

__all__ = ["ThrottleRows"]


CLOCKS_DIFFER = 60.0
"""Seconds that a try of another process, or of another node, may be ahead of one here."""


class ThrottleRows(Storage):
    """Keeps counts in the rows of one transaction, which is gone after it."""

    STORAGE_SCHEME = None

    def __init__(self, connection: Connection, now: float, longest: float = 86_400.0) -> None:
        super().__init__()
        self._connection = connection
        self._now = now
        self._longest = longest

    @property
    def base_exceptions(self) -> type[Exception]:
        """What goes wrong in it: left as it is."""
        return SQLAlchemyError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a count, or begin a new one."""
        column = throttles.c
        end, is_ours = self._now + expiry, column.key == key
        new = select(literal(key), literal(0), literal(end))
        missing = dialect_of(self._connection).insert_missing(throttles, ["key", "count", "expires_at"], new)
        # One that ends later than any can was begun while the clock was ahead: nobody waits for hours because of that.
        is_over = or_(column.expires_at <= self._now, column.expires_at > end + CLOCKS_DIFFER)
        added = (
            update(throttles)
            .where(is_ours)
            .values(
                count=case((is_over, amount), else_=column.count + amount),
                expires_at=case((is_over, end), else_=column.expires_at),
            )
        )
        # Between the two another transaction may forget the row; once it is counted in, it is ours.
        self._connection.execute(missing)
        while not self._connection.execute(added).rowcount:
            self._connection.execute(missing)
        return int(self._connection.execute(select(column.count).where(is_ours)).scalar_one())

    def get(self, key: str) -> int:
        """Return a count."""
        column, latest = throttles.c, self._now + self._longest + CLOCKS_DIFFER
        is_on = (column.expires_at > self._now, column.expires_at <= latest)
        return self._connection.scalar(select(column.count).where(column.key == key, *is_on)) or 0

    def get_expiry(self, key: str) -> float:
        """Return when a count is over."""
        found = self._connection.scalar(select(throttles.c.expires_at).where(throttles.c.key == key))
        return self._now if found is None else found

    def check(self) -> bool:
        """Work as long as the transaction does."""
        return True

    def reset(self) -> int | None:
        """Forget all counts."""
        return self._connection.execute(delete(throttles)).rowcount

    def clear(self, key: str) -> None:
        """Forget a count."""
        self._connection.execute(delete(throttles).where(throttles.c.key == key))

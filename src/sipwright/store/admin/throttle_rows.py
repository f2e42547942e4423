"""A storage for the library `limits` that keeps its counts in the rows of one transaction."""

from __future__ import annotations

from limits.storage import Storage
from sqlalchemy import Connection, case, delete, literal, select, update
from sqlalchemy.exc import SQLAlchemyError

from sipwright.store.dialects import dialect_of
from sipwright.store.schema.people_tables import throttles

__all__ = ["ThrottleRows"]


class ThrottleRows(Storage):
    """Keeps counts in the rows of one transaction, which is gone after it."""

    STORAGE_SCHEME = None

    def __init__(self, connection: Connection, now: float) -> None:
        super().__init__()
        self._connection = connection
        self._now = now

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
        is_over = column.expires_at <= self._now
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
        column = throttles.c
        query = select(column.count).where(column.key == key, column.expires_at > self._now)
        return self._connection.scalar(query) or 0

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

"""A storage for the library `limits` that keeps its counts in the rows of one transaction."""

from __future__ import annotations

from limits.storage import Storage
from sqlalchemy import Connection, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

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
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(throttles).values(key=key, count=amount, expires_at=self._now + expiry)
        is_over = column.expires_at <= self._now
        statement = statement.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "count": case((is_over, amount), else_=column.count + amount),
                "expires_at": case((is_over, self._now + expiry), else_=column.expires_at),
            },
        )
        return int(self._connection.execute(statement.returning(column.count)).scalar_one())

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

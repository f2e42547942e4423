"""What a database is to whoever reads and writes in it, and how rows come out of it and go in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Select, Table, insert
from sqlalchemy.engine import URL

from sipwright.store.writing.board import Glance

__all__ = ["NO_TEXT", "Database", "insert_row", "rows_as_stored"]

T = TypeVar("T")

NO_TEXT = "there is something in it that no database keeps, such as half a character; leave it out"
"""What is said of a text with NUL or half a character, or of a number too large: the database is well."""


class Database(Protocol):
    """Where administration and start-up read and write."""

    url: URL
    dialect: str
    catch_up: Callable[[], Awaitable[None]] | None
    """Waits until what a running node has committed is there, also what is on its disk (`writing/waiting_log.py`)."""

    async def read(self, work: Callable[[Connection], T], *, of_nodes: bool = True) -> T:
        """Run queries in one transaction and give back what they found.

        Args:
            work: The queries.
            of_nodes: They look at tables that running nodes write (``rows.KINDS``): without it these may be behind.

        Raises:
            DatabaseAwayError: The database does not work.
        """

    async def write(
        self, work: Callable[[Connection], T], *, of_nodes: bool = True, patience: float | None = 60.0
    ) -> T:
        """Run statements in one transaction, as `read`; it is repeated when the database asks for that.

        Args:
            work: The statements.
            of_nodes: As `read`.
            patience: For how many seconds a server may take until it counts as away; None for ever.
        """

    def glance(self, kind: int) -> Glance:
        """Return what says whether there may be news of a kind (`store/writing/board.py`)."""

    async def bound_silence(self, seconds: int) -> None:
        """Have each transaction taken back from now on in which nobody says anything for so long."""

    async def close(self) -> None:
        """Give back every connection."""


def rows_as_stored(connection: Connection, query: Select[Any]) -> list[Sequence[Any]]:
    """Return rows as the driver gives them, which is quicker for a large table; SQLite's truth values are numbers."""
    result = connection.execute(query)
    try:
        cursor = result.cursor
        return [] if cursor is None else list(cursor.fetchall())
    finally:
        result.close()


def insert_row(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    """Insert a row and give the number that the database has given it."""
    return int(connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one())

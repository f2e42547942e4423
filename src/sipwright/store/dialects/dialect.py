"""The words that differ from database to database."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from enum import Enum
from importlib import import_module
from typing import Any, Protocol, cast

from sqlalchemy import ColumnElement, Connection, Select, Table

__all__ = ["CLOCKS", "Dialect", "Trouble", "dialect_of"]

CLOCKS = {
    "sqlite": "(julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)",
    "mariadb": "CAST(UNIX_TIMESTAMP(SYSDATE(6)) AS double)",
}
"""The `Dialect.CLOCK` of each, for those who would load no dialect for it."""


class Trouble(Enum):
    """What an error of a database means for whoever wanted something of it."""

    CONFLICT = "conflict"
    """Two transactions were in each other's way, and this one was taken back: the same again may work at once."""

    AWAY = "away"
    """The server, or the way to it, does not work now."""

    UNFIT = "unfit"
    """What was to be stored is nothing that a database keeps; it will not do so next time."""

    OTHER = "other"
    """A fault of ours, or a database that is not as it should be."""


class Dialect(Protocol):
    """A module of this package."""

    CLOCK: str
    """The database's time now as Unix time, not that at which the transaction began: it may have waited since."""

    def insert_missing(self, table: Table, columns: Sequence[str], rows: Select[*tuple[Any, ...]]) -> Any:
        """Return a statement that inserts those of some rows whose key is not there yet."""

    def whole(self, number: ColumnElement[Any]) -> ColumnElement[int]:
        """Return the whole part of a positive number."""

    def turns(self, connection: Connection) -> AbstractContextManager[None]:
        """Have those who bring the schema up to date wait for each other."""

    def hold_lease(self, connection: Connection, name: str) -> int | None:
        """Let nobody take a lease until this transaction is over; return its fence, None where there is none."""

    def trouble(self, error: BaseException | None) -> Trouble:
        """Tell what an error of the driver means."""


def dialect_of(connection: Connection) -> Dialect:
    """Return the dialect of a connection; only that module is loaded."""
    # A module is one: each of the three beside this has those functions.
    return cast("Dialect", import_module(f"{__package__}.{connection.dialect.name}"))

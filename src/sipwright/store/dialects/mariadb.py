"""MariaDB's own words, also those of a Galera cluster.

There, a lock is held at one server alone, and two transactions at two servers meet when they commit: of two that have
written the same row, the second is taken back (1213). So whoever has to keep others from something writes a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Table, cast, func, select, text, update
from sqlalchemy.dialects.mysql import insert

from sipwright.store.dialects.dialect import CLOCKS, Trouble
from sipwright.store.schema.cluster_tables import leases

__all__ = ["CLOCK", "CONFLICTS", "hold_lease", "insert_missing", "trouble", "turns", "whole"]

CLOCK = CLOCKS["mariadb"]

_LOCK = "sipwright_schema"
_LOCK_SECONDS = 60

# A deadlock, or a transaction that Galera did not certify, and a lock that was waited for too long.
CONFLICTS = (1213, 1205)
# No server there or no more connections at it, one that goes or only reads, a connection that was lost or killed, and
# a server of a Galera cluster that is not ready, or not one of the majority.
_AWAY = (1040, 1047, 1053, 1290, 1317, 1792, 1836, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 4031)
# A text that is none, one that is too long, and a number that is out of range.
_UNFIT = (1264, 1366, 1406)


def insert_missing(table: Table, columns: Sequence[str], rows: Select[*tuple[Any, ...]]) -> Any:
    """Return a statement that inserts those of some rows whose key is not there yet."""
    key = next(iter(table.primary_key))
    return (
        insert(table).from_select(list(columns), rows).on_duplicate_key_update({key.name: table.c[key.name]})
    )


def whole(number: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the whole part of a positive number."""
    return cast(func.floor(number), BigInteger)


@contextmanager
def turns(connection: Connection) -> Iterator[None]:
    """Have those who bring the schema up to date wait for each other.

    Each statement that does so is a transaction of its own there, and does no harm when it is repeated.
    """
    # A table that was looked at cannot be altered before that transaction is over: who waits here would be waited for.
    connection.rollback()
    connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), {"name": _LOCK, "seconds": _LOCK_SECONDS})
    try:
        yield
    finally:
        connection.execute(text("DO RELEASE_LOCK(:name)"), {"name": _LOCK})


def hold_lease(connection: Connection, name: str) -> int | None:
    """Let nobody take a lease until this transaction is over; return its fence."""
    ours = leases.c.name == name
    connection.execute(update(leases).where(ours).values(writes=func.coalesce(leases.c.writes, 0) + 1))
    return connection.scalar(select(leases.c.fence).where(ours))


def trouble(error: BaseException | None) -> Trouble:
    """Tell what an error of the driver means."""
    if isinstance(error, UnicodeEncodeError | OverflowError | ValueError):
        return Trouble.UNFIT
    number = error.args[0] if error is not None and error.args else None
    if number in CONFLICTS:
        return Trouble.CONFLICT
    if number in _AWAY or isinstance(error, OSError) or number == 0:  # asyncmy says 0 of a closed connection
        return Trouble.AWAY
    return Trouble.UNFIT if number in _UNFIT else Trouble.OTHER

"""PostgreSQL's own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Table, cast, func, select, text
from sqlalchemy.dialects.postgresql import insert

from sipwright.store.dialects.dialect import CLOCKS, Trouble
from sipwright.store.schema.cluster_tables import leases

__all__ = ["CLOCK", "hold_lease", "insert_missing", "trouble", "turns", "whole"]

CLOCK = CLOCKS["postgresql"]

# Any number will do, as long as every Sipwright takes the same one.
_LOCK = 0x51B3

# Serialization failure, deadlock, and a lock that was not to be had.
_CONFLICTS = ("40001", "40P01", "55P03")
# The class 08 of connections that fail, a server that goes, has crashed, comes, is full, or only follows another one.
_AWAY = ("08", "57P01", "57P02", "57P03", "53300", "25006")
# A text that is none, said by the driver or by the server, and a number that is out of range.
_UNFIT = ("22000", "22021", "22003")


def insert_missing(table: Table, columns: Sequence[str], rows: Select[*tuple[Any, ...]]) -> Any:
    """Return a statement that inserts those of some rows whose key is not there yet."""
    return insert(table).from_select(list(columns), rows).on_conflict_do_nothing()


def whole(number: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the whole part of a positive number."""
    return cast(func.floor(number), BigInteger)


@contextmanager
def turns(connection: Connection) -> Iterator[None]:
    """Have those who bring the schema up to date wait for each other, until the transaction is over."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    yield


def hold_lease(connection: Connection, name: str) -> int | None:
    """Let nobody take a lease until this transaction is over; return its fence."""
    query = select(leases.c.fence).where(leases.c.name == name)
    return connection.scalar(query.with_for_update(read=True))


def trouble(error: BaseException | None) -> Trouble:
    """Tell what an error of the driver means; one without a state never came from the server."""
    state = getattr(error, "sqlstate", None) or ""
    cause = getattr(error, "__cause__", None)
    if state in _UNFIT or isinstance(error, ValueError) or isinstance(cause, ValueError | OverflowError):
        return Trouble.UNFIT
    if state in _CONFLICTS:
        return Trouble.CONFLICT
    if state.startswith(_AWAY) or isinstance(error, OSError) or isinstance(cause, OSError):
        return Trouble.AWAY
    return Trouble.AWAY if "connection" in str(error) and not state else Trouble.OTHER

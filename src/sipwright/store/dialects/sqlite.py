"""SQLite's own words; the redo log beside it is its committer's business."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Select, Table, cast, select
from sqlalchemy.dialects.sqlite import insert

from sipwright.store.dialects.dialect import CLOCKS, Trouble
from sipwright.store.schema.cluster_tables import leases

__all__ = ["CLOCK", "hold_lease", "insert_missing", "trouble", "turns", "whole"]

CLOCK = CLOCKS["sqlite"]


def insert_missing(table: Table, columns: Sequence[str], rows: Select[*tuple[Any, ...]]) -> Any:
    """Return a statement that inserts those of some rows whose key is not there yet."""
    return insert(table).from_select(list(columns), rows).on_conflict_do_nothing()


def whole(number: ColumnElement[Any]) -> ColumnElement[int]:
    """Return the whole part of a positive number."""
    return cast(number, Integer)


@contextmanager
def turns(connection: Connection) -> Iterator[None]:
    """Have those who bring the schema up to date wait for each other: whoever writes has the only lock there is."""
    yield


def hold_lease(connection: Connection, name: str) -> int | None:
    """Return the fence of a lease: whoever writes has the only lock there is."""
    return connection.scalar(select(leases.c.fence).where(leases.c.name == name))


def trouble(error: BaseException | None) -> Trouble:
    """Tell what an error of the driver means."""
    return Trouble.UNFIT if isinstance(error, UnicodeEncodeError | OverflowError) else Trouble.AWAY

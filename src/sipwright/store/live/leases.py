"""Leases in the database: taken and renewed by compare-and-set, by the clock that all nodes share.

Whether a lease may be asked for is decided in `cluster/lease.py`. Here it is taken only where the row has not changed
since it was seen, and where the database's clock says that it is over, or it was given back.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, insert, literal_column, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.services.leases import Answer, Ask, Fence, LeaseRow
from sipwright.store.database import Database
from sipwright.store.dialects import dialect_of
from sipwright.store.errors import FencedError
from sipwright.store.schema.cluster_tables import leases

__all__ = ["Leases", "database_time", "execute", "hold_fence", "read_leases", "release", "seize"]

_COLUMNS = leases.c


def database_time(connection: Connection) -> ColumnElement[float]:
    """Return the database's clock, as Unix time."""
    return literal_column(dialect_of(connection).CLOCK, Double)


class Leases:
    """The leases of a database, for whoever waits for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def execute(self, ask: Ask) -> Answer:
        """Do what is asked about one lease.

        Raises:
            DatabaseAwayError: Nobody knows whether it was done.
        """
        return await self._database.write(lambda connection: execute(connection, ask), of_nodes=False)

    async def release(self, name: str, owner: str, fence: int) -> bool:
        """Give a lease back, so that anybody may take it at once."""
        return await self._database.write(lambda c: release(c, name, owner, fence), of_nodes=False)

    async def read(self, prefix: str = "") -> list[LeaseRow]:
        """Look at all leases whose name begins so."""
        return await self._database.read(lambda c: read_leases(c, prefix), of_nodes=False)


def execute(connection: Connection, ask: Ask) -> Answer:
    """Do what is asked about one lease."""
    is_granted = False
    if ask.renew is not None:
        is_granted = _renew(connection, ask.name, ask.owner, ask.renew, ask.seconds)
    elif ask.seen is not None:
        is_granted = _take(connection, ask, ask.seen)
    elif ask.is_new:
        is_granted = _make(connection, ask)
    found = read_leases(connection, ask.name, is_whole=True)
    return Answer(is_granted, found[0] if found else None)


def read_leases(connection: Connection, prefix: str = "", *, is_whole: bool = False) -> list[LeaseRow]:
    """Return the leases whose name is, or begins, so."""
    left = (_COLUMNS.until - database_time(connection)).label("left")
    query = select(_COLUMNS.name, _COLUMNS.owner, _COLUMNS.fence, _COLUMNS.until, left)
    is_wanted = _COLUMNS.name == prefix if is_whole else _COLUMNS.name.startswith(prefix, autoescape=True)
    return [LeaseRow(*row) for row in connection.execute(query.where(is_wanted).order_by(_COLUMNS.name))]


def release(connection: Connection, name: str, owner: str, fence: int) -> bool:
    """Give a lease back."""
    is_ours = (_COLUMNS.name == name) & (_COLUMNS.owner == owner) & (_COLUMNS.fence == fence)
    return _changes(connection, is_ours, until=0.0)


def seize(
    connection: Connection, name: str, owner: str, *, until: float | ColumnElement[float] = 0.0
) -> int | None:
    """Take a lease whoever has it, as somebody says that the owner is no more; return the fence, None without a row."""
    fence = connection.scalar(select(_COLUMNS.fence).where(_COLUMNS.name == name).with_for_update())
    if fence is None:
        return None
    _changes(connection, _COLUMNS.name == name, owner=owner, fence=fence + 1, until=until)
    return int(fence) + 1


def hold_fence(connection: Connection, fence: Fence) -> None:
    """Let nobody take a lease until this transaction is over, and make sure that it is still ours.

    Raises:
        FencedError: It is not.
    """
    found = dialect_of(connection).hold_lease(connection, fence.lease)
    if found != fence.number:
        raise FencedError(fence.lease, fence.number, found)


def _renew(connection: Connection, name: str, owner: str, fence: int, seconds: float) -> bool:
    is_ours = (_COLUMNS.name == name) & (_COLUMNS.owner == owner) & (_COLUMNS.fence == fence)
    return _changes(connection, is_ours, until=database_time(connection) + seconds)


def _take(connection: Connection, ask: Ask, seen: LeaseRow) -> bool:
    now = database_time(connection)
    is_as_seen = (_COLUMNS.name == ask.name) & (_COLUMNS.fence == seen.fence) & (_COLUMNS.until == seen.until)
    return _changes(
        connection, is_as_seen & (_COLUMNS.until <= now), owner=ask.owner, fence=seen.fence + 1, until=now + ask.seconds
    )  # fmt: skip


def _make(connection: Connection, ask: Ask) -> bool:
    values = {
        "name": ask.name,
        "owner": ask.owner,
        "fence": 1,
        "until": database_time(connection) + ask.seconds,
    }
    try:
        with connection.begin_nested():
            connection.execute(insert(leases).values(values))
    except IntegrityError:
        return False  # somebody was faster
    return True


def _changes(connection: Connection, which: ColumnElement[bool], **values: Any) -> bool:
    return connection.execute(update(leases).where(which).values(values)).rowcount == 1

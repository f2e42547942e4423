"""Whether a call was placed: it is one of the calls in progress, or has a record."""

from __future__ import annotations

from sqlalchemy import Connection, select

from sipwright.store.schema import tables

__all__ = ["find_placed"]


def find_placed(connection: Connection, call_id: str) -> tuple[str, str] | None:
    """Return who called whom in a call of any node, in progress or over; None if there was none of that id."""
    calls, cdrs = tables.calls.c, tables.cdrs.c
    for query in (
        select(calls.from_text, calls.to_text).where(calls.id == call_id),
        select(cdrs.from_uri, cdrs.to_uri).where(cdrs.call_id == call_id, cdrs.leg == 0),
    ):
        row = connection.execute(query).first()
        if row is not None:
            return str(row[0]), str(row[1])
    return None

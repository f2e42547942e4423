"""When legs have ended, by their records: where nothing else is known of them any more."""

from __future__ import annotations

from sqlalchemy import Connection, select

from sipwright.store.schema import tables

__all__ = ["leg_ended_at"]


def leg_ended_at(connection: Connection, call_id: str, leg: int) -> float | None:
    """Return when a leg of a call has ended, as Unix time; None where no record says so."""
    cdrs = tables.cdrs.c
    query = select(cdrs.ended_at).where(cdrs.call_id == call_id, cdrs.leg == leg)
    found: float | None = connection.execute(query).scalar()
    return found

"""Profiles of providers: what was found out about them, when somebody looked last, and what has changed by then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from sipwright.store.schema import tables

__all__ = ["StoredProfile", "checked", "claim_due", "found", "keep"]

_LONGEST_DRIFT = 4_000


class StoredProfile(NamedTuple):
    """A profile as it is stored; its times are Unix seconds."""

    provider_id: int
    profile: str
    checked_at: float
    drift: tuple[str, ...]


def keep(connection: Connection, provider_id: int, profile: str, checked_at: float) -> None:
    """Keep the profile of a provider, in place of one that there was."""
    table = tables.provider_profiles
    connection.execute(delete(table).where(table.c.provider_id == provider_id))
    values = {"provider_id": provider_id, "profile": profile, "checked_at": checked_at}
    connection.execute(insert(table).values(values))


def found(connection: Connection, provider_ids: Iterable[int]) -> dict[int, StoredProfile]:
    """Return the profiles of some providers, as far as they have one."""
    table = tables.provider_profiles
    rows = connection.execute(select(*table.c).where(table.c.provider_id.in_(list(provider_ids))))
    return {row.provider_id: _stored(row) for row in rows}


def claim_due(connection: Connection, before: float, now: float, most: int) -> Sequence[StoredProfile]:
    """Return profiles that were checked before an instant, the oldest first; nobody else gets them after that."""
    column = tables.provider_profiles.c
    query = select(*column).where(column.checked_at < before).order_by(column.checked_at).limit(most)
    due = []
    for row in connection.execute(query).all():
        same = (column.provider_id == row.provider_id, column.checked_at == row.checked_at)
        claimed = connection.execute(update(tables.provider_profiles).where(*same).values(checked_at=now))
        if claimed.rowcount:
            due.append(_stored(row))
    return due


def checked(connection: Connection, provider_id: int, checked_at: float, drift: Sequence[str]) -> None:
    """Take note of what a check has found."""
    table = tables.provider_profiles
    values = {"checked_at": checked_at, "drift": "\n".join(drift)[:_LONGEST_DRIFT] or None}
    connection.execute(update(table).where(table.c.provider_id == provider_id).values(values))


def _stored(row: Row[Any]) -> StoredProfile:
    return StoredProfile(
        row.provider_id, row.profile, row.checked_at, tuple(row.drift.split("\n")) if row.drift else ()
    )

"""What is usual for users, and the records that it is learnt from."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, func, insert, select

from sipwright.services.guard.baseline import OLDEST, YOUNGEST, Baseline
from sipwright.services.guard.learning import MOST
from sipwright.services.guard.spending import HOUR, HOURS
from sipwright.store.admin.changes import record_change
from sipwright.store.schema.guard_tables import baselines, spendings
from sipwright.store.schema.tables import cdrs

__all__ = ["keep", "learnt_at", "read_all", "read_one", "records_of"]

_COLUMN = baselines.c


def records_of(
    connection: Connection, user_id: int, now: float
) -> tuple[list[tuple[str, float, float]], list[int]]:
    """Read the legs of a user that were answered, the newest first, and what was spent on each day that is known."""
    column, newest = cdrs.c, now - YOUNGEST
    query = (
        select(column.target, column.answered_at, column.ended_at)
        .where(column.user_id == user_id, column.started_at.between(now - OLDEST, newest))
        .where(column.leg > 0, column.answered_at.is_not(None), column.ended_at.is_not(None))
        .order_by(column.started_at.desc())
        .limit(MOST)
    )
    found = [(target or "", at, max(0.0, end - at)) for target, at, end in connection.execute(query)]
    used = spendings.c
    spent: dict[int, int] = {}
    hours = select(used.hour, func.sum(used.money)).where(used.user_id == user_id, used.hour < newest // HOUR)
    for hour, money in connection.execute(hours.group_by(used.hour)):
        spent[hour // HOURS] = spent.get(hour // HOURS, 0) + int(money)
    return found, list(spent.values())


def learnt_at(connection: Connection) -> dict[int, float]:
    """Return when the baseline of each user was learnt."""
    rows = connection.execute(select(_COLUMN.user_id, _COLUMN.learnt_at))
    return {row.user_id: row.learnt_at for row in rows}


def read_all(connection: Connection, first: int, last: int) -> dict[int, Baseline]:
    """Read what is usual for users in a range of numbers, where there is anything."""
    query = select(_COLUMN.user_id, _COLUMN.document).where(_COLUMN.user_id.between(first, last))
    found = ((user_id, _read(document)) for user_id, document in connection.execute(query))
    return {user_id: usual for user_id, usual in found if usual is not None}


def read_one(connection: Connection, user_id: int) -> Baseline | None:
    """Read what is usual for a user; None where there is too little to tell."""
    return read_all(connection, user_id, user_id).get(user_id)


def keep(connection: Connection, learnt: Iterable[tuple[int, Baseline | None]], now: float) -> None:
    """Keep what is usual for users from now on; the nodes hear of what has become otherwise."""
    for user_id, usual in learnt:
        document = "" if usual is None else usual.to_text()
        is_theirs = _COLUMN.user_id == user_id
        before = connection.scalar(select(_COLUMN.document).where(is_theirs))
        connection.execute(delete(baselines).where(is_theirs))
        connection.execute(insert(baselines).values(user_id=user_id, document=document, learnt_at=now))
        if document != (before or ""):
            record_change(connection, "baseline", user_id)


def _read(document: str) -> Baseline | None:
    return Baseline.from_text(document) if document else None

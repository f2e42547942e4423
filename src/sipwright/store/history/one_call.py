"""One call is one line: which of its parts stands for all of them, and who has answered.

A call has parts where one account calls another, where it is transferred, and where a provider brings it back: each
is a row in `calls`, and a CDR for each leg later, with the id of the first of them in `linked_id` (NULL in that one
itself). Whoever does not see the first part, or looks for what is not said of it, is shown the first that fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, not_, or_, select

from sipwright.services.rows import CdrRow
from sipwright.store.schema import tables
from sipwright.store.schema.rows import restored

__all__ = ["Fits", "is_first_part", "is_made_here", "is_of_call", "legs_of", "who_answered"]

Fits = Callable[[FromClause], Iterable[ColumnElement[bool]]]
"""Gives the conditions on rows of a table, or of one under another name."""


def is_first_part(row: FromClause, *fitting: tuple[FromClause, Fits]) -> ColumnElement[bool]:
    """Select the rows of `calls` or `cdrs` before which no part of the same call fits, in any of some tables."""
    earlier = [
        select(1).where(*_is_earlier(other := table.alias(), row), *fits(other)).exists()
        for table, fits in fitting
        for _is_earlier in (_is_begin_of, _is_linked_before)
    ]
    return or_(row.c.linked_id.is_(None), not_(or_(*earlier)))


def is_of_call(row: FromClause, common_ids: Iterable[str]) -> ColumnElement[bool]:
    """Select the rows that belong to some calls, by the ids that their parts have in common."""
    wanted = list(common_ids)
    return or_(_id(row).in_(wanted), row.c.linked_id.in_(wanted))


def _id(row: FromClause) -> ColumnElement[Any]:
    return row.c.call_id if "call_id" in row.c else row.c.id


def _is_begin_of(other: FromClause, row: FromClause) -> list[ColumnElement[bool]]:
    """Return what says that a row is that of the part which began the call of another one."""
    is_caller = [other.c.leg == 0] if "leg" in other.c else []
    return [_id(other) == row.c.linked_id, *is_caller]


def _is_linked_before(other: FromClause, row: FromClause) -> list[ColumnElement[bool]]:
    """Return what says that a row is of the same call, and of a part that began earlier."""
    is_caller = [other.c.leg == 0] if "leg" in other.c else []
    is_before = or_(
        other.c.started_at < row.c.started_at,
        and_(other.c.started_at == row.c.started_at, _id(other) < _id(row)),
    )
    return [other.c.linked_id == row.c.linked_id, *is_caller, is_before]


def legs_of(connection: Connection, common_ids: Iterable[str], user_id: int | None) -> list[CdrRow]:
    """Return the CDRs of some calls, as much of them as a user sees."""
    table = tables.cdrs
    query = select(*(table.c[name] for name in CdrRow._fields)).where(is_of_call(table, common_ids))
    if user_id is not None:
        query = query.where(table.c.user_id == user_id)
    return [CdrRow(*restored(tuple(row))) for row in connection.execute(query.order_by(table.c.leg))]


def who_answered(call_id: str, legs: Iterable[CdrRow]) -> str | None:
    """Return who has answered in a part of a call: behind a leg that leads to another part, whoever answered there.

    Of a call that the switch makes itself the first to answer is who called.
    """
    answered: dict[str, list[CdrRow]] = {}
    parts: dict[str | None, str] = {}
    made_here: set[str] = set()
    for leg in legs:
        if leg.leg == 0:
            parts[leg.sip_call_id] = leg.call_id
            if is_made_here(leg.direction, leg.call_id, leg.sip_call_id):
                made_here.add(leg.call_id)
        elif leg.answered_at is not None:
            answered.setdefault(leg.call_id, []).append(leg)
    found: str | None = None
    part: str | None = call_id
    while part is not None and (here := answered.pop(part, None)):
        here.sort(key=lambda leg: leg.answered_at or 0.0)
        if part in made_here:
            del here[0]
            if not here:
                break
        first = here[0]
        found, part = first.target, parts.get(first.sip_call_id)
    return found


def is_made_here(direction: str, call_id: str, sip_call_id: str | None) -> bool:
    """Return whether the switch has made a call itself, one end after the other: its caller has sent no INVITE.

    Neither has that of a call to the target of a transfer, who is the only one that is called.
    """
    return sip_call_id == f"{call_id}.0" and direction in ("out", "callback")

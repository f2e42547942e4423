"""CDRs a page at a time, those that fit some conditions, and how many there were each quarter of an hour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    case,
    func,
    or_,
    select,
)

from sipwright.services.rows import CdrRow
from sipwright.store.dialects import dialect_of
from sipwright.store.history.call_pages import accounts_named
from sipwright.store.history.one_call import is_first_part
from sipwright.store.history.paging import after, contains
from sipwright.store.schema import tables
from sipwright.store.schema.rows import restored

__all__ = [
    "QUARTER",
    "CdrConditions",
    "CdrRowShown",
    "QuarterCount",
    "count_quarters",
    "read_page",
    "window_end",
]

QUARTER = 900
"""Seconds: every time zone is a whole number of quarters of an hour away."""

LONGEST_SEARCH = 200_000
"""CDRs that one page is looked for among: a search for what is rare goes on where the page before has ended."""


class CdrConditions(NamedTuple):
    """Conditions on CDRs; `statuses` are the lowest and the highest status, `is_answered` whether anybody answered.

    `by_call` leaves one for each call: the caller's of its first part that anything is said of.
    """

    from_: float | None = None
    to: float | None = None
    user_id: int | None = None
    account: str | None = None
    direction: str | None = None
    statuses: tuple[int, int] | None = None
    is_answered: bool | None = None
    q: str | None = None
    leg: int | None = None
    by_call: bool = False

    @property
    def needs_search(self) -> bool:
        """Whether no index leads to those that fit, and many may have to be looked at for each that does."""
        others = (self.account, self.direction, self.statuses, self.is_answered, self.q)
        return any(value is not None for value in others)


class CdrRowShown(NamedTuple):
    """A CDR with its number, and with the names of its account and its user."""

    id: int
    cdr: CdrRow
    account: str | None
    user: str | None


class QuarterCount(NamedTuple):
    """The calls that began in a quarter of an hour, by its number since 1970."""

    quarter: int
    calls: int
    answered: int
    talked: float


_CDR = tables.cdrs.c
_ORDER = (_CDR.started_at, _CDR.id)
_OWNER, _ACCOUNT = tables.users.c.name, tables.accounts.c.username + "@" + tables.domains.c.name
_SOURCE = (
    tables.cdrs.outerjoin(tables.accounts, tables.accounts.c.id == _CDR.account_id)
    .outerjoin(tables.domains, tables.domains.c.id == tables.accounts.c.domain_id)
    .outerjoin(tables.users, tables.users.c.id == _CDR.user_id)
)


def read_page(
    connection: Connection, which: CdrConditions, limit: int, place: Sequence[Any] | None = None, *,
    oldest_first: bool = False, until: Sequence[Any] | None = None,
) -> list[CdrRowShown]:  # fmt: skip
    """List CDRs that fit, the newest first, after a place and up to another: times and numbers of CDRs."""
    query: Select[Any] = select(
        _CDR.id, _ACCOUNT.label("account"), _OWNER.label("user"), *(_CDR[name] for name in CdrRow._fields)
    ).select_from(_SOURCE)
    query = _ordered(query.where(*_fitting(which)), oldest_first).limit(limit)
    if place is not None:
        query = query.where(after(_ORDER, place, is_descending=not oldest_first))
    if until is not None:
        query = query.where(~after(_ORDER, until, is_descending=not oldest_first))
    found = (restored(tuple(row)) for row in connection.execute(query))
    return [CdrRowShown(id, CdrRow(*cdr), account, user) for id, account, user, *cdr in found]


def window_end(
    connection: Connection, which: CdrConditions, place: Sequence[Any] | None = None, *, oldest_first: bool = False
) -> tuple[float, int] | None:  # fmt: skip
    """Return the place up to which one page is looked for; None where that is the end."""
    query = select(*_ORDER).where(*_narrowing(which))
    if place is not None:
        query = query.where(after(_ORDER, place, is_descending=not oldest_first))
    row = connection.execute(_ordered(query, oldest_first).limit(1).offset(LONGEST_SEARCH - 1)).first()
    return None if row is None else (row.started_at, row.id)


def count_quarters(connection: Connection, which: CdrConditions) -> list[QuarterCount]:
    """Count calls by the quarter of an hour in which they began: the callers' legs that fit."""
    quarter = dialect_of(connection).whole(_CDR.started_at / QUARTER)
    is_answered = _CDR.answered_at.is_not(None)
    talked = func.coalesce(_CDR.ended_at, _CDR.answered_at) - _CDR.answered_at
    query = (
        select(
            quarter.label("quarter"),
            func.count(),
            func.sum(case((is_answered, 1), else_=0)),
            func.coalesce(func.sum(talked), 0.0),
        )
        .select_from(tables.cdrs if which.account is None else _SOURCE)
        .where(*_fitting(which._replace(by_call=True)))
        .group_by("quarter")
        .order_by("quarter")
    )
    return [QuarterCount(*row) for row in connection.execute(query)]


def _ordered(query: Select[Any], oldest_first: bool) -> Select[Any]:
    return query.order_by(*(column if oldest_first else column.desc() for column in _ORDER))


def _narrowing(which: CdrConditions) -> list[ColumnElement[bool]]:
    """Return what an index serves."""
    found: list[ColumnElement[bool]] = []
    if which.from_ is not None:
        found.append(_CDR.started_at >= which.from_)
    if which.to is not None:
        found.append(_CDR.started_at < which.to)
    if which.user_id is not None:
        found.append(_CDR.user_id == which.user_id)
    return found


def _fitting(which: CdrConditions) -> list[ColumnElement[bool]]:
    found = [*_narrowing(which), *_of_part(which, tables.cdrs)]
    if which.by_call:
        found += [_CDR.leg == 0, _is_first(which)]
    if which.leg is not None:
        found.append(_CDR.leg == which.leg)
    if which.statuses is not None:
        found.append(_CDR.status.between(*which.statuses))
    if which.is_answered is not None:
        found.append(_CDR.answered_at.is_not(None) if which.is_answered else _CDR.answered_at.is_(None))
    return found


def _of_part(which: CdrConditions, row: FromClause) -> list[ColumnElement[bool]]:
    """Return what is asked of a part of a call, as against how it went; also of one that is in progress."""
    found: list[ColumnElement[bool]] = []
    is_cdr = "call_id" in row.c
    if which.direction is not None:
        found.append(row.c.direction == which.direction)
    if which.account is not None:
        found.append(row.c.account_id.in_(accounts_named(which.account)))
    if which.q:
        names = ("from_uri", "to_uri", "target") if is_cdr else ("from_text", "to_text")
        begins = func.substr(row.c.call_id if is_cdr else row.c.id, 1, len(which.q)) == which.q
        found.append(or_(contains(which.q, *(row.c[name] for name in names)), begins))
    return found


def _is_first(which: CdrConditions) -> ColumnElement[bool]:
    def fits(row: FromClause) -> list[ColumnElement[bool]]:
        is_theirs = [] if which.user_id is None else [row.c.user_id == which.user_id]
        return [*is_theirs, *_of_part(which, row)]

    return is_first_part(tables.cdrs, (tables.cdrs, fits), (tables.calls, fits))

"""Nodes' parts of the limits that they share, in the database: never more together than a limit, less what was used.

Each limit has a row of nobody's, which whoever takes a part locks; so one part is taken after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from sipwright.services.guard.allowance import Scope
from sipwright.services.guard.shares import Part, Want, part_of
from sipwright.services.guard.spending import HOUR, HOURS
from sipwright.services.leases import Fence
from sipwright.store.live.leases import hold_fence
from sipwright.store.schema.guard_tables import guard_shares, spendings

__all__ = ["adopt_shares", "give_back", "keep_only", "take_shares"]

_COLUMN = guard_shares.c
_PART = tuple(_COLUMN[name] for name in Part._fields)
_NOBODY = ""


def take_shares(
    connection: Connection, node: str, fence: Fence, wants: Iterable[Want], now: float
) -> dict[Scope, Part]:
    """Take a node's parts of limits, in the place of those that it has; `now` is Unix time.

    Raises:
        FencedError: Another node has taken over from this one.
    """
    hold_fence(connection, fence)
    found = {}
    for want in sorted(
        wants, key=lambda one: one.scope
    ):  # in one order, so that two nodes never wait for each other
        _lock(connection, want.scope)
        part = part_of(want, _others(connection, want.scope, node), _used(connection, want.scope, now))
        _put(connection, want.scope, node, part)
        found[want.scope] = part
    return found


def give_back(connection: Connection, node: str, scopes: Iterable[Scope]) -> None:
    """Give parts back that a node needs no more."""
    for scope in sorted(scopes):
        connection.execute(delete(guard_shares).where(_is_of(scope), _COLUMN.node == node))


def keep_only(connection: Connection, node: str, scopes: Sequence[Scope]) -> None:
    """Give back what an earlier process of a node had, but for some."""
    kept = set(scopes)
    query = select(_COLUMN.scope, _COLUMN.subject).where(_COLUMN.node == node)
    gone = [(row.scope, row.subject) for row in connection.execute(query)]
    give_back(connection, node, [scope for scope in gone if scope not in kept])


def adopt_shares(connection: Connection, node: str, to: str) -> None:
    """Add the parts of a node that is no more to those of the one which goes on with its calls."""
    query = select(_COLUMN.scope, _COLUMN.subject, *_PART).where(_COLUMN.node == node)
    for scope, subject, *numbers in connection.execute(query.order_by(_COLUMN.scope, _COLUMN.subject)).all():
        whose = (scope, subject)
        _lock(connection, whose)
        own = connection.execute(select(*_PART).where(_is_of(whose), _COLUMN.node == to)).first()
        both = [one + other for one, other in zip(numbers, own or Part(), strict=True)]
        _put(connection, whose, to, Part(*both))
    connection.execute(delete(guard_shares).where(_COLUMN.node == node))


def _lock(connection: Connection, scope: Scope) -> None:
    """Let nobody else take a part of a limit before this transaction is over."""
    lock = select(_COLUMN.node).where(_is_of(scope), _COLUMN.node == _NOBODY).with_for_update()
    if connection.scalar(lock) is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(guard_shares).values(_row(scope, _NOBODY, Part())))
        except IntegrityError:
            connection.scalar(lock)  # somebody was faster


def _others(connection: Connection, scope: Scope, node: str) -> Part:
    sums = [func.coalesce(func.sum(column), 0) for column in _PART]
    row = connection.execute(select(*sums).where(_is_of(scope), _COLUMN.node != node)).one()
    return Part(int(row[0]), int(row[1]), float(row[2]), int(row[3]))


def _used(connection: Connection, scope: Scope, now: float) -> dict[str, float]:
    """Return what all nodes have used, as far as it is stored; an hour is the last one, as far as two tell."""
    hour, part = divmod(now, HOUR)
    column = spendings.c
    whose = {"user": column.user_id, "account": column.account_id, "provider": column.provider_id}[scope[0]]
    query = select(
        column.hour, func.sum(column.calls), func.sum(column.seconds), func.sum(column.money)
    ).where(whose == scope[1], column.hour > int(hour) - HOURS)
    used = {"hour": 0.0, "seconds": 0.0, "money": 0.0}
    for at, calls, seconds, money in connection.execute(query.group_by(column.hour)):
        used["seconds"] += float(seconds)
        used["money"] += int(money)
        used["hour"] += calls * {int(hour): 1.0, int(hour) - 1: 1.0 - part / HOUR}.get(at, 0.0)
    return used


def _put(connection: Connection, scope: Scope, node: str, part: Part) -> None:
    is_own = (_is_of(scope), _COLUMN.node == node)
    if not connection.execute(update(guard_shares).where(*is_own).values(part._asdict())).rowcount:
        connection.execute(insert(guard_shares).values(_row(scope, node, part)))


def _row(scope: Scope, node: str, part: Part) -> dict[str, object]:
    return {"scope": scope[0], "subject": scope[1], "node": node, **part._asdict()}


def _is_of(scope: Scope) -> ColumnElement[bool]:
    return (_COLUMN.scope == scope[0]) & (_COLUMN.subject == scope[1])

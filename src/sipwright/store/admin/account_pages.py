"""Accounts with what stands beside them: whose they are, what they run, how many phones they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, func, select

from sipwright.store.admin import accounts, domains
from sipwright.store.crypto import KeyRing
from sipwright.store.history.paging import after, contains
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Account
from sipwright.store.schema.names import split_name

__all__ = ["AccountRow", "is_named", "read_one", "read_page"]


class AccountRow(NamedTuple):
    """An account; `place` is where it stands in the list of all."""

    account: Account
    user: str
    out_plan: str | None
    in_plan: str | None
    created_at: float
    bindings: int
    keep_alive: str | None
    place: tuple[str, int]


_OUT, _IN = tables.dialplans.alias("out_plans"), tables.dialplans.alias("in_plans")
_ORDER = (tables.accounts.c.username, tables.accounts.c.domain_id)


def read_page(
    connection: Connection, keys: KeyRing, now: float, limit: int, place: Sequence[Any] | None = None,
    *, user_id: int | None = None, q: str | None = None,
) -> list[AccountRow]:  # fmt: skip
    """List accounts by name, after a place; `q` is in their address or in their owner's name."""
    query = _query(now).order_by(*_ORDER).limit(limit)
    if place is not None:
        query = query.where(after(_ORDER, place))
    if user_id is not None:
        query = query.where(tables.accounts.c.user_id == user_id)
    if q:
        address = tables.accounts.c.username + "@" + tables.domains.c.name
        query = query.where(contains(q, address, tables.users.c.name))
    return _rows(connection, keys, query)


def read_one(connection: Connection, keys: KeyRing, now: float, account_id: int) -> AccountRow:
    """Read the account of that number, which has to be there."""
    (row,) = _rows(connection, keys, _query(now).where(tables.accounts.c.id == account_id))
    return row


def is_named(connection: Connection, name: str, user_id: int | None = None) -> bool:
    """Return whether there is an account of that name, in whatever domain, of that user if one is given."""
    column = tables.accounts.c
    query = select(column.id).where(column.username == split_name(name)[0]).limit(1)
    if user_id is not None:
        query = query.where(column.user_id == user_id)
    return connection.scalar(query) is not None


def _query(now: float) -> Select[Any]:
    account, binding = tables.accounts.c, tables.bindings.c
    phones = (
        select(func.count())
        .select_from(tables.bindings)
        .where(binding.account_id == account.id, binding.expires_at > now)
        .scalar_subquery()
    )
    source = (
        tables.accounts.join(tables.users, tables.users.c.id == account.user_id)
        .join(tables.domains, tables.domains.c.id == account.domain_id)
        .outerjoin(_OUT, _OUT.c.id == account.out_plan)
        .outerjoin(_IN, _IN.c.id == account.in_plan)
    )
    beside = (tables.users.c.name, _OUT.c.name, _IN.c.name, account.created_at, phones, account.keep_alive)
    return select(*accounts.COLUMNS, *beside).select_from(source)


def _rows(connection: Connection, keys: KeyRing, query: Select[Any]) -> list[AccountRow]:
    homes = {home.id: home for home in domains.read_all(connection)}
    width, found = len(accounts.COLUMNS), []
    for row in connection.execute(query):
        values: Any = tuple(row)
        account = accounts.entity(values[:width], homes, keys)
        user, out_plan, in_plan, created_at, bindings, keep_alive = values[width:]
        place = (account.username, row.domain_id)
        found.append(AccountRow(account, user, out_plan, in_plan, created_at, bindings, keep_alive, place))
    return found

"""Bindings with whose they are, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from sipwright.store.history.paging import after, contains
from sipwright.store.schema import tables
from sipwright.store.schema.names import split_name
from sipwright.store.schema.rows import restored

__all__ = ["BindingShown", "read_page"]


class BindingShown(NamedTuple):
    """A binding; its place in the list is that of its account, and its contact."""

    account_id: int
    username: str
    domain_id: int
    domain: str
    user_id: int
    user: str
    contact: str
    q: float | None
    source: str
    path: str | None
    expires_at: float
    user_agent: str | None
    instance: str | None
    updated_at: float

    @property
    def place(self) -> tuple[str, int, str]:
        """Where it stands in the list of all."""
        return self.username, self.domain_id, self.contact


_COLUMNS = (
    tables.accounts.c.id, tables.accounts.c.username, tables.accounts.c.domain_id, tables.domains.c.name,
    tables.accounts.c.user_id, tables.users.c.name, *(
        tables.bindings.c[name]
        for name in ("contact", "q", "source", "path", "expires_at", "user_agent", "instance", "updated_at")
    ),
)  # fmt: skip
_SOURCE = (
    tables.accounts.join(tables.bindings, tables.bindings.c.account_id == tables.accounts.c.id)
    .join(tables.users, tables.users.c.id == tables.accounts.c.user_id)
    .join(tables.domains, tables.domains.c.id == tables.accounts.c.domain_id)
)
_ORDER = (tables.accounts.c.username, tables.accounts.c.domain_id, tables.bindings.c.contact)


def read_page(
    connection: Connection, now: float, limit: int, place: Sequence[Any] | None = None, *,
    user_id: int | None = None, account: str | None = None, account_id: int | None = None, q: str | None = None,
) -> list[BindingShown]:  # fmt: skip
    """List bindings that have not expired by account, after a place; ``account`` as ``name`` or ``name@domain``."""
    accounts, binding = tables.accounts.c, tables.bindings.c
    query = (
        select(*_COLUMNS).select_from(_SOURCE).where(binding.expires_at > now).order_by(*_ORDER).limit(limit)
    )
    if place is not None:
        query = query.where(after(_ORDER, place))
    if user_id is not None:
        query = query.where(accounts.user_id == user_id)
    if account_id is not None:
        query = query.where(accounts.id == account_id)
    if account is not None:
        username, domain = split_name(account)
        query = query.where(accounts.username == username)
        query = query if domain is None else query.where(tables.domains.c.name == domain.lower())
    if q:
        address = accounts.username + "@" + tables.domains.c.name
        query = query.where(contains(q, address, binding.contact, binding.source, binding.user_agent))
    return [BindingShown(*restored(tuple(row))) for row in connection.execute(query)]

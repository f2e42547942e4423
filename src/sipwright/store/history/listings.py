"""Where phones are, and how providers stand, as plain dictionaries."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, select

from sipwright.store.schema import tables
from sipwright.store.schema.names import split_name
from sipwright.store.schema.rows import RegistrationRow, restored

__all__ = ["bindings", "registrations", "unreachable_providers"]

_AOR = (tables.accounts.c.username + "@" + tables.domains.c.name).label("account")
_ACCOUNTS = tables.accounts.join(tables.domains, tables.domains.c.id == tables.accounts.c.domain_id)


def bindings(
    connection: Connection, user_id: int | None = None, account: str | None = None, now: float | None = None
) -> list[dict[str, Any]]:
    """List bindings that have not expired, by account; ``account`` as ``name`` or ``name@domain``."""
    column = tables.bindings.c
    query = (
        select(
            _AOR,
            column.contact,
            column.q,
            column.source,
            column.path,
            column.expires_at,
            column.user_agent,
            column.instance,
            column.updated_at,
        )
        .select_from(tables.bindings.join(_ACCOUNTS, tables.accounts.c.id == column.account_id))
        .where(column.expires_at > (time.time() if now is None else now))
        .order_by(_AOR, column.updated_at)
    )
    if user_id is not None:
        query = query.where(tables.accounts.c.user_id == user_id)
    return _found(connection, _of_account(query, account))


def registrations(
    connection: Connection, now: float | None = None, ids: Iterable[int] | None = None
) -> dict[int, dict[str, Any]]:
    """Give how every registration at a provider stands, or those of some, by the provider's number."""
    table = tables.registrations
    query = select(*(table.c[name] for name in RegistrationRow._fields))
    if ids is not None:
        query = query.where(table.c.provider_id.in_(list(ids)))
    rows = [RegistrationRow(*restored(tuple(row))) for row in connection.execute(query)]
    return {row.provider_id: _registration(row, time.time() if now is None else now) for row in rows}


def unreachable_providers(
    connection: Connection, ids: Iterable[int] | None = None
) -> dict[int, dict[str, Any]]:
    """Give since when and why providers cannot be reached, by their numbers; what the node says that lost it first."""
    column = tables.provider_states.c
    query = select(column.provider_id, column.unreachable_since, column.reason)
    if ids is not None:
        query = query.where(column.provider_id.in_(list(ids)))
    rows = connection.execute(query.order_by(column.unreachable_since.desc()))
    return {
        number: {"unreachable_since": since, "unreachable_reason": reason} for number, since, reason in rows
    }


def _registration(row: RegistrationRow, now: float) -> dict[str, Any]:
    state = row.state
    if state == "registered" and (row.expires_at or 0.0) <= now:
        state = "expired"
    return {
        "state": state,
        "registered_until": row.expires_at if state == "registered" else None,
        "status": row.status,
        "reason": row.reason,
    }


def _of_account(query: Select[Any], account: str | None) -> Select[Any]:
    if account is None:
        return query
    username, domain = split_name(account)
    query = query.where(tables.accounts.c.username == username)
    return query if domain is None else query.where(tables.domains.c.name == domain.lower())


def _found(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]

"""The numbers that a trunk brings (DIDs), each with the account or the dialplan that takes its calls."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select

from sipwright.services.numbers import checked_pattern, is_same_pattern
from sipwright.store.admin import takers
from sipwright.store.admin.changes import record_change
from sipwright.store.crypto import KeyRing
from sipwright.store.errors import NotFoundError, StoreError
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Provider, ProviderNumber, User

__all__ = ["add", "of_providers", "remove"]

_TABLE = tables.provider_numbers


def add(
    connection: Connection, keys: KeyRing, owner: User, provider: Provider, pattern: str, account: str | None,
    in_plan: str | None,
) -> None:  # fmt: skip
    """Let an account or a dialplan take the calls to some numbers; whoever took them before does not any more."""
    values = takers.of_names(connection, keys, owner, account, in_plan)
    if values == {"account_id": None, "in_plan": None}:
        raise StoreError(f"who takes calls to {pattern}? name an account, or a dialplan", "account")
    checked = _checked(pattern)
    _delete(connection, provider.id, checked)
    connection.execute(insert(_TABLE).values(provider_id=provider.id, pattern=checked, **values))
    record_change(connection, "provider", provider.id)


def remove(connection: Connection, provider: Provider, pattern: str) -> None:
    """Let nobody in particular take the calls to some numbers."""
    if not _delete(connection, provider.id, _checked(pattern)):
        raise NotFoundError(
            f"provider {provider.name!r} has no number {pattern!r}; 'sipwright provider did list' shows them"
        )
    record_change(connection, "provider", provider.id)


def of_providers(connection: Connection, provider_ids: Select[Any]) -> dict[int, tuple[ProviderNumber, ...]]:
    """Return the numbers of the providers that are selected."""
    column = _TABLE.c
    query = (
        select(column.provider_id, column.pattern, column.account_id, column.in_plan)
        .where(column.provider_id.in_(provider_ids))
        .order_by(column.pattern)
    )
    found: defaultdict[int, list[ProviderNumber]] = defaultdict(list)
    for provider_id, *values in connection.execute(query):
        found[provider_id].append(ProviderNumber(*values))
    return {provider_id: tuple(numbers) for provider_id, numbers in found.items()}


def _delete(connection: Connection, provider_id: int, pattern: str) -> int:
    """Delete what was said of some numbers, however they were written; return how many rows that were."""
    column = _TABLE.c
    is_of_provider = column.provider_id == provider_id
    kept = connection.scalars(select(column.pattern).where(is_of_provider)).all()
    same = [other for other in kept if is_same_pattern(other, pattern)]
    return connection.execute(delete(_TABLE).where(is_of_provider, column.pattern.in_(same))).rowcount


def _checked(text: str) -> str:
    try:
        return checked_pattern(text)
    except ValueError as error:
        raise StoreError(str(error), "number") from None

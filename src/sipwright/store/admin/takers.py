"""Who takes the calls that come by a provider: an account of its owner, or one of the owner's dialplans.

Somebody chooses it, or else it is the account that it has always been: of the default domain the one named like the
user, or else the first. That is noted when it is first needed, so that it stays the same whatever accounts come and go,
and neither an account nor a dialplan that takes calls can be removed by mistake.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from sipwright.store.admin import accounts
from sipwright.store.admin.changes import record_change
from sipwright.store.crypto import KeyRing
from sipwright.store.errors import NotFoundError, StoreError, at_field
from sipwright.store.schema import tables
from sipwright.store.schema.entities import User

__all__ = ["NOBODY", "choose", "of_names", "untaken"]

NOBODY = ("", "-")
"""What takes a choice away."""


def of_names(
    connection: Connection, keys: KeyRing, owner: User, account: str | None, in_plan: str | None
) -> dict[str, int | None]:
    """Find the account or the dialplan of a user that is to take calls; at most one of them may be named.

    Raises:
        StoreError: Both are named, or one that the user does not have.
    """
    account, in_plan = _named(account), _named(in_plan)
    if account and in_plan:
        raise StoreError("calls go to an account or to a dialplan; name one of the two, not both", "account")
    if account:
        with at_field("account"):
            found = accounts.find(connection, keys, account)
        if found.user_id != owner.id:
            raise StoreError(
                f"account {found.aor} belongs to another user than the provider; choose one of {owner.name!r}",
                "account",
            )
        return {"account_id": found.id, "in_plan": None}
    return {"account_id": None, "in_plan": _plan_id(connection, owner, in_plan)}


def choose(connection: Connection, provider_ids: Iterable[int]) -> None:
    """Note who takes the calls of those of some providers that register, where nobody has chosen."""
    for provider_id, account_id in connection.execute(_defaults(list(provider_ids))).all():
        provider = tables.providers.c.id == provider_id
        connection.execute(update(tables.providers).where(provider).values(account_id=account_id))
        record_change(connection, "provider", provider_id)


def untaken(connection: Connection, provider_ids: Iterable[int]) -> dict[int, str | None]:
    """Return, for each of some providers, why nobody takes its calls; None where somebody does."""
    provider, account, plan = tables.providers.c, tables.accounts.c, tables.dialplans.c
    whose = (account.id == provider.account_id) & (account.user_id == provider.user_id)
    query = (
        select(provider.id, provider.account_id, provider.in_plan, account.is_enabled, plan.id.label("plan"))
        .select_from(
            tables.providers.outerjoin(tables.accounts, whose).outerjoin(
                tables.dialplans, (plan.id == provider.in_plan) & (plan.user_id == provider.user_id)
            )
        )
        .where(provider.id.in_(list(provider_ids)))
    )
    return {row.id: _why_untaken(row) for row in connection.execute(query)}


def _why_untaken(row: Row[*tuple[Any, ...]]) -> str | None:
    if row.plan is not None or row.is_enabled:
        return None
    if row.account_id is None and row.in_plan is None:
        return "The owner has no enabled account in the default domain"
    if row.is_enabled is None:
        return "Nobody takes its calls: who did is gone"
    return "The account that takes its calls is disabled"


def _defaults(provider_ids: list[int]) -> Select[Any]:
    """Select providers that somebody has to be chosen for, with the account that it is."""
    providers, users, account = tables.providers, tables.users, tables.accounts.c
    home = select(tables.domains.c.id).where(tables.domains.c.is_default).scalar_subquery()

    def first(*conditions: Any) -> Any:
        query = select(func.min(account.id)).where(
            account.user_id == providers.c.user_id, account.domain_id == home, account.is_enabled, *conditions
        )
        return query.correlate(providers, users).scalar_subquery()

    named, undotted = account.username == users.c.name, account.username.not_like("%.%")
    chosen = func.coalesce(first(named), first(undotted), first())
    column = providers.c
    found = (
        select(column.id.label("provider_id"), chosen.label("account_id"))
        .join_from(providers, users, users.c.id == column.user_id)
        .where(column.id.in_(provider_ids), column.register)
        .where(column.account_id.is_(None), column.in_plan.is_(None))
        .subquery()
    )
    return select(found).where(found.c.account_id.is_not(None))


def _named(text: str | None) -> str | None:
    return None if text in NOBODY else text


def _plan_id(connection: Connection, owner: User, name: str | None) -> int | None:
    if not name:
        return None
    column = tables.dialplans.c
    query = select(column.id).where(column.user_id == owner.id, column.name == name)
    found: int | None = connection.scalar(query)
    if found is None:
        raise NotFoundError(
            f"user {owner.name!r} has no dialplan {name!r}; 'sipwright dialplan set {name} FILE' makes it",
            "in_plan",
        )
    return found

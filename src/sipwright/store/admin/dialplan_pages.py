"""Dialplans with how their runs went, their versions and their runs, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, literal_column, or_, select

from sipwright.store.history import plan_modules
from sipwright.store.history.paging import after, contains
from sipwright.store.schema import tables

__all__ = ["PlanRow", "RunRow", "VersionRow", "read_page", "read_runs", "read_versions", "users_of"]

MOST_NAMED = 20
"""How many accounts and providers are named that run a dialplan."""


class PlanRow(NamedTuple):
    """A dialplan with its live version, its last run, and how many of its runs have failed since some time."""

    id: int
    name: str
    user: str
    version: int
    source: str
    saved_at: float
    last_run_at: float | None
    last_run_state: str | None
    failures: int


class VersionRow(NamedTuple):
    """One version of a dialplan."""

    version: int
    saved_at: float
    source: str


class RunRow(NamedTuple):
    """One run of a dialplan."""

    id: str
    call_id: str | None
    version: int | None
    state: str
    outcome: str | None
    started_at: float
    ended_at: float | None


_PLAN, _VERSION, _RUN = tables.dialplans.c, tables.dialplan_versions.c, tables.executions.c


def read_page(
    connection: Connection, since: float, limit: int, place: Sequence[Any] | None = None, *,
    user_id: int | None = None, q: str | None = None, plan_id: int | None = None,
) -> list[PlanRow]:  # fmt: skip
    """List dialplans by name, after a place (a name and a number); failures are counted since then."""
    is_live = and_(_VERSION.dialplan_id == _PLAN.id, _VERSION.version == _PLAN.live_version)
    last = (
        select(_RUN.started_at).where(_RUN.dialplan_id == _PLAN.id).order_by(_RUN.started_at.desc()).limit(1)
    )
    state = select(_RUN.state).where(_RUN.dialplan_id == _PLAN.id).order_by(_RUN.started_at.desc()).limit(1)
    # Written out, so that the index on failures alone serves it.
    has_failed = _RUN.state == literal_column("'failed'")
    failures = select(func.count()).where(_RUN.dialplan_id == _PLAN.id, _RUN.started_at >= since, has_failed)
    query = (
        select(
            _PLAN.id, _PLAN.name, tables.users.c.name, _PLAN.live_version, _VERSION.source, _VERSION.created_at,
            last.scalar_subquery(), state.scalar_subquery(), failures.scalar_subquery(),
        )
        .select_from(
            tables.dialplans.join(tables.users, tables.users.c.id == _PLAN.user_id).join(
                tables.dialplan_versions, is_live
            )
        )
        .order_by(_PLAN.name, _PLAN.id)
        .limit(limit)
    )  # fmt: skip
    if place is not None:
        query = query.where(after((_PLAN.name, _PLAN.id), place))
    if user_id is not None:
        query = query.where(_PLAN.user_id == user_id)
    if plan_id is not None:
        query = query.where(_PLAN.id == plan_id)
    if q:
        query = query.where(contains(q, _PLAN.name, tables.users.c.name))
    return [PlanRow(*row) for row in connection.execute(query)]


def read_versions(
    connection: Connection, plan_id: int, limit: int, below: int | None = None
) -> list[VersionRow]:
    """List the versions of a dialplan, the newest first."""
    query = select(_VERSION.version, _VERSION.created_at, _VERSION.source).where(
        _VERSION.dialplan_id == plan_id
    )
    if below is not None:
        query = query.where(_VERSION.version < below)
    rows = connection.execute(query.order_by(_VERSION.version.desc()).limit(limit))
    return [VersionRow(*row) for row in rows]


def read_runs(
    connection: Connection, plan_id: int, limit: int, place: Sequence[Any] | None = None
) -> list[RunRow]:
    """List the runs of a dialplan, the newest first, after a place (a time and an id)."""
    order = (_RUN.started_at, _RUN.id)
    query = select(
        _RUN.id, _RUN.call_id, _RUN.version, _RUN.state, _RUN.outcome, _RUN.started_at, _RUN.ended_at
    ).where(_RUN.dialplan_id == plan_id)
    if place is not None:
        query = query.where(after(order, place, is_descending=True))
    rows = connection.execute(query.order_by(*(column.desc() for column in order)).limit(limit))
    return [RunRow(*row) for row in rows]


def users_of(connection: Connection, plan_id: int) -> list[str]:
    """Say what runs a dialplan: some accounts and providers, in words."""
    account, domain, provider = tables.accounts.c, tables.domains.c, tables.providers.c
    accounts = (
        select(account.username, domain.name, account.out_plan, account.in_plan)
        .join_from(tables.accounts, tables.domains, domain.id == account.domain_id)
        .where(or_(account.out_plan == plan_id, account.in_plan == plan_id))
        .order_by(account.username)
        .limit(MOST_NAMED)
    )
    found = []
    for username, home, out_plan, in_plan in connection.execute(accounts):
        found += [f"calls from {username}@{home}"] * (out_plan == plan_id)
        found += [f"calls to {username}@{home}"] * (in_plan == plan_id)
    number = tables.provider_numbers.c
    taking = select(number.provider_id).where(number.in_plan == plan_id)
    providers = select(provider.name).where(or_(provider.in_plan == plan_id, provider.id.in_(taking)))
    rows = connection.scalars(providers.order_by(provider.name).limit(MOST_NAMED))
    found += [f"calls by provider {name}" for name in rows]
    plan = tables.dialplans.c
    row = connection.execute(select(plan.user_id, plan.name).where(plan.id == plan_id)).one()
    others = plan_modules.importers(connection, row.user_id, row.name)
    return [*found, *(f"imported by {name}" for name in others)]

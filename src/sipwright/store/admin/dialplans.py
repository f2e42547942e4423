"""Dialplans: named scripts of a user, with numbered versions of which one is live."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from sipwright.store.admin import in_use, users
from sipwright.store.admin.changes import record_change
from sipwright.store.database import insert_row
from sipwright.store.errors import InUseError, NotFoundError
from sipwright.store.history import plan_modules
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Dialplan
from sipwright.store.schema.names import plan_name

__all__ = ["DialplanVersion", "find", "find_id", "read_all", "remove", "roll_back", "set_source", "versions"]

_LIVE = (
    select(
        tables.dialplans.c.id,
        tables.dialplans.c.user_id,
        tables.dialplans.c.name,
        tables.dialplan_versions.c.version,
        tables.dialplan_versions.c.source,
    )
    .join(
        tables.dialplan_versions,
        (tables.dialplan_versions.c.dialplan_id == tables.dialplans.c.id)
        & (tables.dialplan_versions.c.version == tables.dialplans.c.live_version),
    )
    .order_by(tables.dialplans.c.id)
)


@dataclass(frozen=True, slots=True)
class DialplanVersion:
    """One line of a dialplan's history."""

    version: int
    created_at: float
    is_live: bool


def set_source(connection: Connection, user: str | None, name: str, source: str) -> Dialplan:
    """Save a script as the next version of a dialplan, live at once; the same text makes none."""
    owner = users.find(connection, user)
    plan_id = find_id(connection, owner.id, plan_name(name))
    if plan_id is None:
        values = {"user_id": owner.id, "name": name, "live_version": 1}
        plan_id = insert_row(connection, tables.dialplans, values)
        version = 1
    else:
        live = find(connection, user, name)
        if live.source == source:
            return live
        column = tables.dialplan_versions.c
        version = 1 + (
            connection.scalar(select(func.max(column.version)).where(column.dialplan_id == plan_id)) or 0
        )
        connection.execute(
            update(tables.dialplans).where(tables.dialplans.c.id == plan_id).values(live_version=version)
        )
    connection.execute(
        insert(tables.dialplan_versions).values(
            dialplan_id=plan_id, version=version, source=source, created_at=time.time(), kind="python"
        )
    )
    record_change(connection, "dialplan", plan_id)
    return Dialplan(plan_id, owner.id, name, version, source)


def roll_back(connection: Connection, user: str | None, name: str, version: int | None) -> Dialplan:
    """Make an older version of a dialplan live, by default the one before the live one."""
    live = find(connection, user, name)
    if version is None:
        column = tables.dialplan_versions.c
        version = connection.scalar(
            select(func.max(column.version)).where(
                column.dialplan_id == live.id, column.version < live.version
            )
        )
        if version is None:
            raise NotFoundError(f"dialplan {name!r} has no version before {live.version}")
    # Changed first, looked for then: from here on nobody forgets that version as one that nobody runs.
    connection.execute(
        update(tables.dialplans).where(tables.dialplans.c.id == live.id).values(live_version=version)
    )
    column = tables.dialplan_versions.c
    source = connection.scalar(
        select(column.source).where(column.dialplan_id == live.id, column.version == version)
    )
    if source is None:
        raise NotFoundError(f"dialplan {name!r} has no version {version}; its live version is {live.version}")
    record_change(connection, "dialplan", live.id)
    return Dialplan(live.id, live.user_id, live.name, version, source)


def find(connection: Connection, user: str | None, name: str, version: int | None = None) -> Dialplan:
    """Find a user's dialplan by name, live or in an older version."""
    owner = users.find(connection, user)
    query = _LIVE.where(tables.dialplans.c.user_id == owner.id, tables.dialplans.c.name == name)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(
            f"user {owner.name!r} has no dialplan {name!r}; 'sipwright dialplan list' shows them"
        )
    plan = Dialplan(*row)
    if version is None or version == plan.version:
        return plan
    column = tables.dialplan_versions.c
    query = select(column.source).where(column.dialplan_id == plan.id, column.version == version)
    source = connection.scalar(query)
    if source is None:
        raise NotFoundError(f"dialplan {name!r} has no version {version}; its live version is {plan.version}")
    return Dialplan(plan.id, plan.user_id, plan.name, version, source)


def find_id(connection: Connection, user_id: int, name: str) -> int | None:
    """Find the id of a user's dialplan."""
    column = tables.dialplans.c
    return connection.scalar(select(column.id).where(column.user_id == user_id, column.name == name))


def read_all(
    connection: Connection, user_id: int | None = None, between: tuple[int, int] | None = None
) -> list[Dialplan]:
    """List live dialplans, of one user or with ids in a range if so asked."""
    query = _LIVE
    if user_id is not None:
        query = query.where(tables.dialplans.c.user_id == user_id)
    if between is not None:
        query = query.where(tables.dialplans.c.id.between(*between))
    return [Dialplan(*row) for row in connection.execute(query)]


def versions(connection: Connection, plan: Dialplan) -> list[DialplanVersion]:
    """List the versions of a dialplan, oldest first; ``plan`` is the live one."""
    column = tables.dialplan_versions.c
    query = select(column.version, column.created_at).where(column.dialplan_id == plan.id).order_by("version")
    return [DialplanVersion(number, at, number == plan.version) for number, at in connection.execute(query)]


def remove(connection: Connection, user: str | None, name: str) -> Dialplan:
    """Remove a dialplan with all its versions, unless an account or a provider runs it, or another one imports it."""
    plan = find(connection, user, name)
    column = tables.accounts.c
    running_it = (
        select(column.username).where(or_(column.out_plan == plan.id, column.in_plan == plan.id)).limit(1)
    )
    if username := connection.scalar(running_it):
        raise InUseError(f"account {username!r} runs dialplan {name!r}; give it another one first")
    in_use.refuse_plan(connection, plan.id, name)
    if others := plan_modules.importers(connection, plan.user_id, name):
        named = ", ".join(map(repr, others))
        raise InUseError(f"dialplan {name!r} is imported by {named}; take the import out of there first")
    versions = tables.dialplan_versions
    connection.execute(delete(versions).where(versions.c.dialplan_id == plan.id))
    connection.execute(delete(tables.dialplans).where(tables.dialplans.c.id == plan.id))
    record_change(connection, "dialplan", plan.id)
    return plan

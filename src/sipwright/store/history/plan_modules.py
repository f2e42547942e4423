"""Dialplans that import others of their owner: which, in the versions that are live or that a run began with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection, select, tuple_

from sipwright.services.linking import PACKAGE, Find, Module, imported, modules_for
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Dialplan

__all__ = ["Pins", "finder", "importers", "linked", "modules_of_user", "read_pinned"]

Pins = tuple[tuple[str, int, int], ...]
"""Names, numbers and versions of dialplans."""

_PLAN, _VERSION = tables.dialplans.c, tables.dialplan_versions.c


def modules_of_user(connection: Connection, user_id: int) -> dict[str, Module]:
    """Return the live dialplans of a user as others may import them, by name."""
    is_live = (_VERSION.dialplan_id == _PLAN.id) & (_VERSION.version == _PLAN.live_version)
    query = (
        select(_PLAN.name, _VERSION.source, _PLAN.id, _VERSION.version)
        .join_from(tables.dialplans, tables.dialplan_versions, is_live)
        .where(_PLAN.user_id == user_id)
        .order_by(_PLAN.name)
    )
    return {row.name: Module(*row) for row in connection.execute(query)}


def importers(connection: Connection, user_id: int, name: str) -> list[str]:
    """Return the names of the dialplans of a user that import one of theirs, in order."""
    is_live = (_VERSION.dialplan_id == _PLAN.id) & (_VERSION.version == _PLAN.live_version)
    query = (
        select(_PLAN.name, _VERSION.source)
        .join_from(tables.dialplans, tables.dialplan_versions, is_live)
        .where(_PLAN.user_id == user_id, _PLAN.name != name, _VERSION.source.contains(PACKAGE))
        .order_by(_PLAN.name)
    )
    return [other for other, source in connection.execute(query) if name in imported(source)]


def finder(plans: Iterable[Dialplan], user_id: int) -> Find:
    """Return what finds a dialplan of a user by its name."""
    known = {
        plan.name: Module(plan.name, plan.source, plan.id, plan.version)
        for plan in plans
        if plan.user_id == user_id
    }
    return known.get


def linked(plans: Iterable[Dialplan]) -> list[Dialplan]:
    """Return dialplans with what they import; all of their owners are among them."""
    plans, found = list(plans), []
    for plan in plans:
        if PACKAGE in plan.source and imported(plan.source):
            plan = replace(plan, modules=modules_for(plan.source, finder(plans, plan.user_id)))
        found.append(plan)
    return found


def read_pinned(connection: Connection, pins: Pins) -> tuple[Module, ...]:
    """Return dialplans in the versions that a run began with; those that are gone are missing."""
    if not pins:
        return ()
    query = select(_VERSION.dialplan_id, _VERSION.version, _VERSION.source).where(
        tuple_(_VERSION.dialplan_id, _VERSION.version).in_([pin[1:] for pin in pins])
    )
    found = {(row.dialplan_id, row.version): row.source for row in connection.execute(query)}
    return tuple(
        Module(name, found[number, version], number, version)
        for name, number, version in pins
        if (number, version) in found
    )

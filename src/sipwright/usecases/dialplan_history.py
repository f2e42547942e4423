"""The versions and the runs of dialplans, and what all use cases of dialplans find them by."""

from __future__ import annotations

from difflib import unified_diff

from sqlalchemy import Connection

from sipwright.store.admin import dialplans
from sipwright.store.admin.dialplan_pages import PlanRow, VersionRow, read_page, read_runs, read_versions
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Dialplan
from sipwright.usecases.actor import Actor
from sipwright.usecases.dialplan_views import (
    DialplanView,
    Diff,
    RunView,
    VersionView,
    dialplan_view,
    lines_in,
    run_view,
)
from sipwright.usecases.etags import require
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note
from sipwright.usecases.whose import owner_of

__all__ = ["DialplanHistory", "found_plan", "subject_of"]

COUNTED = 7 * 86_400.0
"""Seconds: the failures of a week are counted."""


class DialplanHistory:
    """Shows what dialplans have been and have done, and goes back to an older version."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    async def versions(
        self,
        actor: Actor,
        name: str,
        *,
        user: str | None = None,
        limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[VersionView]:
        """List the versions of a dialplan, the newest first."""
        place = place_of(cursor, "versions", int)
        below = None if place is None else place[0]

        def work(connection: Connection) -> Page[VersionView]:
            found = found_plan(connection, actor, name, user)

            def view(row: VersionRow) -> VersionView:
                return VersionView(
                    row.version, row.saved_at, lines_in(row.source), row.version == found.version
                )

            return paged(
                "versions",
                limit,
                lambda most: read_versions(connection, found.id, most, below),
                lambda row: (row.version,),
                view,
            )

        return await self._ground.read(work)

    @needs("read")
    async def diff(
        self, actor: Actor, name: str, old: int, new: int | None = None, *, draft: str | None = None,
        user: str | None = None,
    ) -> Diff:  # fmt: skip
        """Compare an older version with another, the live one if none is named, or with a draft."""

        def work(connection: Connection) -> tuple[Dialplan, Dialplan]:
            return found_plan(connection, actor, name, user, old), found_plan(
                connection, actor, name, user, new
            )

        before, after = await self._ground.read(work)
        text = after.source if draft is None else draft.replace("\r\n", "\n")
        label = f"{name}, version {after.version}" if draft is None else f"{name}, draft"
        lines = unified_diff(
            before.source.splitlines(),
            text.splitlines(),
            f"{name}, version {before.version}",
            label,
            lineterm="",
        )
        return Diff(before.version, after.version, "\n".join(lines))

    @needs("write")
    async def rollback(
        self, actor: Actor, name: str, version: int | None = None, *, user: str | None = None,
        if_match: str | None = None,
    ) -> DialplanView:  # fmt: skip
        """Make an older version live again, by default the one before."""

        def work(connection: Connection) -> DialplanView:
            found = found_plan(connection, actor, name, user)
            before = dialplan_view(self._plan_row(connection, found.id))
            require(before, if_match, f"dialplan {name}")
            whose = before.user
            live = dialplans.roll_back(connection, whose, name, version)
            old, new = {"version": found.version}, {"version": live.version}
            note(connection, actor, "dialplans.rollback", subject_of(live, whose), old, new)
            return dialplan_view(self._plan_row(connection, found.id))

        return await self._ground.change(work)

    @needs("read")
    async def runs(
        self,
        actor: Actor,
        name: str,
        *,
        user: str | None = None,
        limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[RunView]:
        """List the runs of a dialplan, the newest first."""
        place = place_of(cursor, "runs", float, str)

        def work(connection: Connection) -> Page[RunView]:
            found = found_plan(connection, actor, name, user)
            return paged(
                "runs",
                limit,
                lambda most: read_runs(connection, found.id, most, place),
                lambda row: (row.started_at, row.id),
                run_view,
            )

        return await self._ground.read(work)

    def _since(self) -> float:
        return self._ground.now - COUNTED

    def _plan_row(self, connection: Connection, plan_id: int) -> PlanRow:
        (row,) = read_page(connection, self._since(), 1, plan_id=plan_id)
        return row


def found_plan(
    connection: Connection, actor: Actor, name: str, user: str | None, version: int | None = None
) -> Dialplan:
    """Return a dialplan of an actor, or of the user that an admin means, live or in an older version."""
    whose = owner_of(connection, actor, user, tables.dialplans, name)
    return dialplans.find(connection, whose.name, name, version)


def subject_of(plan: Dialplan, user: str) -> str:
    """Return what the trail calls a dialplan."""
    return f"{plan.name} of {user}"

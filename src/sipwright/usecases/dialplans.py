"""Dialplans: scripts with versions, which are checked, tried and replayed before they are live."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sqlalchemy import Connection

from sipwright.services.linking import imported
from sipwright.store.admin import dialplans
from sipwright.store.admin.dialplan_pages import read_page, users_of
from sipwright.store.errors import NotFoundError
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Dialplan
from sipwright.store.schema.names import plan_name
from sipwright.usecases import rehearsals
from sipwright.usecases.actor import Actor
from sipwright.usecases.dialplan_checks import DialplanChecks, others_of
from sipwright.usecases.dialplan_history import DialplanHistory, found_plan, subject_of
from sipwright.usecases.dialplan_views import (
    DialplanDetail,
    DialplanView,
    Diff,
    Problem,
    RunView,
    VersionView,
    dialplan_view,
)
from sipwright.usecases.errors import Changed, FieldError, Invalid
from sipwright.usecases.etags import refuse_if_there, require
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rehearsals import Replay, ReplayWish, Try, TryWish
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note
from sipwright.usecases.whose import narrowed, owner_of

__all__ = [
    "DialplanDetail",
    "DialplanView",
    "Dialplans",
    "Diff",
    "Problem",
    "Replay",
    "ReplayWish",
    "RunView",
    "Try",
    "TryWish",
    "VersionView",
]

AT_ONCE = 2
"""Scripts that are tried, or calls replayed, at the same time: the others wait."""


class Dialplans(DialplanChecks, DialplanHistory):
    """Keeps dialplans; `user` is whose it is, where an admin means another's."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._turn = asyncio.Semaphore(AT_ONCE)

    @needs("read")
    async def list(
        self, actor: Actor, *, user: str | None = None, q: str | None = None, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[DialplanView]:  # fmt: skip
        """List dialplans by name, each with its last run and how many failed."""
        place, since = place_of(cursor, "dialplans", str, int), self._since()

        def work(connection: Connection) -> Page[DialplanView]:
            owner_id = narrowed(connection, actor, user)
            return paged(
                "dialplans",
                limit,
                lambda most: read_page(connection, since, most, place, user_id=owner_id, q=q),
                lambda row: (row.name, row.id),
                dialplan_view,
            )

        return await self._ground.read(work)

    @needs("read")
    async def get(
        self, actor: Actor, name: str, *, version: int | None = None, user: str | None = None
    ) -> DialplanDetail:
        """Show a dialplan, live or in an older version."""

        def work(connection: Connection) -> DialplanDetail:
            return self._detail(connection, found_plan(connection, actor, name, user, version))

        return await self._ground.read(work)

    @needs("write")
    async def put(
        self, actor: Actor, name: str, source: str, *, user: str | None = None, if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> DialplanDetail:  # fmt: skip
        """Check a script and make it the live version of a dialplan, which need not be there yet.

        Raises:
            Invalid: Something is wrong with the script; it is not saved.
            Changed: It is not what it was any more, as `if_match` has it.
            Conflict: It is there, and `if_none_match` says that it is not.
        """
        source = source.replace("\r\n", "\n")
        others = await self._ground.read(lambda connection: others_of(connection, actor, name, user))
        if problems := await self._problems(source, others, plan_name(name)):
            raise Invalid(FieldError("source", one.line, one.message) for one in problems)

        def work(connection: Connection) -> DialplanDetail:
            whose = owner_of(connection, actor, user, tables.dialplans, plan_name(name))
            for other in imported(source):  # somebody may have removed it meanwhile
                if dialplans.find_id(connection, whose.id, other) is None:
                    raise Invalid.of("source", f"there is no dialplan {other!r} any more")
            known = dialplans.find_id(connection, whose.id, name)
            if known is not None:
                before = dialplan_view(self._plan_row(connection, known))
                require(before, if_match, f"dialplan {name}")
                refuse_if_there(before, if_none_match, f"dialplan {name}")
                version: int | None = before.version
            elif if_match is not None:
                raise Changed(f"there is no dialplan {name!r} any more")
            else:
                version = None
            saved = dialplans.set_source(connection, whose.name, name, source)
            old = None if version is None else {"version": version}
            if version != saved.version:
                note(
                    connection,
                    actor,
                    "dialplans.put",
                    subject_of(saved, whose.name),
                    old,
                    {"version": saved.version},
                )
            return self._detail(connection, saved)

        saved = await self._ground.change(work)
        return replace(saved, warnings=await self._warnings(actor, name, user))

    @needs("write")
    async def remove(
        self, actor: Actor, name: str, *, user: str | None = None, if_match: str | None = None
    ) -> DialplanView:
        """Remove a dialplan that nothing runs."""

        def work(connection: Connection) -> DialplanView:
            found = found_plan(connection, actor, name, user)
            view = dialplan_view(self._plan_row(connection, found.id))
            require(view, if_match, f"dialplan {name}")
            dialplans.remove(connection, view.user, name)
            note(
                connection, actor, "dialplans.remove", subject_of(found, view.user), {"version": view.version}
            )
            return view

        return await self._ground.change(work)

    @needs("read")
    async def try_call(
        self, actor: Actor, wish: TryWish, *, name: str | None = None, source: str | None = None,
        user: str | None = None,
    ) -> Try:  # fmt: skip
        """Try a stored dialplan, or a draft, without a phone."""
        if name is None and source is None:
            raise Invalid.of("source", "say what is to be tried: a dialplan's name, or a script")

        def work(connection: Connection) -> rehearsals.Script:
            found = None
            if name is not None:
                try:
                    found = found_plan(connection, actor, name, user)
                except NotFoundError:
                    if source is None:
                        raise
            return rehearsals.read_script(connection, self._ground.keys, actor, found, source, name, user)

        script = await self._ground.read(work)
        return await rehearsals.try_call(self._turn, script, wish)

    @needs("read")
    async def replay(
        self, actor: Actor, name: str, wish: ReplayWish, *, source: str | None = None, user: str | None = None
    ) -> Replay:
        """Run the recorded calls of a dialplan through a draft, or else through its live version."""

        def work(connection: Connection) -> tuple[Dialplan, rehearsals.Script]:
            found = found_plan(connection, actor, name, user)
            return found, rehearsals.read_script(
                connection, self._ground.keys, actor, found, source, name, user
            )

        found, script = await self._ground.read(work)
        return await rehearsals.replay(self._ground, self._turn, found, script, wish)

    def _detail(self, connection: Connection, plan: Dialplan) -> DialplanDetail:
        view = dialplan_view(self._plan_row(connection, plan.id))
        return DialplanDetail(view, plan.version, plan.source, tuple(users_of(connection, plan.id)))

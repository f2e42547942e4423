"""Dialplans: scripts with versions, which are checked, tried and replayed before they are live."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff

from sqlalchemy import Connection

from sipwright.services.dialplan.checking.check import check_script
from sipwright.services.dialplan.checking.doubts import doubts
from sipwright.services.dialplan.checking.literals import secrets_in
from sipwright.services.dialplan.language.rules import RulesError, compile_rules, read_rules
from sipwright.services.linking import Find, Module, exported, imported, parse
from sipwright.store.admin import dialplans, script_secrets
from sipwright.store.admin.dialplan_pages import (
    PlanRow,
    RunRow,
    VersionRow,
    read_page,
    read_runs,
    read_versions,
    users_of,
)
from sipwright.store.errors import NotFoundError
from sipwright.store.history import plan_modules
from sipwright.store.schema import tables
from sipwright.store.schema.entities import Dialplan
from sipwright.store.schema.names import plan_name
from sipwright.usecases import rehearsals
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Changed, FieldError, Invalid
from sipwright.usecases.etags import etag_of, require
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rehearsals import Replay, ReplayWish, Try, TryWish
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note
from sipwright.usecases.whose import narrowed, owner, owner_of

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


@dataclass(frozen=True, slots=True)
class DialplanView:
    """A dialplan; `failures` is how many of its runs of the last seven days have failed."""

    dialplan: str
    user: str
    version: int
    saved_at: float
    lines: int
    last_run_at: float | None
    last_run_state: str | None
    failures: int
    etag: str


@dataclass(frozen=True, slots=True)
class DialplanDetail:
    """One version of a dialplan with its script; `used_by` says in words what runs it.

    `warnings` are for whoever has just saved it: what other dialplans lack now that import it, what fails in some
    calls, and secrets that it asks for and nobody has set.
    """

    dialplan: DialplanView
    version: int
    source: str
    used_by: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a dialplan."""

    version: int
    saved_at: float
    lines: int
    live: bool


@dataclass(frozen=True, slots=True)
class Diff:
    """What has changed between two versions, as a unified diff."""

    old: int
    new: int
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a script, and where; what is not `certain` fails in some calls only, and may be saved."""

    line: int
    column: int
    message: str
    certain: bool = True


@dataclass(frozen=True, slots=True)
class RunView:
    """One run of a dialplan."""

    run: str
    call: str | None
    version: int | None
    state: str
    outcome: str | None
    started_at: float
    ended_at: float | None


AT_ONCE = 2
"""Scripts that are tried, or calls replayed, at the same time: the others wait."""

MOST_READ = 100
"""Dialplans whose names are read for whoever writes an import; of the others only that they are there is told."""

COUNTED = 7 * 86_400.0
"""Seconds: the failures of a week are counted."""


class Dialplans:
    """Keeps dialplans; `user` is whose it is, where an admin means another's."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._turn = asyncio.Semaphore(AT_ONCE)

    @needs("read")
    async def list(
        self, actor: Actor, *, user: str | None = None, q: str | None = None, limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[DialplanView]:  # fmt: skip
        """List dialplans by name, each with its last run and how many failed."""
        place, since = place_of(cursor, str, int), self._since()

        def work(connection: Connection) -> Page[DialplanView]:
            owner_id = narrowed(connection, actor, user)
            return paged(
                limit,
                lambda most: read_page(connection, since, most, place, user_id=owner_id, q=q),
                lambda row: (row.name, row.id),
                _view,
            )

        return await self._ground.read(work)

    @needs("read")
    async def get(
        self, actor: Actor, name: str, *, version: int | None = None, user: str | None = None
    ) -> DialplanDetail:
        """Show a dialplan, live or in an older version."""

        def work(connection: Connection) -> DialplanDetail:
            return self._detail(connection, _find(connection, actor, name, user, version))

        return await self._ground.read(work)

    @needs("write")
    async def put(
        self, actor: Actor, name: str, source: str, *, user: str | None = None, if_match: str | None = None
    ) -> DialplanDetail:
        """Check a script and make it the live version of a dialplan, which need not be there yet.

        Raises:
            Invalid: Something is wrong with the script; it is not saved.
            Changed: It is not what it was any more, as `if_match` has it.
        """
        source = source.replace("\r\n", "\n")
        others = await self._ground.read(lambda connection: _others(connection, actor, name, user))
        if problems := await self._problems(source, others, plan_name(name)):
            raise Invalid(FieldError("source", one.line, one.message) for one in problems)

        def work(connection: Connection) -> DialplanDetail:
            whose = owner_of(connection, actor, user, tables.dialplans, plan_name(name))
            for other in imported(source):  # somebody may have removed it meanwhile
                if dialplans.find_id(connection, whose.id, other) is None:
                    raise Invalid.of("source", f"there is no dialplan {other!r} any more")
            known = dialplans.find_id(connection, whose.id, name)
            if known is not None:
                before = _view(self._row(connection, known))
                require(before, if_match, f"dialplan {name}")
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
                    _subject(saved, whose.name),
                    old,
                    {"version": saved.version},
                )
            return self._detail(connection, saved)

        saved = await self._ground.change(work)
        return replace(saved, warnings=await self._warnings(actor, name, user))

    @needs("read")
    async def warnings(self, actor: Actor, name: str, *, user: str | None = None) -> tuple[str, ...]:
        """Say what is wrong with others since a dialplan is as it is now, and what it lacks itself."""
        return await self._warnings(actor, name, user)

    async def _warnings(self, actor: Actor, name: str, user: str | None) -> tuple[str, ...]:
        def work(connection: Connection) -> tuple[dict[str, Module], set[str]]:
            whose = owner_of(connection, actor, user, tables.dialplans, name)
            dialplans.find(connection, whose.name, name)
            plans = plan_modules.modules_of_user(connection, whose.id)
            return plans, script_secrets.names_of(connection, whose.id)

        plans, secrets = await self._ground.read(work)
        found = []
        for other in plans.values():
            if other.name == name:
                told = await self._problems(other.source, plans, name)
                problems = tuple(one for one in told if _is_import(one))
            elif name in imported(other.source):
                problems = await self._problems(other.source, plans, other.name)
            else:
                continue
            found += [f"dialplan {other.name}, line {one.line}: {one.message}" for one in problems]
        found += [f"line {one.line}: {one.message}" for one in _doubts(plans[name].source)]
        missing = [one for one in secrets_in(plans[name].source) if one not in secrets]
        found += [
            f"there is no secret {one!r} yet; 'sipwright secret set {one}' keeps one" for one in missing
        ]
        return tuple(found)

    @needs("write")
    async def remove(
        self, actor: Actor, name: str, *, user: str | None = None, if_match: str | None = None
    ) -> DialplanView:
        """Remove a dialplan that nothing runs."""

        def work(connection: Connection) -> DialplanView:
            found = _find(connection, actor, name, user)
            view = _view(self._row(connection, found.id))
            require(view, if_match, f"dialplan {name}")
            dialplans.remove(connection, view.user, name)
            note(connection, actor, "dialplans.remove", _subject(found, view.user), {"version": view.version})
            return view

        return await self._ground.change(work)

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
        place = place_of(cursor, int)
        below = None if place is None else place[0]

        def work(connection: Connection) -> Page[VersionView]:
            found = _find(connection, actor, name, user)

            def view(row: VersionRow) -> VersionView:
                return VersionView(
                    row.version, row.saved_at, _lines(row.source), row.version == found.version
                )

            return paged(
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
            return _find(connection, actor, name, user, old), _find(connection, actor, name, user, new)

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
        self, actor: Actor, name: str, version: int | None = None, *, user: str | None = None
    ) -> DialplanView:
        """Make an older version live again, by default the one before."""

        def work(connection: Connection) -> DialplanView:
            found = _find(connection, actor, name, user)
            whose = self._row(connection, found.id).user
            live = dialplans.roll_back(connection, whose, name, version)
            old, new = {"version": found.version}, {"version": live.version}
            note(connection, actor, "dialplans.rollback", _subject(live, whose), old, new)
            return _view(self._row(connection, found.id))

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
        place = place_of(cursor, float, str)

        def work(connection: Connection) -> Page[RunView]:
            found = _find(connection, actor, name, user)
            return paged(
                limit,
                lambda most: read_runs(connection, found.id, most, place),
                lambda row: (row.started_at, row.id),
                _run,
            )

        return await self._ground.read(work)

    @needs("read")
    async def importable(
        self, actor: Actor, name: str, *, user: str | None = None
    ) -> dict[str, tuple[str, ...]]:
        """Return what a dialplan of that name may import: other dialplans of its owner, each with its names."""
        others = await self._ground.read(lambda connection: _others(connection, actor, name, user))
        return await asyncio.to_thread(_names_in, [one for one in others.values() if one.name.isidentifier()])

    @needs("read")
    async def check(
        self,
        actor: Actor,
        source: str,
        *,
        name: str | None = None,
        user: str | None = None,
        beside: Find | None = None,
    ) -> tuple[Problem, ...]:
        """Say what is wrong with a script, which is to be the dialplan of that name.

        What it imports is what `beside` finds, or else another dialplan of the same user.
        """
        others = await self._ground.read(lambda connection: _others(connection, actor, name, user))
        source = source.replace("\r\n", "\n")
        return await self._problems(source, others, name or "", beside) or _doubts(source)

    @needs("read")
    async def compile_rules(self, actor: Actor, rules: str) -> str:
        """Return the script that rules, in TOML, become.

        Raises:
            Invalid: They cannot be understood.
        """
        try:
            return compile_rules(read_rules(rules.replace("\r\n", "\n")))
        except RulesError as error:
            raise Invalid.of("rules", str(error)) from None

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
                    found = _find(connection, actor, name, user)
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
            found = _find(connection, actor, name, user)
            return found, rehearsals.read_script(
                connection, self._ground.keys, actor, found, source, name, user
            )

        found, script = await self._ground.read(work)
        return await rehearsals.replay(self._ground, self._turn, found, script, wish)

    async def _problems(
        self, source: str, others: Mapping[str, Module], name: str, beside: Find | None = None
    ) -> tuple[Problem, ...]:
        limits = self._ground.settings.dialplan.limits()
        find = others.get if beside is None else rehearsals.beside_or(others.get, beside)
        found = await asyncio.to_thread(check_script, source, limits, find, name, [*others])
        return tuple(Problem(one.line, one.column, one.message) for one in found)

    def _since(self) -> float:
        return self._ground.now - COUNTED

    def _row(self, connection: Connection, plan_id: int) -> PlanRow:
        (row,) = read_page(connection, self._since(), 1, plan_id=plan_id)
        return row

    def _detail(self, connection: Connection, plan: Dialplan) -> DialplanDetail:
        view = _view(self._row(connection, plan.id))
        return DialplanDetail(view, plan.version, plan.source, tuple(users_of(connection, plan.id)))


def _others(connection: Connection, actor: Actor, name: str | None, user: str | None) -> dict[str, Module]:
    """Return what a dialplan of that name may import: all others of its owner."""
    if name is None:
        whose = owner(connection, actor, user)
    else:
        whose = owner_of(connection, actor, user, tables.dialplans, plan_name(name))
    found = plan_modules.modules_of_user(connection, whose.id)
    found.pop(name or "", None)
    return found


def _names_in(modules: Sequence[Module]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = dict.fromkeys((one.name for one in modules), ())
    for one in modules[:MOST_READ]:
        tree = parse(one.source)
        found[one.name] = () if tree is None else tuple(exported(tree))
    return found


def _doubts(source: str) -> tuple[Problem, ...]:
    return tuple(Problem(*one, certain=False) for one in doubts(source))


def _is_import(problem: Problem) -> bool:
    return "import" in problem.message or "dialplan" in problem.message


def _find(
    connection: Connection, actor: Actor, name: str, user: str | None, version: int | None = None
) -> Dialplan:
    whose = owner_of(connection, actor, user, tables.dialplans, name)
    return dialplans.find(connection, whose.name, name, version)


def _view(row: PlanRow) -> DialplanView:
    return DialplanView(
        dialplan=row.name,
        user=row.user,
        version=row.version,
        saved_at=row.saved_at,
        lines=_lines(row.source),
        last_run_at=row.last_run_at,
        last_run_state=row.last_run_state,
        failures=row.failures,
        etag=etag_of(row.id, row.version, row.source),
    )


def _run(row: RunRow) -> RunView:
    return RunView(row.id, row.call_id, row.version, row.state, row.outcome, row.started_at, row.ended_at)


def _lines(source: str) -> int:
    return source.count("\n") + (not source.endswith("\n"))


def _subject(plan: Dialplan, user: str) -> str:
    return f"{plan.name} of {user}"

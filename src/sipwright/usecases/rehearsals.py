"""Dialplans without a phone: tried on a pretended call, or given recorded ones, beside everything that runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from sipwright.errors import UserError
from sipwright.services.dialstring import DialLeg, ToUser
from sipwright.services.linking import Find, modules_for
from sipwright.store.admin import accounts, dialplans, domains, providers, users
from sipwright.store.crypto import KeyRing
from sipwright.store.history import plan_modules
from sipwright.store.history.recordings import RecordedRun, read_recordings
from sipwright.store.schema.entities import Dialplan
from sipwright.testing.plans import InPlan, InPlans, PretendedPlan
from sipwright.testing.result import CallResult
from sipwright.testing.scripts import instant
from sipwright.testing.stage import Setting, Stage, world_of
from sipwright.usecases import replayed_calls, tried_calls
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Invalid, translated
from sipwright.usecases.ground import Ground
from sipwright.usecases.whose import is_seen, owner

__all__ = [
    "Replay",
    "ReplayWish",
    "Script",
    "Tried",
    "Try",
    "TryWish",
    "pretend",
    "read_runs",
    "read_script",
    "replay",
    "try_call",
]

MOST_REPLAYED = 10_000
"""Recorded calls that go through a draft at once."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TryWish:
    """A call to try a script on, and what the world pretends; the words are those of ``sipwright dialplan try``."""

    from_: str = "alice"
    to: str = "300"
    direction: str = "out"
    answers: Sequence[str] = ()
    effects: Sequence[str] = ()
    in_plans: Sequence[str] = ()
    at: str | None = None
    gives_up: float | None = None
    headers: Sequence[tuple[str, str]] = ()
    active: int = 0
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Try:
    """How a tried call went: `lines` for people, `result` for programs, as the command line prints both."""

    lines: tuple[str, ...]
    result: Mapping[str, Any]
    failure: str | None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayWish:
    """Which recorded calls go through a draft: those begun since then, at most so many."""

    since: float
    limit: int = 10_000


@dataclass(frozen=True, slots=True)
class Replay:
    """What recorded calls would have done: `moved` are those that would have gone elsewhere."""

    calls: int
    replayed: int
    skipped: int
    moved: tuple[Mapping[str, Any], ...] = field(default=())


class Script(NamedTuple):
    """A script with whose it is, and what it lives among; `providers` are the names that each user's can dial."""

    plan: PretendedPlan
    user: str
    timezone: str
    domain: str
    in_plans: InPlans
    known: frozenset[tuple[str, str]]
    """The accounts that there are, of those that the actor may know."""

    providers: dict[str, set[str]]
    drafts: dict[str, PretendedPlan]
    """The dialplans of the owner by name, for accounts that are given another one."""


class Tried(NamedTuple):
    """What came of a tried call, and what took how many seconds; `remarks` are for whoever asked."""

    result: CallResult
    setting: Setting
    took: float
    remarks: tuple[str, ...]


def read_script(
    connection: Connection, keys: KeyRing, actor: Actor, found: Dialplan | None, source: str | None,
    name: str | None, user: str | None, beside: Find = lambda name: None,
) -> Script:  # fmt: skip
    """Read what a script needs to be tried; of other users' accounts and dialplans an actor learns nothing.

    What a draft imports is what `beside` finds, or else what is stored.
    """
    everybody = {one.id: one for one in users.read_all(connection)}
    whose = owner(connection, actor, user) if found is None else everybody[found.user_id]
    seen = None if actor.is_admin else actor.user_id
    plans = {one.id: one for one in plan_modules.linked(dialplans.read_all(connection, seen))}
    find = beside_or(plan_modules.finder(plans.values(), whose.id), beside)
    if source is not None:
        draft = PretendedPlan.of_text(source.replace("\r\n", "\n"), name or "draft", find)
        plan = (
            draft._replace(user_id=whose.id)
            if found is None
            else draft._replace(id=found.id, user_id=whose.id)
        )
    else:
        assert found is not None
        plan = _pretended(replace(found, modules=modules_for(found.source, find)))
    homes = domains.read_all(connection)
    domain = next((one.name for one in homes if one.is_default), "")
    names = {one.name: {home.name.lower() for home in homes} for one in everybody.values()}
    for provider in providers.read_all(connection, keys, seen):
        names[everybody[provider.user_id].name].add(provider.name)
    in_plans, known = InPlans(domain), set()
    for account in accounts.read_all(connection, keys, seen):
        known.add((account.username, account.domain))
        runs = None if account.in_plan is None else plans.get(account.in_plan)
        if runs is not None and account.is_enabled and is_seen(actor, runs.user_id):
            by = everybody[runs.user_id]
            in_plans.set(account.aor, InPlan(account.username, _pretended(runs), by.name, by.timezone))
    drafts = {one.name: _pretended(one) for one in plans.values() if one.user_id == whose.id}
    return Script(plan, whose.name, whose.timezone, domain, in_plans, frozenset(known), names, drafts)


def beside_or(stored: Find, beside: Find) -> Find:
    """Return what finds a dialplan beside a draft, or else among those that are stored."""
    return lambda name: beside(name) or stored(name)


async def try_call(turn: asyncio.Semaphore, script: Script, wish: TryWish) -> Try:
    """Try a script on a pretended call, when it is its turn.

    Raises:
        Invalid: The wish says something that cannot be.
    """
    async with turn:
        return await asyncio.to_thread(_try, script, wish)


async def replay(
    ground: Ground, turn: asyncio.Semaphore, found: Dialplan, script: Script, wish: ReplayWish
) -> Replay:
    """Run recorded calls through a script, when it is its turn."""
    if not 1 <= wish.limit <= MOST_REPLAYED:
        raise Invalid.of("limit", f"limit is between 1 and {MOST_REPLAYED}, not {wish.limit}")
    runs = await read_runs(ground, found, script.plan.listing, wish)
    async with turn:
        return await asyncio.to_thread(_replay, found, script, runs)


async def read_runs(ground: Ground, found: Dialplan, source: str, wish: ReplayWish) -> list[RecordedRun]:
    """Read the recorded calls of a dialplan, with their messages where the script could look at them."""
    with_messages = "headers" in source or "body" in source
    with translated():
        return await read_recordings(
            ground.administration.database, found.id, wish.since, wish.limit, with_messages=with_messages
        )


def pretend(script: Script, wish: TryWish) -> Tried:
    """Try a script on a pretended call, here and now.

    Raises:
        Invalid: The wish says something that cannot be.
    """
    if wish.direction not in ("out", "in"):
        raise Invalid.of("direction", f"a call goes out or in, not {wish.direction!r}")
    now = time.time()
    moment = _said("at", lambda: instant(now if wish.at is None else wish.at, script.timezone, now))
    setting = Setting(
        wish.from_, wish.to, wish.direction, moment, script.domain or "example.org", headers=dict(wish.headers),
        active=wish.active, user=script.user, timezone=script.timezone, gives_up_after=wish.gives_up,
        provider=wish.provider,
    )  # fmt: skip
    world = _said(
        "answers", lambda: world_of(wish.answers, (), domain=setting.domain, providers=script.providers)
    )
    _said("effects", lambda: world_of((), wish.effects))
    world = world_of(wish.answers, wish.effects, domain=setting.domain, providers=script.providers)
    for text in wish.in_plans:
        script.in_plans.set(*_in_plan(text, script))
    world.in_plans = script.in_plans
    remarks = _remarks(script, setting, wish)
    with Stage() as stage:
        stage.open()
        before = time.perf_counter()
        result = stage.run(script.plan, setting, world)
        took = time.perf_counter() - before
    return Tried(result, setting, took, remarks)


def _try(script: Script, wish: TryWish) -> Try:
    result, setting, took, remarks = pretend(script, wish)
    failed = tried_calls.failed_of(result)
    lines = tried_calls.lines_of(result, script.plan, setting, took)
    failure = None if failed is None or failed.failure is None else failed.failure.message
    return Try(tuple(lines), tried_calls.json_of(result), failure, remarks)


def _remarks(script: Script, setting: Setting, wish: TryWish) -> tuple[str, ...]:
    if wish.direction != "in" or not script.domain or wish.provider is not None:
        return ()
    request = setting.inputs("").request
    if script.in_plans.of(DialLeg(ToUser(request.user, request.host))) is not None:
        return ()
    if (request.user, request.host) in script.known:
        return ()
    return (f"there is no account {wish.to!r}: in a real call no dialplan would run",)


def _in_plan(text: str, script: Script) -> tuple[str, InPlan | None]:
    account, colon, plan = (part.strip() for part in text.partition(":"))
    if not colon or not account or not plan:
        raise Invalid.of(
            "in_plans", f"{text!r} gives no account a dialplan; write ACCOUNT: PLAN, or ACCOUNT: none"
        )
    if plan == "none":
        return account, None
    if plan not in script.drafts:
        raise Invalid.of("in_plans", f"user {script.user!r} has no dialplan {plan!r}")
    return account, InPlan(account, script.drafts[plan], script.user, script.timezone)


def _replay(found: Dialplan, script: Script, runs: list[RecordedRun]) -> Replay:
    replayed, skipped = replayed_calls.replay_runs(
        script.plan, found, script.domain, runs, script.in_plans, lambda done, total: None
    )
    moved = tuple(replayed_calls.json_of(one) for one in replayed if not one.is_same)
    return Replay(len(runs), len(replayed), skipped, moved)


def _pretended(plan: Dialplan) -> PretendedPlan:
    return PretendedPlan(plan.source, plan.name, plan.id, plan.user_id, plan.version, plan.modules)


def _said(field: str, read: Callable[[], T]) -> T:
    """Read a part of a wish, and tell what is wrong with it at its field."""
    try:
        return read()
    except UserError as error:
        raise Invalid.of(field, str(error)) from None

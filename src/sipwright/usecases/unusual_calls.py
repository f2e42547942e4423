"""Calls that were held back as they are unlike all others of their user: shown, confirmed, and held back again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from sipwright.services.guard.baseline import Baseline, place_text
from sipwright.services.guard.learning import learn_from
from sipwright.services.guard.rates import money
from sipwright.store.admin import baselines, guard_rules, unusual_calls, users
from sipwright.store.admin.unusual_calls import GOOD_FOR, UnusualCall
from sipwright.store.errors import NotFoundError
from sipwright.store.schema import tables
from sipwright.store.schema.entities import User
from sipwright.usecases.actor import Actor
from sipwright.usecases.etags import shown
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note
from sipwright.usecases.whose import narrowed, owner

__all__ = ["UnusualCallView", "UnusualCalls", "UsualView"]

_Change = Callable[[Connection, UnusualCall], UnusualCall]


@dataclass(frozen=True, slots=True)
class UnusualCallView:
    """Calls to one place that were held back; `code` is what a phone may dial, and they leave `until` then."""

    id: int
    user: str
    account: str
    number: str
    place: str
    why: str
    times: int
    last_at: float
    state: str
    code: str | None
    confirmed_at: float | None
    confirmed_by: str | None
    until_at: float | None


@dataclass(frozen=True, slots=True)
class UsualView:
    """What is usual for a user; all is nothing where there were too few calls to tell."""

    user: str
    calls: int
    days: int
    hours: tuple[int, ...]
    places: tuple[str, ...]
    calls_at_once: int
    calls_per_hour: int
    minutes_per_day: float
    money_per_day: str
    longest_call: float


class UnusualCalls:
    """Shows and confirms them; a user their own, an admin everybody's."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    async def list(
        self, actor: Actor, *, user: str | None = None, limit: int = USUAL, cursor: str | None = None
    ) -> Page[UnusualCallView]:
        """List what was held back, the newest first."""
        after, now = place_of(cursor, "unusual calls", float, int), self._ground.unix_time()

        def work(connection: Connection) -> Page[UnusualCallView]:
            whose = narrowed(connection, actor, user)
            return paged(
                "unusual calls",
                limit,
                lambda most: unusual_calls.page(connection, most, whose, after),
                lambda call: (call.at, call.id),
                lambda call: _view(connection, call, now),
            )

        return await self._ground.look(work)

    @needs("write")
    async def confirm(self, actor: Actor, number: int) -> UnusualCallView:
        """Let calls to that place leave for some days: whose they are says that they were theirs."""
        now = self._ground.unix_time()
        return await self._change(
            actor, "guard.confirm", number, lambda c, call: unusual_calls.confirm(c, call, actor.name, now)
        )

    @needs("write")
    async def undo(self, actor: Actor, number: int) -> UnusualCallView:
        """Hold calls to that place back again."""
        return await self._change(actor, "guard.undo", number, unusual_calls.undo)

    @needs("read")
    async def usual(self, actor: Actor, user: str | None = None) -> UsualView:
        """Show what is usual for a user."""

        def work(connection: Connection) -> UsualView:
            whose = owner(connection, actor, user)
            return _usual(whose.name, baselines.read_one(connection, whose.id))

        return await self._ground.look(work)

    @needs("write", admin=True)
    async def learn(self, actor: Actor, user: str) -> UsualView:
        """Learn now what is usual for a user, and not only within a day."""
        now = self._ground.unix_time()

        def read(
            connection: Connection,
        ) -> tuple[User, str | None, tuple[list[tuple[str, float, float]], list[int]]]:
            found = users.find(connection, user)
            home = guard_rules.home_of(guard_rules.rule_of(connection, "user", found.id), found.timezone)
            return found, home, baselines.records_of(connection, found.id, now)

        whose, home, (records, spent) = await self._ground.read(read)
        home = self._ground.settings.guard.region or home
        learnt = await asyncio.to_thread(learn_from, records, home, whose.timezone, spent)

        def work(connection: Connection) -> UsualView:
            before = _usual(whose.name, baselines.read_one(connection, whose.id))
            baselines.keep(connection, [(whose.id, learnt)], now)
            view = _usual(whose.name, learnt)
            note(connection, actor, "guard.learn", f"user {whose.name}", shown(before), shown(view))
            return view

        return await self._ground.change(work)

    async def _change(self, actor: Actor, action: str, number: int, changed: _Change) -> UnusualCallView:
        now = self._ground.unix_time()

        def work(connection: Connection) -> UnusualCallView:
            call = unusual_calls.find(connection, number, None if actor.is_admin else actor.user_id)
            before = _view(connection, call, now)
            after = _view(connection, changed(connection, call), now)
            note(connection, actor, action, f"{after.number} of {after.user}", _noted(before), _noted(after))
            return after

        return await self._ground.change(work)


def _noted(view: UnusualCallView) -> dict[str, object]:
    """Return what the audit has of it: all but the code."""
    return {name: value for name, value in (shown(view) or {}).items() if name != "code"}


def _view(connection: Connection, call: UnusualCall, now: float) -> UnusualCallView:
    try:
        user = users.by_id(connection, call.user_id).name
    except NotFoundError:
        user = ""
    leaves = call.leaves(now)
    state = "confirmed" if leaves else "held back" if call.at > now - GOOD_FOR else "over"
    return UnusualCallView(
        call.id, user, _account_name(connection, call.account_id), call.number, place_text(call.place), call.why,
        call.times, call.at, state, call.code if state == "held back" else None, call.confirmed_at, call.confirmed_by,
        call.until if leaves else None,
    )  # fmt: skip


def _account_name(connection: Connection, account_id: int) -> str:
    account, domain = tables.accounts.c, tables.domains.c
    query = select(account.username, domain.name).join_from(tables.accounts, tables.domains)
    row = connection.execute(query.where(account.id == account_id)).one_or_none()
    return "" if row is None else f"{row[0]}@{row[1]}"


def _usual(user: str, usual: Baseline | None) -> UsualView:
    if usual is None:
        return UsualView(user, 0, 0, (), (), 0, 0, 0.0, money(0), 0.0)
    places = sorted(usual.places, key=lambda key: -usual.places[key])
    return UsualView(
        user, usual.calls, usual.days, usual.hours, tuple(map(place_text, places)), usual.most_at_once,
        usual.most_per_hour, usual.most_minutes, money(usual.most_money), usual.longest,
    )  # fmt: skip

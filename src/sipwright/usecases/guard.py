"""Guard: where calls of users may lead, how much of them there may be, what they have used; an admin's to change."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from sipwright.services.guard.rates import MICROS, money
from sipwright.services.guard.spending import Allowance
from sipwright.store.admin import accounts, guard_rules, providers, users
from sipwright.store.admin.guard_rules import UNLIMITED, Rule
from sipwright.store.live.node_register import living_others
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Invalid, NotFound, UseCaseError
from sipwright.usecases.etags import shown
from sipwright.usecases.ground import Ground
from sipwright.usecases.page import USUAL, Page, paged, place_of
from sipwright.usecases.rights import needs
from sipwright.usecases.trail import note

__all__ = ["SCOPES", "Guard", "GuardView", "RateView"]

SCOPES = ("user", "account", "provider")

NOTHING: Mapping[int, int] = MappingProxyType({})

_LIMITS = ("calls_at_once", "calls_per_hour", "minutes_per_day", "money_per_day")

MOST = 1_000_000_000
"""What a limit may be; whoever wants more wants none."""


@dataclass(frozen=True, slots=True)
class GuardView:
    """What a user, an account or a provider may use, None for as much as the settings say, and has used in a day.

    `reserved` is the money that is set aside for calls of a user in progress, at all nodes that answer.
    """

    scope: str
    name: str
    destinations: tuple[str, ...]
    calls_at_once: int | None
    calls_per_hour: int | None
    minutes_per_day: float | None
    money_per_day: str | None
    calls: int
    minutes: float
    money: str
    reserved: str = "0.00"


@dataclass(frozen=True, slots=True)
class RateView:
    """What a provider takes for numbers that begin so: a minute, and the connection."""

    prefix: str
    per_minute: str
    connection: str


class Guard:
    """Shows and changes what calls that leave may cost."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    @needs("read")
    async def show(self, actor: Actor, user: str | None = None) -> GuardView:
        """Show what a user may use and has used; another's only to an admin.

        Raises:
            NotFound: There is no such user, or they are none of the actor's business.
        """
        if user is not None and user != actor.name and not actor.is_admin:
            raise NotFound(f"there is no user {user!r}")
        reserved = await self._reserved()
        return await self._ground.read(lambda c: self._view(c, "user", user or actor.name, reserved))

    @needs("read", admin=True)
    async def list(self, actor: Actor, *, limit: int = USUAL, cursor: str | None = None) -> Page[GuardView]:
        """List what users may use and have used."""
        (after,) = place_of(cursor, "guard", int) or (0,)
        reserved = await self._reserved()

        def work(connection: Connection) -> Page[GuardView]:
            return paged(
                "guard",
                limit,
                lambda most: users.page(connection, most, after),
                lambda row: (row[0].id,),
                lambda row: self._view(connection, "user", row[0].name, reserved),
            )

        return await self._ground.read(work)

    @needs("write", admin=True)
    async def open(self, actor: Actor, user: str, destinations: Iterable[str]) -> GuardView:
        """Let a user call kinds of numbers and countries that are closed."""
        wanted = list(destinations)

        def changed(rule: Rule) -> Rule:
            names = guard_rules.checked_destinations(wanted)
            closed = {f"-{name}" for name in names}
            return replace(rule, destinations=(rule.destinations - closed) | (names - {"abroad"}))

        return await self._change(actor, "guard.open", "user", user, changed)

    @needs("write", admin=True)
    async def close(self, actor: Actor, user: str, destinations: Iterable[str]) -> GuardView:
        """Let a user call kinds of numbers and countries no more; ``abroad`` is all but their own."""
        wanted = list(destinations)

        def changed(rule: Rule) -> Rule:
            names = guard_rules.checked_destinations(wanted)
            kept = rule.destinations - names
            return replace(rule, destinations=kept | {f"-{name}" for name in names})

        return await self._change(actor, "guard.close", "user", user, changed)

    @needs("write", admin=True)
    async def limit(self, actor: Actor, scope: str, name: str, limits: dict[str, Any]) -> GuardView:
        """Change limits by their names; None is what the settings say, and of money a negative one no limit."""
        if scope not in SCOPES:
            raise Invalid.of("scope", f"{scope!r} has no limits; there are those of {', '.join(SCOPES)}")

        def changed(rule: Rule) -> Rule:
            return replace(rule, allowance=_limited(rule.allowance, limits))

        return await self._change(actor, "guard.limit", scope, name, changed)

    @needs("write", admin=True)
    async def forgive(self, actor: Actor, user: str) -> GuardView:
        """Count no more what a user has used today: they may go on."""

        def work(connection: Connection) -> GuardView:
            before = self._view(connection, "user", user)
            guard_rules.forgive(connection, users.find(connection, user).id)
            note(connection, actor, "guard.forgive", before.name, shown(before))
            return self._view(connection, "user", user)

        return await self._ground.change(work)

    @needs("write", admin=True)
    async def set_rates(
        self, actor: Actor, provider: str, lines: Iterable[tuple[str, str, str]], user: str | None = None
    ) -> int:
        """Replace what a provider takes, by prefix; returns how many prefixes that are."""
        given = list(lines)

        def work(connection: Connection) -> int:
            found = providers.find(connection, self._ground.keys, user, provider)
            number = guard_rules.set_rates(connection, found.id, given)
            note(connection, actor, "guard.rates", found.name, None, {"prefixes": number})
            return number

        return await self._ground.change(work)

    @needs("read", admin=True)
    async def rates(
        self,
        actor: Actor,
        provider: str,
        user: str | None = None,
        *,
        limit: int = USUAL,
        cursor: str | None = None,
    ) -> Page[RateView]:
        """List what a provider takes, by prefix."""
        (after,) = place_of(cursor, "rates", str) or (None,)

        def work(connection: Connection) -> Page[RateView]:
            found = providers.find(connection, self._ground.keys, user, provider)
            return paged(
                "rates",
                limit,
                lambda most: guard_rules.rate_pages(connection, found.id, most, after),
                lambda row: (row[0],),
                lambda row: RateView(row[0], money(row[1]), money(row[2])),
            )

        return await self._ground.read(work)

    async def _change(
        self, actor: Actor, action: str, scope: str, name: str, changed: Callable[[Rule], Rule]
    ) -> GuardView:
        def work(connection: Connection) -> GuardView:
            before = self._view(connection, scope, name)
            subject, _ = self._subject(connection, scope, name)
            rule = changed(guard_rules.rule_of(connection, scope, subject))
            guard_rules.set_rule(connection, scope, subject, rule)
            after = self._view(connection, scope, name)
            note(connection, actor, action, f"{scope} {after.name}", shown(before), shown(after))
            return after

        return await self._ground.change(work)

    def _subject(self, connection: Connection, scope: str, name: str) -> tuple[int, str]:
        if scope == "user":
            user = users.find(connection, name)
            return user.id, user.name
        if scope == "account":
            account = accounts.find(connection, self._ground.keys, name, None)
            return account.id, account.aor
        owner, _, own_name = name.rpartition("/")
        provider = providers.find(connection, self._ground.keys, owner or None, own_name)
        return provider.id, name

    async def _reserved(self) -> Mapping[int, int]:
        """Return the money that is set aside now, by the numbers of the users; none where no switch runs."""
        own = self._ground.settings.node
        others = await self._ground.look(lambda c: living_others(c, own))
        total: Counter[int] = Counter()
        for found in await asyncio.gather(*map(self._reserved_at, (own, *others))):
            total.update(found)
        return total

    async def _reserved_at(self, node: str) -> Mapping[int, int]:
        try:
            found = await self._ground.ask_at(node, "guard.reserved")
        except UseCaseError:
            return NOTHING
        return {int(user_id): int(held) for user_id, held in found["reserved"].items()}

    def _view(
        self, connection: Connection, scope: str, name: str, reserved: Mapping[int, int] = NOTHING
    ) -> GuardView:
        subject, called = self._subject(connection, scope, name)
        rule = guard_rules.rule_of(connection, scope, subject)
        allowance, limit = rule.allowance, rule.allowance.money_per_day
        rows = guard_rules.recent(connection, self._ground.unix_time())
        used = [row for row in rows if getattr(row, f"{scope}_id") == subject]
        return GuardView(
            scope, called, tuple(sorted(rule.destinations)), allowance.calls_at_once, allowance.calls_per_hour,
            allowance.minutes_per_day,
            "unlimited" if limit == UNLIMITED else None if limit is None else money(limit),
            sum(row.calls for row in used), round(sum(row.seconds for row in used) / 60.0, 1),
            money(sum(row.money for row in used)), money(reserved.get(subject, 0)),
        )  # fmt: skip


def _limited(allowance: Allowance, limits: dict[str, Any]) -> Allowance:
    if unknown := [name for name in limits if name not in _LIMITS]:
        raise Invalid.of(unknown[0], f"there is no limit {unknown[0]!r}; there are {', '.join(_LIMITS)}")
    values: dict[str, Any] = {}
    for name, value in limits.items():
        if value is not None and not abs(value) <= MOST:  # NaN is not, either
            raise Invalid.of(name, f"a limit is a number up to {MOST:,}")
        if value is None or name != "money_per_day":
            if value is not None and value < 0:
                raise Invalid.of(name, "a limit is a number from 0 on")
            values[name] = value
        else:
            values[name] = UNLIMITED if value < 0 else round(value * MICROS)
    return replace(allowance, **values)

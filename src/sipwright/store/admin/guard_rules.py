"""Where calls of users may lead, how much of them there may be, what providers take, and what was used."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from sipwright.services.guard.allowance import Allowance, Scope
from sipwright.services.guard.places import HIGH_RISK, KINDS
from sipwright.services.guard.rates import Rates, amount
from sipwright.services.guard.regions import is_region, region_of
from sipwright.services.guard.spending import HOURS
from sipwright.services.rows import SpendingRow
from sipwright.store.admin.changes import record_change
from sipwright.store.errors import StoreError
from sipwright.store.schema.guard_tables import guard_rules, provider_rates, spendings

__all__ = [
    "CLOSED", "MOST_RATES", "UNLIMITED", "Rule", "checked_destinations", "follow_timezone", "forgive", "home_of",
    "keep_home", "prune", "rate_pages", "read_all", "read_rates", "read_rules", "recent", "rule_of", "set_rates",
    "set_rule",
]  # fmt: skip

UNLIMITED = -1
"""Money of somebody who has no limit, whatever the settings say."""

MOST_RATES = 100_000
"""Prefixes of one provider, all of which are in memory."""

_AT_ONCE = 5_000


_HOME = "home="
"""What a destination begins with that is none, but the country which a user dials from whatever their time zone is."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for a user, an account or a provider."""

    destinations: frozenset[str]
    allowance: Allowance


CLOSED = Rule(frozenset(), Allowance())
"""What holds for who has no rule."""

_COLUMNS = guard_rules.c


def read_all(connection: Connection) -> dict[Scope, Rule]:
    """Read the rules of everybody."""
    return {(row.scope, row.subject): _rule(row) for row in connection.execute(select(guard_rules))}


def read_rules(connection: Connection, scope: str, subject: int) -> Rule | None:
    """Read the rule of one of them."""
    row = connection.execute(
        select(guard_rules).where(_COLUMNS.scope == scope, _COLUMNS.subject == subject)
    ).one_or_none()
    return None if row is None else _rule(row)


def rule_of(connection: Connection, scope: str, subject: int) -> Rule:
    """Return what holds for one of them."""
    return read_rules(connection, scope, subject) or CLOSED


def set_rule(connection: Connection, scope: str, subject: int, rule: Rule) -> None:
    """Let another rule hold."""
    is_theirs = (_COLUMNS.scope == scope, _COLUMNS.subject == subject)
    connection.execute(delete(guard_rules).where(*is_theirs))
    allowance = rule.allowance
    connection.execute(
        insert(guard_rules).values(
            scope=scope, subject=subject, destinations=",".join(sorted(rule.destinations)),
            calls_at_once=allowance.calls_at_once, calls_per_hour=allowance.calls_per_hour,
            minutes_per_day=allowance.minutes_per_day, money_per_day=allowance.money_per_day,
        )
    )  # fmt: skip
    record_change(connection, "guard", subject)


def checked_destinations(names: Iterable[str]) -> frozenset[str]:
    """Check kinds and countries: ``premium``, ``SO``, ``abroad``."""
    checked = set()
    for name in names:
        text = name.strip()
        if text.lower() in (*KINDS, "abroad", "unusual"):
            checked.add(text.lower())
        elif is_region(text.upper()):
            checked.add(text.upper())
        else:
            raise StoreError(
                f"{text[:30]!r} is neither a country nor a kind; write one of {', '.join(KINDS)}, abroad, "
                "unusual, or a country such as SO",
                "destinations",
            )
    return frozenset(checked)


# --- where users dial from ---


def home_of(rule: Rule, timezone: str) -> str | None:
    """Return the country that a user dials from: that of the time zone which an admin has given them."""
    kept = next((each for each in rule.destinations if each.startswith(_HOME)), None)
    return region_of(timezone) if kept is None else kept.removeprefix(_HOME) or None


def keep_home(connection: Connection, user_id: int, before: str, after: str) -> None:
    """Let a user who takes another time zone dial from where they did: else they would open what is closed for them.

    Who has none yet that is in a country gets one with it, if that is not one of those used most for fraud.
    """
    old, new, rule = region_of(before), region_of(after), rule_of(connection, "user", user_id)
    is_kept = any(each.startswith(_HOME) for each in rule.destinations)
    if not is_kept and new != old and (old is not None or new in HIGH_RISK):
        destinations = rule.destinations | {f"{_HOME}{old or ''}"}
        set_rule(connection, "user", user_id, replace(rule, destinations=destinations))


def follow_timezone(connection: Connection, user_id: int) -> None:
    """Let a user dial from where their time zone is, as an admin has chosen that."""
    rule = rule_of(connection, "user", user_id)
    kept = frozenset(each for each in rule.destinations if not each.startswith(_HOME))
    if kept != rule.destinations:
        set_rule(connection, "user", user_id, replace(rule, destinations=kept))


# --- what providers take ---


def read_rates(connection: Connection, first: int, last: int) -> dict[int, Rates]:
    """Read the tables of providers in a range of numbers."""
    column = provider_rates.c
    rows: dict[int, list[tuple[str, int, int]]] = {}
    query = select(column.provider_id, column.prefix, column.per_minute, column.connection)
    for provider_id, *row in connection.execute(query.where(column.provider_id.between(first, last))):
        rows.setdefault(provider_id, []).append((row[0], row[1], row[2]))
    return {provider_id: Rates(found) for provider_id, found in rows.items()}


def set_rates(connection: Connection, provider_id: int, lines: Iterable[tuple[str, str, str]]) -> int:
    """Replace the table of a provider; each line is a prefix, what a minute costs, and what the connection does."""
    rows: dict[str, dict[str, Any]] = {}
    for number, (prefix, per_minute, connection_fee) in enumerate(lines, 1):
        bare = (
            prefix.strip().removeprefix("+").removeprefix("00").rstrip("*").replace(" ", "").replace("-", "")
        )
        if bare and not (bare.isascii() and bare.isdigit() and len(bare) <= 15):
            raise StoreError(
                f"line {number}: {prefix[:30]!r} is not a prefix; write +35315, or * for all others", "rates"
            )
        try:
            values = {"per_minute": amount(per_minute), "connection": amount(connection_fee or "0")}
        except ValueError as error:
            raise StoreError(f"line {number}: {error}", "rates") from None
        rows[bare] = {"provider_id": provider_id, "prefix": bare, **values}
    if len(rows) > MOST_RATES:
        raise StoreError(f"a provider has at most {MOST_RATES} prefixes, and these are {len(rows)}", "rates")
    connection.execute(delete(provider_rates).where(provider_rates.c.provider_id == provider_id))
    values_of_all = list(rows.values())
    for start in range(0, len(values_of_all), _AT_ONCE):
        connection.execute(insert(provider_rates), values_of_all[start : start + _AT_ONCE])
    record_change(connection, "rates", provider_id)
    return len(rows)


def rate_pages(
    connection: Connection, provider_id: int, most: int, after: str | None
) -> list[tuple[str, int, int]]:
    """List the table of a provider, in the order of the prefixes."""
    column = provider_rates.c
    query = select(column.prefix, column.per_minute, column.connection).where(
        column.provider_id == provider_id
    )
    if after is not None:
        query = query.where(column.prefix > after)
    found = connection.execute(query.order_by(column.prefix).limit(most))
    return [(prefix, per_minute, fee) for prefix, per_minute, fee in found]


# --- what was used ---


def recent(connection: Connection, now: float, user_id: int | None = None) -> list[SpendingRow]:
    """Read what was used in the last day."""
    query = select(spendings).where(spendings.c.hour > int(now // 3_600) - HOURS)
    if user_id is not None:
        query = query.where(spendings.c.user_id == user_id)
    return [SpendingRow(*row) for row in connection.execute(query)]


def forgive(connection: Connection, user_id: int) -> None:
    """Count no more what a user has used."""
    connection.execute(delete(spendings).where(spendings.c.user_id == user_id))
    record_change(connection, "forgiven", user_id)


def prune(connection: Connection) -> int:
    """Forget what was used more than a month ago, and rules of those who are gone; return how many rows."""
    from sipwright.store.schema import tables

    old = spendings.c.hour < int(time.time() // 3_600) - 31 * HOURS
    gone = connection.execute(delete(spendings).where(old)).rowcount
    for scope, table in (
        ("user", tables.users),
        ("account", tables.accounts),
        ("provider", tables.providers),
    ):
        is_gone = _COLUMNS.subject.not_in(select(table.c.id))
        gone += connection.execute(delete(guard_rules).where(_COLUMNS.scope == scope, is_gone)).rowcount
    return gone


def _rule(row: Row[*tuple[Any, ...]]) -> Rule:
    return Rule(
        frozenset(filter(None, row.destinations.split(","))),
        Allowance(row.calls_at_once, row.calls_per_hour, row.minutes_per_day, row.money_per_day),
    )

"""What calls that leave have used, and what they may still use: calls, minutes and money of users, accounts, providers.

Before an INVITE leaves, the money and the time for the longest time that the call may take are set aside; the call may
not take longer than what could be. At its end what it did not use is given back. So nothing is spent twice, however
many calls begin at once. Days are the last 24 hours, in hours of the clock; an hour is the last one, as far as two of
those tell.

What is set aside is not stored: the calls are, and each of them sets it aside again in another process. What was used
is a row for each user, account, provider and hour, which is stored with the records of the call.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import ceil, floor, inf
from typing import NamedTuple

from sipwright.services.guard.allowance import Allowance, Scope, Used
from sipwright.services.guard.rates import Price, money
from sipwright.services.guard.shares import Part, Share
from sipwright.services.rows import SpendingRow

__all__ = ["FREE", "HOURS", "NOT_KNOWN", "Allowance", "Attempt", "Refusal", "Seen", "Spending", "Used"]

HOUR = 3_600.0
HOURS = 24
"""Hours that are a day."""

LONGEST = 86_400.0
"""Seconds for which something is set aside where a call may take for ever."""

FREE = Price(0, 0)

NOT_KNOWN = "Limits Not Known Now"
"""Why nothing leaves of somebody with limits, of which this node could take no part."""


class Attempt(NamedTuple):
    """A leg that wants to leave: its key, whose it is, what it costs, and for how long it might last."""

    key: Hashable
    user_id: int
    account_id: int
    provider_id: int
    price: Price
    longest: float

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Whose limits it is held to."""
        all_of_them = (("user", self.user_id), ("account", self.account_id), ("provider", self.provider_id))
        return tuple(scope for scope in all_of_them if scope[1])


class Refusal(NamedTuple):
    """Why a leg may not leave."""

    reason: str
    why: str


class Seen(NamedTuple):
    """What somebody has used until now; the money is also that of calls in progress, if they last as long as usual."""

    calls_at_once: int = 0
    calls_of_hour: float = 0.0
    seconds_of_day: float = 0.0
    money_of_day: int = 0


@dataclass(slots=True)
class _Held:
    """What is set aside for a leg; `before` are seconds that it has talked in another call."""

    attempt: Attempt
    seconds: float
    money: int
    before: float = 0.0


class _Account:
    """What one of those whose limits count has used, by the hour, and has set aside."""

    __slots__ = ("held_money", "held_seconds", "hours", "legs", "own")

    def __init__(self) -> None:
        self.own = Used()
        """What was used by calls of this process, in all."""
        self.hours: dict[int, Used] = {}
        self.legs: dict[Hashable, _Held] = {}
        self.held_seconds = 0.0
        self.held_money = 0

    def of_hour(self, hour: int) -> Used:
        used = self.hours.get(hour)
        if used is None:
            self.hours = {each: value for each, value in self.hours.items() if each > hour - HOURS}
            used = self.hours[hour] = Used()
        return used

    def of_day(self, hour: int) -> Used:
        total = Used()
        for each, used in self.hours.items():
            if each > hour - HOURS:
                total.calls += used.calls
                total.seconds += used.seconds
                total.money += used.money
        return total

    def calls_of_last_hour(self, now: float) -> float:
        hour, part = divmod(now, HOUR)
        before, this = self.hours.get(int(hour) - 1), self.hours.get(int(hour))
        return (this.calls if this else 0) + (before.calls if before else 0) * (1.0 - part / HOUR)


class Spending:
    """What all of a node have used and set aside."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._accounts: dict[Scope, _Account] = {}
        self._held: dict[Hashable, _Held] = {}
        self._rows: dict[tuple[int, int, int, int], Used] = {}
        self.shares: dict[Scope, Share] | None = None
        """This node's parts of the limits, where several nodes share them."""

    def __len__(self) -> int:
        """Count the legs that something is set aside for."""
        return len(self._held)

    def load(self, rows: Iterable[SpendingRow]) -> None:
        """Take what was used in the last day, by this node and by others."""
        for row in rows:
            used = Used(row.calls, row.seconds, row.money)
            if row.node == self._node:
                self._rows[row.user_id, row.account_id, row.provider_id, row.hour] = used
            for scope in Attempt(None, row.user_id, row.account_id, row.provider_id, FREE, 0.0).scopes:
                self._add(scope, row.hour, used)

    def ask(
        self, attempt: Attempt, allowed: Iterable[tuple[Scope, Allowance]], now: float
    ) -> tuple[float, SpendingRow] | Refusal:
        """Set aside what a leg may use; return for how many seconds it may talk, and the row of its attempt."""
        longest = min(attempt.longest, LONGEST)
        for scope, allowance in allowed:
            found = self._longest(scope, allowance, attempt, longest, now)
            if isinstance(found, Refusal):
                return found
            longest = found
        self._hold(attempt, longest)
        return longest, self._use(attempt, Used(calls=1), now)

    def hold_again(self, attempt: Attempt, before: float = 0.0) -> None:
        """Set aside what a leg of an earlier process may use, that had talked in another call before."""
        if attempt.key not in self._held:
            self._hold(attempt, min(attempt.longest, LONGEST), before)

    def goes_on(self, key: Hashable, other: Hashable, seconds: float) -> tuple[Attempt, float] | None:
        """Note that a leg goes on in another call, with another key, after so many seconds.

        Returns what it goes on with, and its seconds until now; None where nothing is set aside for it.
        """
        held = self._held.pop(key, None)
        if held is None:
            return None
        for scope in held.attempt.scopes:
            legs = self._accounts[scope].legs
            legs[other] = legs.pop(key)
        held.attempt = held.attempt._replace(key=other)
        held.before += seconds
        self._held[other] = held
        return held.attempt, held.before

    def settle(self, key: Hashable, talked: float | None, now: float) -> SpendingRow | None:
        """Give back what a leg did not use that has ended; `talked` are its seconds, None if nobody answered."""
        held = self._held.get(key)
        if held is None:
            return None
        self.give_back(key)
        if talked is None and not held.before:
            return None
        seconds = held.before + (talked or 0.0)
        return self._use(held.attempt, Used(0, seconds, held.attempt.price.of(seconds)), now)

    def give_back(self, key: Hashable) -> None:
        """Give back all that is set aside for a leg, and count nothing: it goes on, and counts, elsewhere."""
        held = self._held.pop(key, None)
        if held is None:
            return
        for scope in held.attempt.scopes:
            account = self._accounts[scope]
            account.legs.pop(key, None)
            account.held_seconds -= held.seconds
            account.held_money -= held.money

    def of_day(self, scope: Scope, now: float) -> Used:
        """Return what somebody has used in the last day."""
        account = self._accounts.get(scope)
        return Used() if account is None else account.of_day(int(now // HOUR))

    def seen(self, scope: Scope, now: float, longest: float) -> Seen:
        """Return what somebody has used until now whose longest call was so long."""
        account = self._accounts.get(scope)
        if account is None:
            return Seen()
        day = account.of_day(int(now // HOUR))
        will_cost = sum(held.attempt.price.of(min(held.seconds, longest)) for held in account.legs.values())
        return Seen(len(account.legs), account.calls_of_last_hour(now), day.seconds, day.money + will_cost)

    def reserved(self) -> dict[int, int]:
        """Return the money that is set aside now, by the numbers of the users."""
        accounts = self._accounts.items()
        return {key[1]: one.held_money for key, one in accounts if key[0] == "user" and one.held_money}

    def forgive(self, user_id: int) -> None:
        """Count no more what a user has used; what is set aside stays."""
        account = self._accounts.get(("user", user_id))
        if account is not None:
            account.hours.clear()
        self._rows = {key: used for key, used in self._rows.items() if key[0] != user_id}

    def _longest(
        self, scope: Scope, allowance: Allowance, attempt: Attempt, longest: float, now: float
    ) -> float | Refusal:
        if self.shares is not None:
            return self._of_share(scope, allowance, attempt, longest)
        account = self._accounts.get(scope) or _Account()
        whose = scope[0]
        if allowance.calls_at_once is not None and len(account.legs) >= allowance.calls_at_once:
            return Refusal("Too Many Calls At Once", f"the {whose} has {len(account.legs)} calls that leave")
        if (
            allowance.calls_per_hour is not None
            and account.calls_of_last_hour(now) + 1 > allowance.calls_per_hour
        ):
            return Refusal(
                "Too Many Calls This Hour", f"the {whose} may begin {allowance.calls_per_hour} in an hour"
            )
        used = account.of_day(int(now // HOUR))
        if allowance.minutes_per_day is not None:
            left = allowance.minutes_per_day * 60.0 - used.seconds - account.held_seconds
            if left < min(60.0, longest):
                why = f"of the {allowance.minutes_per_day:g} minutes a day of the {whose} none are left"
                return Refusal("Minutes Of The Day Used Up", why)
            longest = min(longest, left)
        price = attempt.price
        if allowance.money_per_day is not None and (price.per_minute or price.connection):
            return _affordable(
                price, allowance.money_per_day - used.money - account.held_money, longest, whose
            )
        return longest

    def _of_share(
        self, scope: Scope, allowance: Allowance, attempt: Attempt, longest: float
    ) -> float | Refusal:
        """Hold a leg to this node's part of a limit, as `_longest` does to the whole of it."""
        is_free = not (attempt.price.per_minute or attempt.price.connection)
        limits = (
            allowance.calls_at_once, allowance.calls_per_hour, allowance.minutes_per_day,
            None if is_free else allowance.money_per_day,
        )  # fmt: skip
        if limits == (None, None, None, None):
            return longest
        share, whose = (self.shares or {}).get(scope), scope[0]
        if share is None:
            why = f"what is left for the {whose} is not known now, as the database is away; try again in a moment"
            return Refusal(NOT_KNOWN, why)
        left = share.left(self.held(scope), self.used_here(scope))
        if allowance.calls_at_once is not None and left.calls < 1:
            why = f"the {whose} may have {allowance.calls_at_once} calls that leave, at all nodes together"
            return Refusal("Too Many Calls At Once", why)
        if allowance.calls_per_hour is not None and left.begun < 1:
            return Refusal(
                "Too Many Calls This Hour", f"the {whose} may begin {allowance.calls_per_hour} in an hour"
            )
        if allowance.minutes_per_day is not None:
            if left.seconds < min(60.0, longest):
                why = f"of the {allowance.minutes_per_day:g} minutes a day of the {whose} none are left"
                return Refusal("Minutes Of The Day Used Up", why)
            longest = min(longest, left.seconds)
        if allowance.money_per_day is not None and not is_free:
            return _affordable(attempt.price, left.money, longest, whose)
        return longest

    def held(self, scope: Scope) -> Part:
        """Return what is set aside for somebody now."""
        account = self._accounts.get(scope)
        return (
            Part()
            if account is None
            else Part(len(account.legs), 0, account.held_seconds, account.held_money)
        )

    def used_here(self, scope: Scope) -> Used:
        """Return what calls of this process have used of somebody's limits, in all."""
        account = self._accounts.get(scope)
        return Used() if account is None else account.own

    def _hold(self, attempt: Attempt, seconds: float, before: float = 0.0) -> None:
        held = self._held[attempt.key] = _Held(attempt, seconds, attempt.price.of(seconds), before)
        for scope in attempt.scopes:
            account = self._accounts.setdefault(scope, _Account())
            account.legs[attempt.key] = held
            account.held_seconds += seconds
            account.held_money += held.money

    def _use(self, attempt: Attempt, used: Used, now: float) -> SpendingRow:
        hour = int(now // HOUR)
        for scope in attempt.scopes:
            self._add(scope, hour, used)
            own = self._accounts[scope].own
            own.calls += used.calls
            own.seconds += used.seconds
            own.money += used.money
        key = (attempt.user_id, attempt.account_id, attempt.provider_id, hour)
        if key not in self._rows:
            self._rows = {each: value for each, value in self._rows.items() if each[3] > hour - 2}
        total = self._rows.setdefault(key, Used())
        total.calls += used.calls
        total.seconds += used.seconds
        total.money += used.money
        return SpendingRow(self._node, *key, total.calls, total.seconds, total.money)

    def _add(self, scope: Scope, hour: int, used: Used) -> None:
        total = self._accounts.setdefault(scope, _Account()).of_hour(hour)
        total.calls += used.calls
        total.seconds += used.seconds
        total.money += used.money


def _affordable(price: Price, left: int, longest: float, whose: str) -> float | Refusal:
    """Return for how long a call can be paid for that costs so much."""
    first = price.of(min(60.0, longest))
    if left < first:
        rest, costs = money(max(left, 0)), money(first)
        why = f"{rest} is left of the day's money of the {whose}, and a minute there costs {costs}"
        return Refusal("Spending Limit Reached", why)
    minutes = inf if not price.per_minute else floor((left - price.connection) / price.per_minute)
    return min(longest, max(60.0 * minutes, 0.0)) if ceil(longest / 60.0) > minutes else longest

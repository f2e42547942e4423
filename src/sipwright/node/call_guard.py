"""What calls that leave may cost: asked before an INVITE leaves, told when its leg has ended.

Here what services/guard knows of numbers, prices and allowances meets the users, accounts and providers of the
directory. What was used is put into the batch of the call that has used it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

import structlog

from sipwright.services.guard.places import ORDINARY, SHORT, Place, is_open, places_of
from sipwright.services.guard.regions import region_of
from sipwright.services.guard.spending import FREE, NOT_KNOWN, Attempt, Refusal, Spending
from sipwright.services.ports import Writer
from sipwright.services.switch import Call, Outcome
from sipwright.services.switch.call.callee import Callee, Carried
from sipwright.services.switch.call.leg import Leg
from sipwright.services.switch.model.destination import Destination
from sipwright.sip import Reject
from sipwright.stack.throttle import Throttle
from sipwright.store.admin.guard_rules import CLOSED, home_of

from .spending_limits import SpendingLimits

if TYPE_CHECKING:
    from sipwright.config import GuardSettings
    from sipwright.services.rows import SpendingRow
    from sipwright.store import Directory, Provider

    from .unusual_calls import UnusualCalls

__all__ = ["CallGuard"]

log = structlog.get_logger(__name__)

Tell = Callable[[str, dict[str, Any]], None]

LONGEST_CODE = 3
"""Digits of a country code (ITU-T E.164 §6.2.2)."""

NEARLY = 0.8
"""The part of the day's money from which on it is told that it will be used up."""

NOBODY_PAYS = Carried(0, 0, 0.0)
"""What a leg has carried along that is no outgoing one, or an emergency's."""

UNUSUAL = "Unusual Call, Confirm It First"
HOW_TO_CONFIRM = (
    "Warning",
    '399 sipwright "Unlike your other calls: confirm it on the page Guard, and call again"',
)


class CallGuard:
    """Asks the guard on behalf of the legs of a switch."""

    def __init__(
        self, settings: GuardSettings, directory: Directory, writer: Writer, node: str,
        clock: Callable[[], float], unix_time: Callable[[], float], unusual: UnusualCalls | None = None,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._directory = directory
        self._writer = writer
        self._clock = clock
        self.limits = SpendingLimits(settings, directory, clock)
        self._unix_time = unix_time
        self._unusual = unusual
        self.spending = Spending(node)
        self._lines = Throttle(every=1.0, burst=20.0)
        self.refused = self.held_back = 0
        """How many legs were not let out because of limits, and because they are unusual."""
        self._warned: set[tuple[int, int]] = set()
        self.recovered_users: set[int] = set()
        """Whose calls have gone on here, and may need their parts of limits."""
        self.watch: Tell | None = None
        """Is told of refusals, and of money that is nearly used up."""
        self.is_trunk: Callable[[str], bool] = lambda host: False
        """Says whether a provider is at an address that knows us by ours."""
        self.is_of_provider: Callable[[str], bool] = lambda host: False
        """Says whether any provider is at an address."""

    async def open(self, rows: Iterable[SpendingRow]) -> None:
        """Take what was used in the last day, and load what takes long to load, if somebody may need it."""
        self.spending.load(rows)
        if any(True for _ in self._directory.providers()):
            await asyncio.to_thread(_load)

    # --- asked by the switch -----------------------------------------------------------------------------

    def ask(self, call: Call, leg: Callee) -> Outcome | None:
        """Let a leg leave, and set aside what it may use; or return why it may not."""
        to = leg.destination
        if to.flow is not None:
            return None  # a phone of ours
        number = _number_of(leg)
        places, attempt = self._attempt(call, leg, number)
        place = places[0] if places else None
        if self._is_for_help(call, number, places):
            return None
        closed = next((each for each in places if not self._is_open(call.identity.user_id, each)), None)
        if closed is not None:
            return self._refuse(call, leg, self._closed(call.identity.user_id, closed))
        found = self._unusual_or(attempt, call, number, place)
        if isinstance(found, Refusal):
            return self._refuse(call, leg, found, HOW_TO_CONFIRM)
        attempt = found
        allowed = list(self.limits.allowed(attempt))
        answer = self.spending.ask(attempt, allowed, self._unix_time())
        if isinstance(answer, Refusal):
            if answer.reason == NOT_KNOWN:
                self.recovered_users.add(attempt.user_id)
            return self._refuse(call, leg, answer)
        seconds, row = answer
        if seconds < self._longest(call, leg):
            to.options = replace(to.options, limit=round(seconds, 3))
        self._put(row)
        return None

    def may_text(self, user_id: int, to: Destination) -> bool:
        """Return whether a text of a user's script may leave by a provider: where no call may, none does."""
        provider = None if to.provider is None else self._directory.provider(*to.provider)
        if provider is None:
            return True
        places = places_of(_number_in(to.uri), self._home(user_id))
        closed = next((each for each in places if not self._is_open(user_id, each)), None)
        if closed is None:
            return True
        refusal = self._closed(user_id, closed)
        said = {
            "user": self._user_name(user_id),
            "to": to.target,
            "reason": refusal.reason,
            "why": refusal.why,
        }
        self._tell(user_id, "text not let out", said)
        return False

    def settle(self, legs: Iterable[Callee]) -> None:
        """Take note of legs that have ended."""
        for leg in legs:
            if leg.ended_at is None or leg.is_phone:
                continue
            talked = None if leg.answered_at is None else max(0.0, leg.ended_at - leg.answered_at)
            row = self.spending.settle(_key(leg), talked, self._unix_time())
            if row is not None:
                self._put(row)
                self._warn(row)

    def moved(self, leg: Leg, moved: Callee) -> None:
        """Take note that a leg goes on in another call, where whoever has dialled it pays for it."""
        talked = 0.0 if leg.answered_at is None else max(0.0, self._unix_time() - leg.answered_at)
        found = self.spending.goes_on(_key(leg), _key(moved), talked)
        if found is None:
            moved.carried = NOBODY_PAYS
        else:
            attempt, seconds = found
            moved.carried = Carried(attempt.user_id, attempt.account_id, round(seconds, 3))

    def recovered(self, call: Call) -> None:
        """Set aside again what the legs of a call of an earlier process may use."""
        self.recovered_users.add(call.identity.user_id)
        for leg in call.legs:
            if leg.is_phone or leg.destination.flow is not None or leg.ended_at is not None:
                continue
            number, carried = _number_of(leg), leg.carried
            places, attempt = self._attempt(call, leg, number)
            if carried is None:
                if not self._is_for_help(call, number, places):
                    self.spending.hold_again(attempt)
            elif carried != NOBODY_PAYS:
                self.recovered_users.add(carried.user_id)
                self.spending.hold_again(attempt, carried.seconds)

    def left(self, legs: Iterable[Callee]) -> None:
        """Give back what legs may use that go on at another node, which sets it aside for them."""
        for leg in legs:
            self.spending.give_back(_key(leg))

    def reached(self, call: Call, leg: Callee, host: str) -> Outcome | None:
        """Return why a leg may not leave that names no provider, and has led to an address.

        A trunk that knows us by our address takes a call from whoever dials it so, and so do some that we register
        with; nobody has asked what it costs. A name is no number, and costs nothing there.
        """
        number = _number_of(leg)
        if not self.is_trunk(host) and not (self.is_of_provider(host) and _is_number(number)):
            return None
        if ";" not in number and call.ports.settings.is_emergency("out", number):
            return None
        why = f"{host} is a trunk: dial NUMBER@NAME, by the name of the provider, so that it is known what that costs"
        return self._refuse(call, leg, Refusal("Trunks Are Dialled By Name", why))

    # --- inside ------------------------------------------------------------------------------------------

    def _is_for_help(self, call: Call, number: str, places: Sequence[Place]) -> bool:
        """Return whether a leg is one of an emergency: to such a number, or wherever a dialplan takes it near by.

        Nowhere else: who has dialled an emergency number does not call premium numbers, nor abroad, for help.
        """
        if call.ports.settings.is_emergency("out", number):
            return not _is_part_of_another(number, places)
        if not call.is_emergency:
            return False
        home = self._home(call.identity.user_id)
        return all(place.kind == ORDINARY and place.region in (None, home) for place in places)

    def _attempt(self, call: Call, leg: Callee, number: str) -> tuple[tuple[Place, ...], Attempt]:
        """Return where a leg may lead, the dearest first, and what it may use: as much as the dearest costs."""
        provider, identity = self._provider(leg), call.identity
        user_id, account_id = identity.user_id, identity.account_id or 0
        if leg.carried is not None:
            user_id, account_id, _ = leg.carried
        places = () if provider is None else places_of(number, self._home(user_id))
        rates = None if provider is None else self._directory.rates.get(provider.id)
        price = FREE
        if rates is not None:
            prices = (rates.price(each.digits) for each in places)
            price = max(prices, key=lambda one: one.of(60.0))
        provider_id = 0 if provider is None else provider.id
        attempt = Attempt(_key(leg), user_id, account_id, provider_id, price, self._longest(call, leg))
        return places, attempt

    def _provider(self, leg: Callee) -> Provider | None:
        return None if leg.provider is None else self._directory.provider(*leg.provider)

    def _longest(self, call: Call, leg: Callee) -> float:
        ports = call.ports
        providers = [] if leg.provider is None else [leg.provider]
        own = ports.own_limits.longest_call(call.identity.user_id, providers)
        return min(
            leg.destination.options.limit or inf, call.limit or inf, own, ports.settings.longest_call or inf
        )

    def _closed(self, user_id: int, place: Place) -> Refusal:
        what = place.region if place.kind in ("ordinary", "high-risk") else place.kind
        advice = f"'sipwright guard open {self._user_name(user_id)} {what}' opens them"
        title = f"Numbers In {place.region}" if place.region == what else place.text.title()
        return Refusal(f"{title} Are Closed", f"{place.text} are closed; {advice}")

    def _is_open(self, user_id: int, place: Place) -> bool:
        rule = self._directory.guard_rules.get(("user", user_id), CLOSED)
        return is_open(place, self._home(user_id), rule.destinations)

    def _unusual_or(
        self, attempt: Attempt, call: Call, number: str, place: Place | None
    ) -> Attempt | Refusal:
        """Return why a call is held back as it is unlike all others of its user, or how it may leave."""
        usual = None if place is None or self._unusual is None else self._unusual.usual(attempt.user_id)
        if place is None or self._unusual is None or usual is None:
            return attempt
        seen = self.spending.seen(("user", attempt.user_id), self._unix_time(), usual.longest)
        found = self._unusual.judge(usual, attempt, number, place, self._home(call.identity.user_id), seen)
        if isinstance(found, str):
            advice = "confirm it with 'sipwright guard confirm', on the page Guard, or by dialling its code"
            return Refusal(UNUSUAL, f"{found}; {advice}")
        return attempt._replace(longest=min(attempt.longest, found))

    def _home(self, user_id: int) -> str | None:
        """Return the country that a user dials from."""
        if self._settings.region:
            return self._settings.region
        user = self._directory.users.get(user_id)
        rule = self._directory.guard_rules.get(("user", user_id), CLOSED)
        return None if user is None else home_of(rule, user.timezone)

    def _refuse(self, call: Call, leg: Callee, refusal: Refusal, *headers: tuple[str, str]) -> Outcome:
        """Return how a leg ends that may not leave; the log, and whoever reads events, hear of it."""
        if refusal.reason == UNUSUAL:
            self.held_back += 1
        else:
            self.refused += 1
        said = {
            "user": self._user_name(call.identity.user_id), "call": call.common_id, "to": leg.destination.target,
            "reason": refusal.reason, "why": refusal.why,
        }  # fmt: skip
        self._tell(call.identity.user_id, "call not let out", said)
        return Outcome(403, refusal.reason, headers)

    def _tell(self, user_id: int, event: str, said: dict[str, str]) -> None:
        left_out = self._lines.admit((user_id, said["reason"]), self._clock())
        if left_out is not None:
            # An event has its call beside what it says; in the log it is named as everywhere there.
            logged = {"call_id" if name == "call" else name: value for name, value in said.items()}
            log.warning(event, **logged, left_out=left_out)
            if self.watch is not None:
                self.watch("guard.refused", said)

    def _warn(self, row: SpendingRow) -> None:
        """Tell when most of a user's money of the day is used."""
        if not row.money or self.watch is None:
            return
        scope = "user", row.user_id
        limits = dict(self.limits.allowed(Attempt(None, row.user_id, 0, 0, FREE, 0.0)))
        limit = limits[scope].money_per_day
        used = self.spending.of_day(scope, self._unix_time()).money
        if limit and used >= NEARLY * limit and (row.user_id, row.hour // 24) not in self._warned:
            self._warned = {each for each in self._warned if each[1] == row.hour // 24} | {
                (row.user_id, row.hour // 24)
            }
            user = self._directory.users.get(row.user_id)
            data = {"user": None if user is None else user.name, "used": used / 1e6, "limit": limit / 1e6}
            self.watch("guard.spending", data)

    def _user_name(self, user_id: int) -> str:
        user = self._directory.users.get(user_id)
        return str(user_id) if user is None else user.name

    def _put(self, row: SpendingRow) -> None:
        try:
            self._writer.put("spending", row[:5], row)
        except Reject:
            pass  # the next row of this hour says it, too


def _key(leg: Leg) -> tuple[str, int]:
    """Return what tells a leg from all others: not its Call-ID, which it keeps when it goes on in another call."""
    return leg.owner.id, leg.index


def _number_of(leg: Callee) -> str:
    return _number_in(leg.destination.uri)


def _is_number(user: str) -> bool:
    return any(len(place.digits) > SHORT for place in places_of(user, None))


def _number_in(uri: str) -> str:
    return uri.partition(":")[2].partition("@")[0] if "@" in uri else ""


def _is_part_of_another(number: str, places: Iterable[Place]) -> bool:
    """Return whether parameters make another number of one, as `;phone-context=` may: more than its country's code."""
    own = sum(each.isdigit() for each in number.partition(";")[0])
    return ";" in number and any(len(place.digits) > own + LONGEST_CODE for place in places)


def _load() -> None:
    """Load the tables of numbers, and the countries of time zones."""
    import phonenumbers

    phonenumbers.is_valid_number(phonenumbers.parse("+35315550100", None))
    region_of("")

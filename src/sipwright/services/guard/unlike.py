"""How far a call is from what is usual for its user: each thing that is unlike the others weighs something.

One thing alone is seldom enough: people do call a new country, or at night. Enough are a country that was never called
at an hour at which nobody calls, premium numbers for the first time, or ten times as many calls as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, inf
from typing import NamedTuple

from sipwright.services.guard.baseline import Baseline, place_key, place_text
from sipwright.services.guard.places import ORDINARY, Place
from sipwright.services.guard.rates import Price, money
from sipwright.services.guard.spending import Seen

__all__ = ["FAR", "LEAST", "longest", "unlike"]

FAR = 3
"""The weight from which on a call is held back."""

MUCH, VERY_MUCH = 3, 10
"""How many times as much as ever weighs something, and is enough by itself.

Of money that premium, satellite and high-risk numbers take, the lesser one is enough.
"""


class _Least(NamedTuple):
    """What is never too much, however little is usual."""

    calls_at_once: int = 3
    calls_per_hour: int = 10
    minutes: float = 60.0


LEAST = _Least()


def unlike(
    usual: Baseline, place: Place, home: str | None, hour: int, price: Price, seen: Seen
) -> str | None:
    """Return what is unlike the other calls of a user, in words, if that is far from what is usual; else None.

    Args:
        usual: What is usual for them.
        place: Where the call leads.
        home: The country that they dial from.
        hour: The hour of their day.
        price: What the call costs.
        seen: What they have used until now.
    """
    found = [*_place(usual, place, home), *_hour(usual, hour), *_amounts(usual, place, price, seen)]
    if sum(weight for weight, _ in found) < FAR:
        return None
    return ", ".join(text for _, text in found)


def _place(usual: Baseline, place: Place, home: str | None) -> Iterator[tuple[int, str]]:
    key = place_key(place)
    if key in usual.places:
        return
    text = f"the first call to {place_text(key)}"
    if place.kind != ORDINARY:
        yield FAR, text
    elif key and key != home:
        yield 2, text


def _hour(usual: Baseline, hour: int) -> Iterator[tuple[int, str]]:
    if not any(usual.hours[(hour + each) % 24] for each in (-1, 0, 1)):
        yield 1, f"never before at {hour} o'clock"


def longest(usual: Baseline, place: Place, price: Price, seen: Seen) -> float:
    """Return for how many seconds a call may last until it has spent what would be far from usual by itself."""
    if not usual.most_money or not price.per_minute:
        return inf
    left = _enough(place) * usual.most_money - seen.money_of_day - price.connection
    return max(60.0, 60.0 * floor(left / price.per_minute))


def _enough(place: Place) -> int:
    return VERY_MUCH if place.kind == ORDINARY else MUCH


def _amounts(usual: Baseline, place: Place, price: Price, seen: Seen) -> Iterator[tuple[int, str]]:
    amounts = (
        (seen.calls_at_once + 1, usual.most_at_once, LEAST.calls_at_once, "calls at once"),
        (seen.calls_of_hour + 1, usual.most_per_hour, LEAST.calls_per_hour, "calls within an hour"),
        (seen.seconds_of_day / 60.0, usual.most_minutes, LEAST.minutes, "minutes of the day"),
    )
    for value, ever, least, what in amounts:
        weight = _much(value, max(float(ever), least), VERY_MUCH)
        if weight:
            yield weight, f"{value:.0f} {what} and never more than {ever:.0f} before"
    will_be = seen.money_of_day + price.of(60.0)
    if price != (0, 0) and usual.most_money and (weight := _much(will_be, usual.most_money, _enough(place))):
        yield weight, f"{money(will_be)} spent today and never more than {money(usual.most_money)} before"


def _much(value: float, ever: float, enough: int) -> int:
    return FAR if value > enough * ever else 2 if value > MUCH * ever else 0

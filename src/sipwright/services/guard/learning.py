"""A baseline made of the records of calls: what they dialled is read as it was dialled, in the country of the user."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from zoneinfo import ZoneInfo

from sipwright.services.guard.baseline import Baseline, PastCall, learn
from sipwright.services.guard.places import SHORT, Place, place_of

__all__ = ["MOST", "learn_from"]

MOST = 2_000
"""The newest records of a user, from which their baseline is learnt."""

AT_ONCE = 10
"""Numbers that are read before other threads have a turn: some 1 ms."""

Record = tuple[str, float, float]
"""The target of a leg, when it was answered, and for how many seconds it talked."""


def learn_from(
    records: Iterable[Record], home: str | None, timezone: str, money: Iterable[int] = (),
    pause: Callable[[float], object] = time.sleep,
) -> Baseline | None:  # fmt: skip
    """Learn what is usual for a user; runs in a thread, and does not keep the loop from working.

    Args:
        records: The legs that were answered; those that did not leave, for a phone or an extension, are left out.
        home: The country that the user dials from.
        timezone: By whose clock they live.
        money: What was spent on each day that is known, in millionths.
        pause: Lets others work.
    """
    return learn(_past_calls(records, home, pause), ZoneInfo(timezone), money)


def _past_calls(
    records: Iterable[Record], home: str | None, pause: Callable[[float], object]
) -> Iterator[PastCall]:
    known: dict[str, Place] = {}
    for target, answered_at, seconds in records:
        number = target.removeprefix("sip:").partition("@")[0]
        place = known.get(number)
        if place is None:
            place = known[number] = place_of(number, home)
            if not len(known) % AT_ONCE:
                pause(0.001)
        if len(place.digits) > SHORT:
            yield PastCall(place, answered_at, seconds)

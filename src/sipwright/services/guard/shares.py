"""What a node may use of a limit that several nodes share: a part of it that is its own, so that no call has to ask.

A part is taken in the database, where those of all nodes and what was used are never more than the limit together. It
covers what the node holds for calls that go on, and about half of what is left; when little is left, all of that. So
the nodes take ever smaller parts the nearer the limit is, and what one does not need any more it gives back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import NamedTuple

from sipwright.services.guard.allowance import Allowance, Scope, Used

__all__ = ["Part", "Share", "Want", "part_of"]

SMALLEST = 0.1
"""The part of a limit that is not divided any more."""


class Part(NamedTuple):
    """What is a node's own: calls at once, calls that it may begin, seconds, money in millionths."""

    calls: int = 0
    begun: int = 0
    seconds: float = 0.0
    money: int = 0


class Want(NamedTuple):
    """A limit of which a node wants its part: what it keeps of it, and whether it wants more than that."""

    scope: Scope
    allowance: Allowance
    kept: Part
    is_more: bool


@dataclass(slots=True)
class Share:
    """A node's part of a limit, from when it was taken; `at` is what the node had used by then, in all.

    It `is_all` where more was asked for, and even so there may be too little for another call: nobody has any more.
    """

    allowance: Allowance
    part: Part
    at: Used
    taken_at: float
    is_all: bool = False

    def left(self, held: Part, used: Used) -> Part:
        """Return what is left of it, by what the node holds now, and has used by now in all."""
        return Part(
            self.part.calls - held.calls,
            self.part.begun - (used.calls - self.at.calls),
            self.part.seconds - held.seconds - (used.seconds - self.at.seconds),
            self.part.money - held.money - (used.money - self.at.money),
        )

    def is_low(self, left: Part) -> bool:
        """Return whether there may be too little left for another call."""
        limit = self.allowance
        return (
            (limit.calls_at_once is not None and left.calls < 1)
            or (limit.calls_per_hour is not None and left.begun < 1)
            or (limit.minutes_per_day is not None and left.seconds < SMALLEST * limit.minutes_per_day * 60.0)
            or (limit.money_per_day is not None and left.money < SMALLEST * limit.money_per_day)
        )


def part_of(want: Want, others: Part, used: Mapping[str, float]) -> Part:
    """Return what a node gets of a limit.

    Args:
        want: What it keeps, and whether it wants more: it may have used some of what it keeps when it hears of this.
        others: What is other nodes' own.
        used: What all nodes have used: ``hour`` calls in the last one, ``seconds`` and ``money`` of the day.
    """
    kept, allowance = want.kept, want.allowance
    if not want.is_more:
        return kept
    calls, begun, seconds, money = kept
    if (most := allowance.calls_at_once) is not None:
        calls += floor(_more(most, most - others.calls - kept.calls, 1))
    if (most := allowance.calls_per_hour) is not None:
        begun += floor(_more(most, most - used["hour"] - others.begun - kept.begun, 1))
    if allowance.minutes_per_day is not None:
        whole = allowance.minutes_per_day * 60.0
        seconds += _more(whole, whole - used["seconds"] - others.seconds - kept.seconds, 0)
    if (most := allowance.money_per_day) is not None:
        money += floor(_more(most, most - used["money"] - others.money - kept.money, 0))
    return Part(calls, begun, seconds, money)


def _more(limit: float, free: float, least: float) -> float:
    smallest = max(least, SMALLEST * limit)
    return max(0.0, free if free <= smallest else max(smallest, free / 2))

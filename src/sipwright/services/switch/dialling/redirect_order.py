"""The order in which the Contacts of redirects are tried: by their q, those of an inner redirect before an outer's."""

from __future__ import annotations

from collections.abc import Sequence

from .hunt_events import Way
from .hunt_leg import OPEN, WAITING, HuntLeg

__all__ = ["in_order", "less_preferred"]


def in_order(ways: Sequence[Way]) -> list[Way]:
    """Return where a redirect leads, the most preferred first (RFC 3261 §8.1.3.4)."""
    return sorted(ways, key=lambda way: way.q, reverse=True)


def less_preferred(legs: Sequence[HuntLeg], first: int, failed: HuntLeg) -> list[HuntLeg]:
    """Return the legs whose turn has come, now that one has failed that a redirect named.

    They are among all `legs`, the first of which has the number `first`; there are none as long as something is tried
    that the same redirect has led to.
    """
    origin = failed.redirected_by
    while origin:
        below = [leg for leg in legs if leg.state in OPEN and _has_come_from(legs, first, leg, origin)]
        if any(leg.state != WAITING for leg in below):
            return []
        named = [leg for leg in below if leg.redirected_by == origin]
        if named:
            next_q = max(leg.q for leg in named)
            return [leg for leg in named if leg.q == next_q]
        origin = legs[origin - first].redirected_by
    return []


def _has_come_from(legs: Sequence[HuntLeg], first: int, leg: HuntLeg, origin: int) -> bool:
    while leg.redirected_by not in (0, origin):
        leg = legs[leg.redirected_by - first]
    return leg.redirected_by == origin

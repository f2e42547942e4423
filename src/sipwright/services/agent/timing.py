"""When the next REGISTER is due: renewals, retries after failures, and how long a node's claim holds.

All durations are seconds. `chance` is a random number from 0 to 1, so that what failed together does not come back
together.
"""

from __future__ import annotations

__all__ = [
    "ASKED",
    "GRACE",
    "LEASE",
    "LONGEST",
    "REFUSALS",
    "lease_end",
    "renewal_after",
    "retry_after",
]

ASKED = 3600
"""The expiry that a provider is asked for at first."""

LONGEST = 86_400
"""No registrar is believed to grant more than a day, and none can make us ask for more."""

LEASE = 2_700.0
"""How long a node that has not registered, and writes nothing, keeps its claim: longer than any retry waits."""

GRACE = 60.0
"""How long after its end a claim is still respected by other nodes, whose clocks may differ."""

REFUSALS = 3
"""After so many refusals, without an acceptance in between, nobody is asked any more until something is changed."""

_ROOM = 30.0
_SHORTEST = 10.0
_BASE, _MOST = 30.0, 1_800.0


def renewal_after(granted: float) -> float:
    """Return how long after a registration it is renewed (RFC 3261 §10.2.4).

    At 90 %, or 30 s before the end where that leaves more room; never before half of the time is over, and a registrar
    that grants next to nothing is not asked more often than every 10 s.
    """
    return max(min(0.9 * granted, granted - _ROOM), granted / 2, _SHORTEST)


def retry_after(failures: int, status: int | None, asked: int | None, chance: float) -> float:
    """Return how long to wait after failures in a row (RFC 5626 §4.5: half to all of a time that doubles).

    Args:
        failures: How many there were, with this one.
        status: What was answered. A refusal will hardly be another answer soon; `REFUSALS` of them are the last word.
        asked: The Retry-After of the answer.
        chance: From 0 to 1.
    """
    if status in (403, 404):
        return _MOST * (1.0 + chance / 4)
    wait = min(_BASE * 2.0 ** min(failures, 16), _MOST) * (0.5 + chance / 2)
    return max(wait, min(float(asked or 0), _MOST))


def lease_end(state: str, expires_at: float | None, updated_at: float) -> float:
    """Return until when a node's claim on a registration holds: as long as the registration, or `LEASE` without one."""
    if state == "registered" and expires_at is not None:
        return expires_at
    return updated_at + LEASE

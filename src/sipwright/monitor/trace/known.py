"""The ladder of a call of which no message was kept: what its records, or the row of a live one, say was said.

A record has when a leg began, rang, was answered and ended, how and by whom. That is an INVITE, a 180, a 200, a BYE, a
CANCEL or a refusal, without its text: what was said beside those, such as a re-INVITE, is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sipwright.services.switch.recovery.document import StoredCall, StoredLeg
from sipwright.store.history.calltraces import CallTrace

from .ladder import Rung, numbered_legs

__all__ = ["known_names", "known_rungs"]

_CANCELLED = 487


def known_rungs(trace: CallTrace, stored: StoredCall | None) -> list[Rung]:
    """Return what is known to have been said, in the order of time; `stored` is the row of a call that goes on."""
    legs = numbered_legs(trace) if stored is None else list(_live(stored))
    found = [rung for leg in legs for rung in _of_leg(leg, trace.started_at)]
    return sorted(found, key=lambda rung: rung.at)


def known_names(stored: StoredCall) -> dict[int, str]:
    """Return whom the legs of a call that goes on are for."""
    targets = {number: (leg.destination or {}).get("target") for number, leg in enumerate(stored.legs, 1)}
    return {number: str(target).removeprefix("sip:") for number, target in targets.items() if target}


def _live(stored: StoredCall) -> Iterator[dict[str, Any]]:
    for number, leg in enumerate((stored.caller, *stored.legs)):
        yield {"leg": number, **_times(leg)}


def _times(leg: StoredLeg) -> dict[str, Any]:
    outcome = leg.outcome or {}
    return {
        "started_at": leg.started_at, "rang_at": leg.rang_at, "answered_at": leg.answered_at,
        "ended_at": leg.ended_at, "status": outcome.get("status"), "reason": outcome.get("reason"),
        "hung_up_by": leg.hung_up_by,
    }  # fmt: skip


def _of_leg(leg: dict[str, Any], start: float) -> Iterator[Rung]:
    """Give what was said on one leg: the caller asks the switch, and the switch asks everybody else."""
    asks = leg["leg"] == 0

    def rung(at: float, label: str, is_to_switch: bool) -> Rung:
        return Rung(max(at - start, 0.0), leg["leg"], is_to_switch, label, "", b"")

    yield rung(leg["started_at"], "INVITE", asks)
    if leg["rang_at"] is not None:
        yield rung(leg["rang_at"], "180 Ringing", not asks)
    if leg["answered_at"] is not None:
        yield rung(leg["answered_at"], "200 OK", not asks)
    if leg["ended_at"] is None:
        return
    if leg["answered_at"] is not None:
        yield rung(leg["ended_at"], "BYE", leg["hung_up_by"] == ("caller" if asks else "callee"))
        return
    if leg["status"] == _CANCELLED:
        yield rung(leg["ended_at"], "CANCEL", asks)
    if leg["status"]:
        yield rung(leg["ended_at"], f"{leg['status']} {leg['reason'] or ''}".strip(), not asks)

"""Choosing the response that the caller hears when nobody answered (RFC 3261 §16.7 step 6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sipwright.sip import Response

__all__ = [
    "CANCELLED", "ELSEWHERE", "ELSEWHERE_HEADERS", "EXPIRED", "HUNG_UP", "PHONE_GONE", "SILENT", "LegResult", "Outcome",
    "best", "for_caller", "is_way_gone",
]  # fmt: skip


class Outcome(NamedTuple):
    """How one leg, or a whole `dial()`, ended; `headers` are what the caller can use of the response.

    `session` is the description of what it could have talked about instead (RFC 3261 §21.4.26), if it gave one.
    """

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...] = ()
    session: str = ""

    def to_state(self) -> dict[str, Any]:
        """Return it by name, as JSON has it."""
        state: dict[str, Any] = {"status": self.status, "reason": self.reason}
        if self.headers:
            state["headers"] = self.headers
        if self.session:
            state["session"] = self.session
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Outcome:
        """Read what `to_state` gave."""
        headers = tuple((name, value) for name, value in state.get("headers", ()))
        return cls(state["status"], state["reason"], headers, state.get("session", ""))


class LegResult(NamedTuple):
    """What a script is told about one leg; `duration` is how long it was tried, in seconds.

    `redirect` is where the leg was sent instead, when following that was left to the script. `audio` is whether both
    ends would have heard each other.
    """

    target: str
    status: int
    reason: str
    duration: float
    redirect: str = ""
    audio: str = ""


CANCELLED = Outcome(487, "Request Terminated")
EXPIRED = Outcome(487, "Invitation Expired")
NOBODY = Outcome(480, "Temporarily Unavailable")

HUNG_UP = Outcome(480, "Hung Up While Ringing")
"""Of a phone that has said BYE before it answered."""

PHONE_GONE = Outcome(480, "Phone Unreachable")
"""Of one that nothing can be sent to, though it has registered: that is no fault of a gateway."""

SILENT = Outcome(408, "No Response")
"""Of a server that has said nothing at all for as long as it is given."""

ELSEWHERE = Outcome(487, "Call completed elsewhere")
ELSEWHERE_HEADERS = (("Reason", f'SIP;cause=200;text="{ELSEWHERE.reason}"'),)
"""What a phone is told whose call another one took, so that it counts no missed call (RFC 3326 §2)."""

# Within a class the more telling one first: a busy phone says more than one that stayed silent.
_TELLING = (486, 480, 484, 415, 420, 488, 404, 410, 403)


def best(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome to report: any 6xx, else the lowest class, within it the most telling."""
    ranked = sorted(outcomes, key=_rank)
    return ranked[0] if ranked else NOBODY


def _rank(outcome: Outcome) -> tuple[int, int, int]:
    klass = outcome.status // 100
    telling = _TELLING.index(outcome.status) if outcome.status in _TELLING else len(_TELLING)
    silent = outcome.status in (408, 487)
    return (0 if klass == 6 else klass, telling + silent, outcome.status)


def is_way_gone(response: Response, *, is_phone: bool) -> bool:
    """Return whether a response says that its server, or its flow, has failed: another one may reach the same peer.

    What a phone has answered itself it would answer again (RFC 5626 §7); a server may know of another one that is well
    (RFC 3263 §4.3).
    """
    if response.status == 430:
        return is_phone
    return (response.status == 408 and response.local) or (
        response.status == 503 and (response.local or not is_phone)
    )


def for_caller(outcome: Outcome) -> Outcome:
    """Translate what must not be passed on as it is.

    A challenge and a session interval are meant for the switch, never for the caller; a 503 would make the caller avoid
    this switch altogether (RFC 3261 §16.7 step 6); a redirect that was not followed means nothing to the caller, and
    neither does a flow that has failed (RFC 5626 §11.5).
    """
    if outcome.status in (401, 407):
        return Outcome(502, "Provider Refused Our Credentials")
    if outcome.status == 422:
        return Outcome(500, "No Session Interval Agreed")
    if outcome.status == 503:
        return Outcome(500, "Gateway Unavailable")
    if 300 <= outcome.status < 400 or outcome.status in (430, 487):
        return Outcome(480, "Temporarily Unavailable")
    return outcome

"""The events of calls: how far a call had got when it was last told of, and how far it is now.

A call is looked at whenever its row is about to be stored, and told of when it is: who reads events never hears of
what a killed process would have forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from sipwright.services.switch import Call, CallState, Leg

from .event_stream import EventStream

__all__ = ["CallEvents", "Names"]

Told = tuple[bool, int, int | None, tuple[int, ...], bool]
"""What was told of a call: it began, so many legs have rung, the leg that answered, who holds, it is over."""


class Names(Protocol):
    """What the events call things."""

    def account(self, account_id: int | None) -> str | None:
        """Return an account as ``alice@example.org``."""


class CallEvents:
    """Watches all calls of a node for its stream of events."""

    def __init__(self, stream: EventStream, names: Names) -> None:
        self._stream = stream
        self._names = names
        self._told: dict[str, Told] = {}

    def __len__(self) -> int:
        return len(self._told)

    def clear(self) -> None:
        """Forget how far all calls were: nobody listens any more, or somebody begins to."""
        self._told.clear()

    def changed(self, call: Call) -> Callable[[], object] | None:
        """Look at a call whose row is about to be stored; returns what tells of it when it is, if there is news."""
        now = _state_of(call)
        before = self._told.get(call.id)
        if call.is_gone:
            self._told.pop(call.id, None)
        elif before != now:
            self._told[call.id] = now
        if before == now:
            return None
        if before is None:
            if now[4] and call.has_row and _was_over(call, self._stream.heard_since):
                return None
            before = _state_at(call, self._stream.heard_since)
        news: list[tuple[str, dict[str, Any]]] = []
        if not before[0]:
            news.append(("call.started", {}))
        if now[1] > before[1]:
            news += [("call.ringing", _ringing(leg)) for leg in _that_rang(call)[before[1] :]]
        if now[2] is not None and now[2] != before[2]:
            news.append(("call.answered", _answered(call)))
        if now[3] != before[3]:
            news.append(("call.held", _held(call)))
        if now[4] and not before[4]:
            news.append(("call.ended", _ended(call)))
        return partial(self._tell, call, self._common(call), news) if news else None

    def _tell(self, call: Call, common: dict[str, Any], news: list[tuple[str, dict[str, Any]]]) -> None:
        for kind, data in news:
            self._stream.tell(kind, call.identity.user_id, call.id, {**common, **data})

    def _common(self, call: Call) -> dict[str, Any]:
        identity, provider = call.identity, call.caller.provider
        if provider is None and call.peer is not None:
            provider = call.peer.provider
        return {
            "from": _address(call.from_text), "to": _address(call.to_text), "direction": identity.direction,
            "account": self._names.account(identity.account_id), "dialplan": identity.dialplan,
            "provider": None if provider is None else provider[1],
        }  # fmt: skip


def _state_of(call: Call) -> Told:
    rang = sum([leg.rang_at is not None for leg in call.legs])
    peer = None if call.peer is None else call.peer.index
    return True, rang, peer, call.held, call.state is CallState.ENDING


def _state_at(call: Call, instant: float) -> Told:
    """Return how far a call was at an instant, as far as can be told; a new one had not begun."""
    if not call.has_row:
        return False, 0, None, (), False
    rang = sum(leg.rang_at is not None and leg.rang_at < instant for leg in call.legs)
    was_answered = call.answered_at is not None and call.answered_at < instant
    peer = call.peer.index if was_answered and call.peer is not None else None
    return True, rang, peer, (), False


def _was_over(call: Call, instant: float) -> bool:
    """Return whether a call had ended by then: only its last messages are still to be exchanged."""
    ended_at = call.caller.ended_at
    return ended_at is not None and ended_at < instant


def _that_rang(call: Call) -> list[Leg]:
    return sorted((leg for leg in call.legs if leg.rang_at is not None), key=lambda leg: leg.rang_at or 0.0)


def _ringing(leg: Leg) -> dict[str, Any]:
    return {"leg": leg.index, "target": _target(leg), "provider": leg.provider and leg.provider[1]}


def _answered(call: Call) -> dict[str, Any]:
    peer = call.peer
    assert peer is not None
    near = call.ends()[0]
    parties = {} if near is call.caller else {"from": _target(near)}
    return {
        **parties, "leg": peer.index, "target": _target(peer), "provider": peer.provider and peer.provider[1],
        "transferred": True if peer.index > 1 and call.near is not None else None,
    }  # fmt: skip


def _held(call: Call) -> dict[str, Any]:
    legs = (call.caller, *call.legs)
    return {
        "held": bool(call.held),
        "by": [_target(legs[number]) or _address(call.from_text) for number in call.held],
    }


def _ended(call: Call) -> dict[str, Any]:
    caller = call.caller
    outcome, answered_at = caller.outcome, call.answered_at
    if outcome is None:
        outcome = next((leg.outcome for leg in call.legs if leg.outcome is not None), None)
    ended_at = caller.ended_at or call.ports.wall_clock()
    by = caller.hung_up_by or next((leg.hung_up_by for leg in call.legs if leg.hung_up_by), None)
    return {
        "answered": answered_at is not None,
        "duration": 0.0 if answered_at is None else round(max(0.0, ended_at - answered_at), 3),
        "status": None if outcome is None else outcome.status,
        "reason": None if outcome is None else outcome.reason,
        "hung_up_by": by,
    }


def _target(leg: Leg) -> str | None:
    destination = getattr(leg, "destination", None)
    return None if destination is None else _address(destination.target)


def _address(text: str) -> str:
    """Return an address as people write it."""
    address = text.partition(";")[0]
    return address[4:] if address[:4] == "sip:" else address.removeprefix("sips:")

"""The events of calls: how far a call had got when it was last told of, and how far it is now.

A call is looked at whenever its row is about to be stored, and told of when it is: who reads events never hears of
what a killed process would have forgotten. What its script does meanwhile is told in turn (`in_turn`).

One call is told of as one, whatever parts it has (`services/switch/call/call.py`): under the id that they have in
common, which begins with the first of its owner's parts and is over with the last. Where one account calls another, or
a provider brings a call back, what rings and answers is told by the part that dials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from sipwright.memo import Bounded
from sipwright.services.switch import Call, CallState, Leg

from .event_stream import EventStream

__all__ = ["CallEvents", "Names"]

Told = tuple[bool, int, int | None, tuple[int, ...], bool]
"""What was told of a call: it began, so many legs have rung, the leg that answered, who holds, it is over."""

News = tuple[str, dict[str, Any]]
"""The type of an event, and its data."""

Tell = Callable[[], object]

MOST_HELD = 100
"""What is kept of a call that has no row yet: more than that is not told."""


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
        self._ends: dict[tuple[str, int], News] = {}
        self._held: Bounded[str, list[Tell]] = Bounded()

    def __len__(self) -> int:
        return len(self._told)

    def clear(self) -> None:
        """Forget how far all calls were: nobody listens any more, or somebody begins to."""
        self._told.clear()
        self._ends.clear()
        self._held.clear()

    def in_turn(self, call: Call, tell_of: Callable[[str], object]) -> None:
        """Tell what has happened in a call after what was stored of it by now: never before it has begun.

        Of a script there is much to tell before its call has a row, as that has done nothing yet.

        Args:
            call: The call.
            tell_of: Is called with the id that its parts have in common.
        """

        def tell() -> None:
            tell_of(call.common_id)

        if call.has_row:
            with call.event():
                call.when_stored(tell)
            return
        held = self._held.get(call.id)
        if held is None:
            self._held.keep(call.id, [tell])
        elif len(held) < MOST_HELD:
            held.append(tell)

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
        common = self._common(call)
        news = [(kind, {**common, **data}) for kind, data in _news(call, before, now)]
        if now[4] and not before[4]:
            news += self._end_of(call, ("call.ended", {**common, **_ended(call)}))
        held = self._held.pop(call.id, ())
        return (
            partial(self._tell, call.identity.user_id, call.common_id, news, held) if news or held else None
        )

    def gone(self, call: Call) -> None:
        """Tell no more of a call that goes on at another node."""
        self._told.pop(call.id, None)

    def _end_of(self, call: Call, end: News) -> list[News]:
        """Return the end of a call if this was its last part; what is told is how its first part ended."""
        key = call.common_id, call.identity.user_id
        if any(_goes_on(part, call) for part in call.ports.parts(call.common_id)):
            if not call.is_part and end[1]["hung_up_by"] != "transfer":
                self._ends[key] = end
            return []
        first = self._ends.pop(key, end)
        return [first if call.is_part else end]

    def _tell(self, user_id: int, common_id: str, news: list[News], held: Sequence[Tell]) -> None:
        for kind, data in news:
            if kind != "call.started":
                held = _tell_all(held)
            self._stream.tell(kind, user_id, common_id, data)
        _tell_all(held)

    def _common(self, call: Call) -> dict[str, Any]:
        identity, provider = call.identity, call.caller.provider
        if provider is None and call.peer is not None:
            provider = call.peer.provider
        return {
            "from": _address(call.from_text), "to": _address(call.to_text), "direction": identity.direction,
            "account": self._names.account(identity.account_id), "dialplan": identity.dialplan,
            "provider": None if provider is None else provider[1],
            "part": None if call.linked_id is None else call.id,
        }  # fmt: skip


def _tell_all(held: Sequence[Tell]) -> Sequence[Tell]:
    for tell in held:
        tell()
    return ()


def _news(call: Call, before: Told, now: Told) -> list[News]:
    """Return what has happened but for the end; nothing of a part whose caller's part tells the same."""
    caller = call.caller
    is_loop = caller.flow is not None and caller.flow.protocol == "loop"
    if call.is_part and (is_loop or caller.provider is not None):
        return []
    news: list[News] = []
    if not before[0] and not call.is_part:
        news.append(("call.started", {}))
    if now[1] > before[1]:
        news += [("call.ringing", _ringing(leg)) for leg in _that_rang(call)[before[1] :]]
    if now[2] is not None and now[2] != before[2]:
        news.append(("call.answered", _answered(call)))
    if now[3] != before[3]:
        news.append(("call.held", _held(call)))
    return news


def _goes_on(part: Call, call: Call) -> bool:
    """Return whether another part of a call, of the same owner, is not over."""
    is_other = part is not call and part.identity.user_id == call.identity.user_id
    return is_other and part.state is not CallState.ENDING


def _state_of(call: Call) -> Told:
    rang = 0
    for leg in call.legs:
        if leg.rang_at is not None:
            rang += 1
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
    address = text.partition(";")[0] if ";" in text else text
    return address[4:] if address[:4] == "sip:" else address.removeprefix("sips:")

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

from sipwright.control.notes import Sketch
from sipwright.memo import Bounded
from sipwright.services.switch import Call, Callee, CallState, Leg

from .event_stream import EventStream

__all__ = ["CallEvents", "Names"]

Told = tuple[bool, int, int | None, tuple[int, ...], bool]
"""What was told of a call: it began, so many legs have rung, the leg that answered, who holds, it is over."""

News = tuple[str, Sketch]
"""The type of an event, and what it says."""

Tell = Callable[[], object]

MOST = 256
"""Characters of a text that are noted: somewhat more than are shown, without the ``sip:`` of an address."""

MOST_HELD = 100
"""What is kept of a call that has no row yet: more than that is not told."""

_NOTHING: Told = (False, 0, None, (), False)

_ENDING = CallState.ENDING


class Names(Protocol):
    """What the events call things."""

    def account(self, account_id: int | None) -> str | None:
        """Return an account as ``alice@example.org``."""


class CallEvents:
    """Watches all calls of a node for its stream of events."""

    def __init__(self, stream: EventStream, names: Names) -> None:
        self._stream = stream
        self._tell_one = stream.tell
        self._names = names
        self._known: dict[str, _Known] = {}
        self._ends: dict[tuple[str, int], News] = {}
        self._held: Bounded[str, list[Tell]] = Bounded()

    def __len__(self) -> int:
        return len(self._known)

    def clear(self) -> None:
        """Forget how far all calls were: nobody listens any more, or somebody begins to."""
        self._known.clear()
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
        rang, peer = 0, call.peer
        for leg in call.legs:
            if leg.rang_at is not None:
                rang += 1
        now = True, rang, None if peer is None else peer.index, call.held, call.state is _ENDING
        known = self._known.get(call.id) or self._begin(call, now)
        if call.is_gone:
            self._known.pop(call.id, None)
        if known.told == now:
            return None
        before, known.told = known.told, now
        return self._news(call, before, now, known.account)

    def _begin(self, call: Call, now: Told) -> _Known:
        """Look at a call for the first time; one that was there already may have been over."""
        told = _NOTHING
        if call.has_row:
            since = self._stream.heard_since
            told = now if now[4] and _was_over(call, since) else _told_at(call, since)
        known = self._known[call.id] = _Known(told, self._names.account(call.identity.account_id))
        return known

    def _news(self, call: Call, before: Told, now: Told, account: str | None) -> Callable[[], object] | None:
        identity, linked, provider, peer = call.identity, call.linked_id, call.caller.provider, call.peer
        if provider is None and peer is not None:
            provider = peer.provider
        sender, target = call.from_text, call.to_text
        if len(sender) > MOST or len(target) > MOST:
            sender, target = sender[:MOST], target[:MOST]
        # What all events of a call say: `control/notes.py` gives it its names.
        of_all = (
            sender, target, identity.direction, account, identity.dialplan,
            None if provider is None else provider[1], None if linked is None else call.id,
        )  # fmt: skip
        news = _before_the_end(call, before, now, of_all)
        if now[4] and not before[4]:
            news += self._end_of(call, ("call.ended", (of_all, _ended(call))))
        held = self._held.pop(call.id, ()) if self._held else ()
        if len(news) == 1 and not held:
            kind, said = news[0]
            return partial(self._tell_one, kind, identity.user_id, linked or call.id, said)
        return partial(self._tell, identity.user_id, linked or call.id, news, held) if news or held else None

    def gone(self, call: Call) -> None:
        """Tell no more of a call that goes on at another node."""
        self._known.pop(call.id, None)

    def _end_of(self, call: Call, end: News) -> list[News]:
        """Return the end of a call if this was its last part; what is told is how its first part ended."""
        parts = call.ports.table.parts(call.linked_id or call.id)
        if parts != [call] and any(_goes_on(part, call) for part in parts):
            if not call.is_part and end[1][1][-1] != "transfer":
                self._ends[call.common_id, call.identity.user_id] = end
            return []
        if not self._ends:
            return [end]
        first = self._ends.pop((call.common_id, call.identity.user_id), end)
        return [first if call.is_part else end]

    def _tell(self, user_id: int, common_id: str, news: list[News], held: Sequence[Tell]) -> None:
        for kind, said in news:
            if kind != "call.started":
                held = _tell_all(held)
            self._tell_one(kind, user_id, common_id, said)
        _tell_all(held)


class _Known:
    """What is known of a call: what was told of it, and what its account is called, for as long as it is there."""

    __slots__ = ("account", "told")

    def __init__(self, told: Told, account: str | None) -> None:
        self.told = told
        self.account = account


def _tell_all(held: Sequence[Tell]) -> Sequence[Tell]:
    for tell in held:
        tell()
    return ()


def _before_the_end(call: Call, before: Told, now: Told, of_all: tuple[Any, ...]) -> list[News]:
    """Return what has happened but for the end; nothing of a part whose caller's part tells the same."""
    news: list[News] = []
    if call.is_part and _is_told_by_another(call):
        return news
    has_begun, rang, peer, held, _ = before
    if not has_begun and not call.is_part:
        news.append(("call.started", (of_all, ())))
    if now[1] > rang:
        for leg in _that_rang(call, rang):
            news.append(("call.ringing", (of_all, _of_leg(leg))))
    if now[2] != peer and call.peer is not None:
        news.append(("call.answered", (of_all, _answered(call, call.peer))))
    if now[3] != held:
        news.append(("call.held", (of_all, _held(call))))
    return news


def _is_told_by_another(part: Call) -> bool:
    caller = part.caller
    is_loop = caller.flow is not None and caller.flow.protocol == "loop"
    return is_loop or caller.provider is not None


def _goes_on(part: Call, call: Call) -> bool:
    """Return whether another part of a call, of the same owner, is not over."""
    is_other = part is not call and part.identity.user_id == call.identity.user_id
    return is_other and part.state is not CallState.ENDING


def _told_at(call: Call, instant: float) -> Told:
    """Return how far a call was at an instant, as far as can be told."""
    rang = sum(leg.rang_at is not None and leg.rang_at < instant for leg in call.legs)
    was_answered = call.answered_at is not None and call.answered_at < instant
    peer = call.peer.index if was_answered and call.peer is not None else None
    return True, rang, peer, (), False


def _was_over(call: Call, instant: float) -> bool:
    """Return whether a call had ended by then: only its last messages are still to be exchanged."""
    ended_at = call.caller.ended_at
    return ended_at is not None and ended_at < instant


def _that_rang(call: Call, told: int) -> list[Callee]:
    """Return the legs that have rung, in that order, but for those that were told of."""
    if len(call.legs) == 1:
        return call.legs
    return sorted((leg for leg in call.legs if leg.rang_at is not None), key=lambda leg: leg.rang_at or 0.0)[
        told:
    ]


def _of_leg(leg: Callee) -> tuple[int, str, str | None]:
    provider = leg.provider
    return leg.index, leg.destination.target[:MOST], None if provider is None else provider[1]


def _answered(call: Call, peer: Callee) -> tuple[Any, ...]:
    near = call.near
    if near is None and call.originator is None:
        return *_of_leg(peer), None
    near = call.ends()[0]
    transferred = True if peer.index > 1 and call.near is not None else None
    return *_of_leg(peer), transferred, *(() if near is call.caller else (_target(near),))


def _held(call: Call) -> tuple[Any, ...]:
    legs = (call.caller, *call.legs)
    return ([_target(legs[number]) or call.from_text[:MOST] for number in call.held],)


def _ended(call: Call) -> tuple[Any, ...]:
    caller = call.caller
    outcome, by = caller.outcome, caller.hung_up_by
    if outcome is None:
        outcome = next((leg.outcome for leg in call.legs if leg.outcome is not None), None)
    if not by:
        by = next((leg.hung_up_by for leg in call.legs if leg.hung_up_by), None)
    status, reason = (None, None) if outcome is None else (outcome.status, outcome.reason[:MOST])
    return call.answered_at, caller.ended_at or call.ports.wall_clock(), status, reason, by


def _target(leg: Leg) -> str | None:
    """Return whom a leg was to reach, if it is none of a caller."""
    return leg.destination.target[:MOST] if isinstance(leg, Callee) else None

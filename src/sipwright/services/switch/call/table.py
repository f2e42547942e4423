"""The tables of a switch: its calls by id, their legs by their tags, and how many calls there have been."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import TypeVar

from sipwright.services.own_probes import NODE_USER
from sipwright.services.ports import Provider

from ..model.identity import Identity
from ..model.leg_state import LegState
from .call import Call
from .ended import EndedCall
from .entity import Timers
from .leg import Leg
from .observer import CallObserver

__all__ = ["CallTable", "CallTally"]

K = TypeVar("K", bound=Hashable)

_BUSY = frozenset((LegState.CALLING, LegState.RINGING, LegState.ANSWERED))

MOST_PARTS = 12
"""Parts of a call, one behind the other: more than the loop joins (`dialling/destinations.py:MOST_LOOPS`)."""


_CLASSES = range(3, 7)

_NOT_WANTED = frozenset({486, 487, 600, 603})
"""What says that somebody was there, and did not want to talk, or that the caller did not wait for them."""


class CallTally:
    """Counts calls, those of several parts once, those of probes never."""

    __slots__ = ("answered", "busy", "failed", "started")

    def __init__(self) -> None:
        self.started = self.answered = 0
        self.busy = 0
        """Of the calls that nobody answered, how many were not wanted: nothing is wrong with these."""
        self.failed = dict.fromkeys(_CLASSES, 0)
        """Of the calls that nobody answered, by the class of the status that the caller has heard."""

    def begin(self, identity: Identity, *, is_part: bool) -> None:
        """Count a call that begins."""
        if not is_part and identity.user_id >= 0:
            self.started += 1

    def answer(self, identity: Identity, *, is_part: bool) -> None:
        """Count one that is answered."""
        if not is_part and identity.user_id >= 0:
            self.answered += 1

    def fail(self, identity: Identity, status: int, *, is_part: bool) -> None:
        """Count one that ends without an answer."""
        if not is_part and identity.user_id >= 0:
            self.failed[min(max(status // 100, 3), 6)] += 1
            self.busy += status in _NOT_WANTED


class CallTable:
    """All calls of a node; `observer` is told of each."""

    __slots__ = (
        "_active",
        "_by_provider",
        "_linked",
        "_of_account",
        "calls",
        "ended",
        "legs",
        "observer",
        "tally",
        "timers",
    )

    def __init__(
        self, calls: dict[str, Call], timers: Timers, ended: EndedCall, observer: CallObserver | None
    ) -> None:
        self.calls = calls
        self.legs: dict[str, Leg] = {}
        self.timers = timers
        self.ended = ended
        self.observer = observer
        self.tally = CallTally()
        self._active: dict[int, int] = {}
        self._of_account: dict[tuple[int | None, str], int] = {}
        self._linked: dict[str, list[Call]] = {}
        self._by_provider: dict[Provider, set[Leg]] = {}

    def add(self, call: Call) -> None:
        """Take in a call; its legs are remembered one by one."""
        self.calls[call.id] = call
        if call.linked_id is not None:
            self._linked.setdefault(call.linked_id, []).append(call)
        identity, active, of_account = call.identity, self._active, self._of_account
        if not call.is_part:
            active[identity.user_id] = active.get(identity.user_id, 0) + 1
        account = identity.account_id, identity.direction
        of_account[account] = of_account.get(account, 0) + 1

    def begin(self, call: Call, *, is_scripted: bool) -> None:
        """Take in a call that nobody has sent us an INVITE for."""
        self.add(call)
        self.tally.begin(call.identity, is_part=call.is_part)
        self.remember(call.caller)
        if self.observer is not None:
            self.observer.call_begins(call, is_scripted=is_scripted)

    def remember(self, leg: Leg) -> None:
        """Let requests find a leg by its tag."""
        self.legs[leg.local_tag] = leg
        if leg.provider is not None:
            self._by_provider.setdefault(leg.provider, set()).add(leg)
        if self.observer is not None:
            self.observer.leg_begins(leg)

    def forget(self, call: Call) -> None:
        """Drop a call that is over."""
        if self.calls.pop(call.id, None) is None:
            return
        if self.observer is not None:
            self.observer.call_ends(call)
        call.rest()
        legs = self.legs
        call.forget_early()
        for leg in (call.caller, *call.legs):
            if legs.get(leg.local_tag) is leg:  # and did not go on in another call
                del legs[leg.local_tag]
            leg.owner = self.ended
            if leg.provider is not None and (carried := self._by_provider.get(leg.provider)) is not None:
                carried.discard(leg)
                if not carried:
                    del self._by_provider[leg.provider]
        call.script = call.originator = None
        identity = call.identity
        user_id, account = identity.user_id, (identity.account_id, identity.direction)
        _count_down(self._of_account, account)
        if not call.is_part:
            _count_down(self._active, user_id)
        if call.linked_id is not None:
            self._part(call, call.linked_id)
        if not self.calls:
            self.timers.clear()

    def answered(self, call: Call) -> None:
        """Count a call that is answered."""
        self.tally.answer(call.identity, is_part=call.is_part)

    def failed(self, call: Call, status: int) -> None:
        """Count one that ends without an answer, by what its caller has heard."""
        self.tally.fail(call.identity, status, is_part=call.is_part)

    def count(self) -> int:
        """Return how many calls are in progress; one that has several parts counts once, one of a probe never."""
        return len(self.calls) - sum(map(len, self._linked.values())) - self._active.get(NODE_USER, 0)

    def states(self) -> dict[str, int]:
        """Return how many calls there are in each state, by the first of their parts."""
        return dict(
            Counter(
                call.state.value
                for call in self.calls.values()
                if call.linked_id is None and call.identity.user_id != NODE_USER
            )
        )

    def parts(self, common_id: str) -> list[Call]:
        """Return the parts of one call that are in progress."""
        first = self.calls.get(common_id)
        linked = self._linked.get(common_id, ())
        return [*linked] if first is None or first.linked_id is not None else [first, *linked]

    def link(self, call: Call, origin: Call) -> None:
        """Let a new call, which is not in the table yet, be a part of the one that has led to it."""
        call.linked_id = origin.common_id
        call.is_part = self._has_part(call.identity.user_id, call.linked_id)

    def relink(self, leg: Leg, call: Call) -> None:
        """Let what is behind a leg that has moved into `call` be parts of that: the calls which the loop joins to it.

        Each is stored with it, in the same turn of the event loop.
        """
        for _ in range(MOST_PARTS):
            behind = (
                None if leg.flow is None or leg.flow.protocol != "loop" or leg.dialog is None else leg.dialog
            )
            near = None if behind is None else self.legs.get(behind.remote_tag)
            part = None if near is None else self.calls.get(near.owner.id)
            if near is None or part is None or part.common_id == call.common_id:
                return
            with part.event():
                self._move(part, call)
                far = part.other(near)
            if far is None:
                return
            leg = far

    def _move(self, part: Call, call: Call) -> None:
        if part.linked_id is not None:
            self._part(part, part.linked_id)
        part.linked_id = call.common_id
        self._linked.setdefault(part.linked_id, []).append(part)
        if not part.is_part and self._has_part(part.identity.user_id, part.linked_id, but=part):
            part.is_part = True
            _count_down(self._active, part.identity.user_id)
        part.changed()

    def _has_part(self, user_id: int, common_id: str, but: Call | None = None) -> bool:
        parts = self.parts(common_id)
        return any(part.identity.user_id == user_id and part is not but for part in parts)

    def _part(self, call: Call, common_id: str) -> None:
        """Take a part away from a call."""
        linked = self._linked.get(common_id, [])
        if call in linked:
            linked.remove(call)
        if not linked:
            self._linked.pop(common_id, None)

    def of_account(self, account_id: int, direction: str) -> int:
        """Return how many calls of an account are in progress, in one direction."""
        return self._of_account.get((account_id, direction), 0)

    def carried(self, provider: Provider) -> int:
        """Return how many calls go by a provider, or are about to, in whatever direction."""
        return sum(leg.state in _BUSY for leg in self._by_provider.get(provider, ()))

    def active(self, user_id: int) -> int:
        """Return how many calls of a user are in progress; one that has several parts counts once."""
        return self._active.get(user_id, 0)


def _count_down(counts: dict[K, int], key: K) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]

"""The tables of a switch: its calls by id, their legs by the tags that they were given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import TypeVar

from .call import Call
from .ended import EndedCall
from .leg import Leg
from .observer import CallObserver
from .timers import Timers

__all__ = ["CallTable"]

K = TypeVar("K", bound=Hashable)


class CallTable:
    """All calls of a node; `observer` is told of each."""

    __slots__ = ("_active", "_of_account", "calls", "ended", "legs", "observer", "timers")

    def __init__(
        self, calls: dict[str, Call], timers: Timers, ended: EndedCall, observer: CallObserver | None
    ) -> None:
        self.calls = calls
        self.legs: dict[str, Leg] = {}
        self.timers = timers
        self.ended = ended
        self.observer = observer
        self._active: Counter[int] = Counter()
        self._of_account: Counter[tuple[int | None, str]] = Counter()

    def add(self, call: Call) -> None:
        """Take in a call; its legs are remembered one by one."""
        self.calls[call.id] = call
        self._active[call.identity.user_id] += 1
        self._of_account[call.identity.account_id, call.identity.direction] += 1

    def begin(self, call: Call, *, is_scripted: bool) -> None:
        """Take in a call that nobody has sent us an INVITE for."""
        self.add(call)
        self.remember(call.caller)
        if self.observer is not None:
            self.observer.call_begins(call, is_scripted=is_scripted)

    def remember(self, leg: Leg) -> None:
        """Let requests find a leg by its tag."""
        self.legs[leg.local_tag] = leg
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
        call.script = call.originator = None
        identity = call.identity
        user_id, account = identity.user_id, (identity.account_id, identity.direction)
        _count_down(self._of_account, account)
        _count_down(self._active, user_id)
        if not self.calls:
            self.timers.clear()

    def of_account(self, account_id: int, direction: str) -> int:
        """Return how many calls of an account are in progress, in one direction."""
        return self._of_account[account_id, direction]

    def active(self, user_id: int) -> int:
        """Return how many calls of a user are in progress."""
        return self._active[user_id]


def _count_down(counts: Counter[K], key: K) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]

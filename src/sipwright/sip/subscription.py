"""A subscription as its notifier sees it: what a NOTIFY says of itself, when it leaves, and the end (RFC 6665 §4.2).

::

    INIT ----------+
     | SUBSCRIBE   | FETCH: a SUBSCRIBE with Expires 0; END
     v             v
    ACTIVE ----> ENDING    its last NOTIFY is still to be answered
     |   FETCH,    | ANSWERED, POSTPONE, LOST
     |   END       v
     +------> TERMINATED
       LOST

None is ever pending: who may not watch is refused when the SUBSCRIBE comes. One NOTIFY is under way at a time, so that
none overtakes another; what has changed meanwhile is told by the next one, which tells of the state as it is then.
Instants are those of whatever clock the owner reads, who sends what is in `outbox`, and says what came of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from math import ceil, inf
from typing import Any, NamedTuple

__all__ = [
    "ENDS_SUBSCRIPTION", "Finish", "Notify", "Subscription", "SubscriptionState", "read_retry_after",
]  # fmt: skip

_SECONDS = re.compile(r"\s*(\d{1,9})(?!\d)")

ENDS_SUBSCRIPTION = frozenset({404, 405, 408, 410, 416, *range(480, 486), 489, 501, 604})
"""What a subscriber answers to a NOTIFY that it does not want, or that nobody has heard (RFC 6665 §4.2.2)."""

POSTPONED = 30.0
"""Seconds after which one is sent again that failed for a reason that may pass, where the answer says no other time."""

LONGEST_PAUSE = 3600.0
"""Seconds that a Retry-After may ask for."""


class SubscriptionState(StrEnum):
    """How far a subscription is; the words for ACTIVE and the end are those of Subscription-State."""

    INIT = "init"
    ACTIVE = "active"
    ENDING = "ending"
    TERMINATED = "terminated"


INIT, ACTIVE, ENDING, TERMINATED = SubscriptionState


class _Event(StrEnum):
    SUBSCRIBE = "subscribe"
    FETCH = "fetch"
    CHANGE = "change"
    END = "end"
    ANSWERED = "answered"
    POSTPONE = "postpone"
    LOST = "lost"


class Notify(NamedTuple):
    """A NOTIFY that is to be sent; `state` is its Subscription-State.

    One that `is_full` tells everything, whatever was told before; nothing follows one that `is_last`.
    """

    state: str
    is_full: bool
    is_last: bool


class Finish(NamedTuple):
    """Nothing more will be sent: the subscription is to be forgotten."""

    reason: str


class Subscription:
    """One subscription.

    `pace` is how many seconds lie between two NOTIFYs of changes at least. What a SUBSCRIBE asks for is told at once.
    """

    __slots__ = (
        "_is_due", "_is_full", "_is_last_out", "_not_before", "expires_at", "is_under_way", "outbox", "pace", "reason",
        "retry_after", "state",
    )  # fmt: skip

    def __init__(self, pace: float = 0.0) -> None:
        self.state = INIT
        self.pace = pace
        self.expires_at = inf
        self.reason = ""
        self.retry_after: int | None = None
        self.outbox: list[Notify | Finish] = []
        self.is_under_way = False
        self._is_last_out = False
        self._is_due = False
        self._is_full = True
        self._not_before = -inf

    @classmethod
    def restored(
        cls, state: str, expires_at: float, now: float, *, reason: str = "", pace: float = 0.0
    ) -> Subscription:
        """Go on with a subscription of an earlier process: nobody knows what was heard, so all is told."""
        subscription = cls(pace)
        subscription.state, subscription.expires_at = SubscriptionState(state), expires_at
        subscription.reason = reason
        if subscription.state is not TERMINATED:
            subscription._tell_at_once(now)
            subscription.advance(now)
        return subscription

    def to_state(self) -> dict[str, Any]:
        """Give, as JSON can hold it, all that another process needs that has the NOTIFY which is under way."""
        return {
            "state": self.state.value,
            "expires_at": self.expires_at,
            "reason": self.reason,
            "is_under_way": self.is_under_way,
            "is_last_out": self._is_last_out,
            "is_due": self._is_due,
        }

    @classmethod
    def from_state(cls, known: dict[str, Any]) -> Subscription:
        """Make the subscription that `to_state` has described; `restored` is for those whose NOTIFY is lost."""
        subscription = cls()
        subscription.state = SubscriptionState(known["state"])
        subscription.expires_at, subscription.reason = known["expires_at"], known["reason"]
        subscription.is_under_way, subscription._is_last_out = known["is_under_way"], known["is_last_out"]
        subscription._is_due = known["is_due"]
        return subscription

    # What happens.

    @property
    def wants(self) -> bool:
        """Whether there is anything to be done for it now, or once its NOTIFY is answered."""
        return bool(self.outbox) or self._is_due

    @property
    def is_live(self) -> bool:
        """Whether it may be refreshed, and is told of changes."""
        return self.state is ACTIVE

    def subscribe(self, seconds: float, now: float) -> None:
        """Take the SUBSCRIBE that begins it, prolongs it, or with 0 seconds ends it (RFC 6665 §4.2.1.4, §4.4.3)."""
        if seconds <= 0:
            self.reason = "timeout"
            self._handle(_Event.FETCH, now)
            return
        self.expires_at = now + seconds
        self._handle(_Event.SUBSCRIBE, now)

    def change(self, now: float) -> None:
        """Take note that there is something new."""
        self._handle(_Event.CHANGE, now)

    def may_tell(self, now: float) -> bool:
        """Return whether a NOTIFY of a change may leave at once, and be no more than that."""
        if now < self._not_before or self.is_under_way or self.state is not ACTIVE:
            return False
        return not self._is_full and now < self.expires_at

    def tell(self, now: float) -> str:
        """Begin such a NOTIFY and return its state; the owner sends it, as one that `change` puts into the outbox."""
        self._not_before = now + self.pace
        self.is_under_way, self._is_due = True, False
        return self._words(now)

    def end(self, reason: str, now: float, retry_after: int | None = None) -> None:
        """End it, and say why (RFC 6665 §4.1.3): deactivated, giveup, noresource, probation, rejected, timeout."""
        if self.is_live or self.state is INIT:
            self.reason, self.retry_after = reason, retry_after
        self._handle(_Event.END, now)

    def answered(self, status: int, now: float, retry_after: float | None = None) -> None:
        """Take the final response to the NOTIFY that is under way, one of our own for want of any too."""
        self.is_under_way = False
        if 200 <= status < 300:
            if not (self._is_due or self._is_last_out):
                return  # as nearly always
            self._handle(_Event.ANSWERED, now)
        elif status in ENDS_SUBSCRIPTION:
            self._handle(_Event.LOST, now)
        else:
            pause = POSTPONED if retry_after is None else min(max(retry_after, 1.0), LONGEST_PAUSE)
            self._not_before = now + pause
            self._handle(_Event.POSTPONE, now)

    def unsent(self, reason: str, now: float) -> None:
        """Take note that the NOTIFY under way has not left, and must not: what it would tell is not to be told."""
        self.is_under_way = False
        self.end(reason, now)

    def untold(self, now: float) -> None:
        """Take note that the NOTIFY under way has not left, as there was nothing to tell."""
        self.is_under_way, self._not_before = False, now
        self._flush(now)

    def reached(self, now: float) -> None:
        """Say now what had to wait, as there is a way to the subscriber again."""
        if self._is_due:
            self._not_before = min(self._not_before, now)
            self._flush(now)

    def follow(self, now: float) -> None:
        """Say more as soon as the NOTIFY under way is answered, as not all that is new had room in it."""
        self._is_due, self._not_before = True, now

    def challenged(self, now: float) -> None:
        """Say the same once more at once, as the answer asks who we are."""
        self.is_under_way = self._is_last_out = False
        self._tell_at_once(now)
        self._flush(now)

    def advance(self, now: float) -> None:
        """Do what is due."""
        if self.is_live and now >= self.expires_at:
            self.end("timeout", now)
        self._flush(now)

    def deadline(self) -> float:
        """Return when `advance` is to be called."""
        due = self._not_before if self._is_due and not self.is_under_way else inf
        return min(due, self.expires_at) if self.is_live else due

    # What is done about it.

    def _handle(self, event: _Event, now: float) -> None:
        rule = self.RULES.get((self.state, event))
        if rule is not None:
            self.state, action = rule
            action(self, now)
            self._flush(now)

    def _tell(self, now: float) -> None:
        self._is_due = True

    def _tell_at_once(self, now: float) -> None:
        self._is_due = self._is_full = True
        self._not_before = now

    def _tell_again(self, now: float) -> None:
        self._is_due = self._is_full = True

    def _go_on(self, now: float) -> None:
        """Let the next NOTIFY follow, if there is one."""

    def _end_or_go_on(self, now: float) -> None:
        if self._is_last_out:
            self._finish(now)

    def _finish(self, now: float) -> None:
        self.state, self._is_due = TERMINATED, False
        self.outbox.append(Finish(self.reason or "the subscriber does not want it"))

    def _flush(self, now: float) -> None:
        if not self._is_due or self.is_under_way or now < self._not_before or self.state is TERMINATED:
            return
        is_last = self.state is ENDING
        self.outbox.append(Notify(self._words(now), self._is_full, is_last))
        # What was asked for does not count: whoever begins to watch hears of the next change as soon as anybody.
        self._not_before = now if self._is_full else now + self.pace
        self.is_under_way, self._is_last_out = True, is_last
        self._is_due = self._is_full = False

    def _words(self, now: float) -> str:
        """Return the Subscription-State (RFC 6665 §8.2.3)."""
        if self.state is ENDING:
            again = "" if self.retry_after is None else f";retry-after={self.retry_after}"
            return f"terminated;reason={self.reason}{again}"
        return f"{self.state};expires={max(0, ceil(self.expires_at - now))}"

    # The machine. A (state, event) pair that is not listed is ignored.
    # fmt: off
    RULES: dict[tuple[SubscriptionState, _Event], tuple[SubscriptionState, Callable[[Any, float], None]]] = {
        (INIT,   _Event.SUBSCRIBE): (ACTIVE,     _tell_at_once),
        (INIT,   _Event.FETCH):     (ENDING,     _tell_at_once),
        (INIT,   _Event.END):       (ENDING,     _tell_at_once),   # what it was about is over before it was told
        (ACTIVE, _Event.SUBSCRIBE): (ACTIVE,     _tell_at_once),
        (ACTIVE, _Event.FETCH):     (ENDING,     _tell_at_once),
        (ACTIVE, _Event.CHANGE):    (ACTIVE,     _tell),
        (ACTIVE, _Event.END):       (ENDING,     _tell_at_once),
        (ACTIVE, _Event.ANSWERED):  (ACTIVE,     _go_on),
        (ACTIVE, _Event.POSTPONE):  (ACTIVE,     _tell_again),
        (ACTIVE, _Event.LOST):      (TERMINATED, _finish),
        (ENDING, _Event.ANSWERED):  (ENDING,     _end_or_go_on),
        (ENDING, _Event.POSTPONE):  (TERMINATED, _finish),
        (ENDING, _Event.LOST):      (TERMINATED, _finish),
    }
    # fmt: on


def read_retry_after(text: str | None) -> float | None:
    """Return the seconds of a Retry-After (RFC 3261 §20.33), if there is one that can be read."""
    found = _SECONDS.match(text or "")
    return None if found is None else float(found[1])

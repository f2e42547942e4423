"""Servers that have failed, of those that a name leads to: the others come first until they are back (RFC 3263 §4.3).

All that one stack sends avoids them, so that registrations, calls and questions to one provider go to the same server,
and move together. Those of providers are asked every few seconds whether they are back; any other is tried again after
a while.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sipwright.sip.message import Response
from sipwright.sip.transaction import ClientTransaction
from sipwright.stack.timer_heap import CallLater, TimerHandle
from sipwright.transport.resolver import Target

__all__ = ["FailedServers", "Question"]

AVOID_FOR = 30.0
"""Seconds for which a server is avoided that nobody asks."""

ASK_EVERY = 5.0
"""Seconds between two questions to one whether it is back."""

ASK_FOR = 3_600.0
"""Seconds after which one that is not back is asked no more, and is the next one's to try."""

MOST = 1_000
"""Servers that are known to have failed; beyond that the first is forgotten."""

Place = tuple[str, str, int]


@dataclass(slots=True)
class _Failed:
    until: float
    since: float
    timer: TimerHandle | None = None


class FailedServers:
    """The servers that come last for now; `ask` sends one of them a question, whose answer is told to `answered`."""

    __slots__ = ("_ask", "_call_later", "_clock", "_failed")

    def __init__(
        self, clock: Callable[[], float], call_later: CallLater, ask: Callable[[Target], None]
    ) -> None:
        self._clock = clock
        self._call_later = call_later
        self._ask = ask
        self._failed: dict[Place, _Failed] = {}

    def __len__(self) -> int:
        return len(self._failed)

    def in_order(self, targets: list[Target]) -> list[Target]:
        """Put those that have failed last."""
        if not self._failed or len(targets) < 2:
            return targets
        return sorted(targets, key=self.has_failed)

    def has_failed(self, target: Target) -> bool:
        """Return whether a server is avoided now."""
        failed = self._failed.get(target[:3])
        return failed is not None and failed.until > self._clock()

    def failed(self, target: Target, *, is_asked: bool) -> None:
        """Avoid a server from now on; with `is_asked` until it has said something again."""
        place, now = target[:3], self._clock()
        known = self._failed.get(place)
        if known is not None:
            known.until = max(known.until, now + AVOID_FOR)
            return
        if len(self._failed) >= MOST:
            self._drop(next(iter(self._failed)))
        failed = self._failed[place] = _Failed(now + AVOID_FOR, now)
        wait = ASK_EVERY if is_asked else AVOID_FOR
        failed.timer = self._call_later(wait, lambda: self._again(target, is_asked))

    def answered(self, target: Target, *, is_there: bool) -> None:
        """Take the answer to a question, or that there was none."""
        failed = self._failed.get(target[:3])
        if failed is None:
            return
        if is_there or self._clock() >= failed.since + ASK_FOR:
            self._drop(target[:3])
        else:
            failed.until = self._clock() + AVOID_FOR
            failed.timer = self._call_later(ASK_EVERY, lambda: self._again(target, True))

    def clear(self) -> None:
        """Forget them all, and ask nobody any more."""
        for place in list(self._failed):
            self._drop(place)

    def _again(self, target: Target, is_asked: bool) -> None:
        failed = self._failed.get(target[:3])
        if failed is None:
            return
        failed.timer = None
        if is_asked:
            failed.until = self._clock() + ASK_FOR  # until the answer is there
            self._ask(target)
        elif failed.until > self._clock():  # it has failed once more
            left = failed.until - self._clock()
            failed.timer = self._call_later(left, lambda: self._again(target, is_asked))
        else:
            self._drop(target[:3])

    def _drop(self, place: Place) -> None:
        failed = self._failed.pop(place, None)
        if failed is not None and failed.timer is not None:
            failed.timer.cancel()


class Question:
    """The user of one OPTIONS to a server that has failed."""

    __slots__ = ("_failed", "_target")

    def __init__(self, failed: FailedServers, target: Target) -> None:
        self._failed = failed
        self._target = target

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        """Take whatever it says for a sign of life."""
        if response.is_final:
            self._failed.answered(self._target, is_there=not response.local and response.status != 503)

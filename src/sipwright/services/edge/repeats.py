"""What came over a connection, whose sender repeats nothing, and goes on by UDP, where it may be lost.

Between nodes that is seldom, but for the time in which one of them is dead: what is handed on to it then is handed on
again, as a phone on UDP would send it again, until there is a response or the time of its transaction is over (RFC 3261
§17.1.2.2). By then another node has the call, and gets it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sipwright.memo import Bounded
from sipwright.stack.timer_heap import CallLater

__all__ = ["Repeats"]

FIRST = 0.5
MOST = 4.0
"""T1 and T2 (RFC 3261 §17.1.2.2)."""

PATIENCE = 64 * FIRST


class Repeats:
    """Requests that wait for a response, by the branch that they were given."""

    def __init__(self, call_later: CallLater) -> None:
        self._call_later = call_later
        self._waiting: Bounded[str, Callable[[], object]] = Bounded()

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, branch: str, send: Callable[[], object]) -> None:
        """Send a request again and again; it has been sent once. One that is waiting already is left alone."""
        if branch not in self._waiting:
            self._waiting.keep(branch, send)
            self._call_later(FIRST, partial(self._again, branch, send, FIRST, FIRST))

    def answered(self, branch: str) -> None:
        """Stop: there is a response."""
        self._waiting.pop(branch, None)

    def hurry(self) -> None:
        """Send all of them now: another node has what they are for."""
        for send in list(self._waiting.values()):
            send()

    def _again(self, branch: str, send: Callable[[], object], pause: float, waited: float) -> None:
        if self._waiting.get(branch) is not send:
            return
        if waited >= PATIENCE:
            self.answered(branch)
            return
        pause = min(2 * pause, MOST)
        self._call_later(pause, partial(self._again, branch, send, pause, waited + pause))
        send()

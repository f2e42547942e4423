"""What is to be sent waits while nobody knows whether it is still ours to say.

A process may be stopped anywhere, also between two messages of one callback, or while a commit is on its way; when it
goes on, another node may have said all that long ago. So each message of a node among others leaves by a door that
looks at the clock first, which is watched (`node/several/stall_watch.py`). Only such a node has these.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TypeVarTuple

__all__ = ["MOST_HELD", "Guard", "HeldSends", "unguarded"]

Arguments = TypeVarTuple("Arguments")

Guard = Callable[[Callable[..., object]], Callable[..., object]]
"""Puts a door in front of what sends."""

MOST_HELD = 16_384
"""Messages that wait at most; the oldest are lost then, as a network loses what it has no room for."""


def unguarded(send: Callable[..., object]) -> Callable[..., object]:
    """Put nothing in front of it: this node has no others beside it."""
    return send


class HeldSends:
    """The doors of all transports of a node.

    Attributes:
        clock: What is looked at before anything leaves; whoever watches it may hold everything at that moment.
        dropped: How many messages were lost, as too many waited.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.dropped = 0
        self._is_held = self._is_over = False
        self._waiting: deque[Callable[[], object]] = deque()

    def guard(self, send: Callable[[*Arguments], object]) -> Callable[[*Arguments], object]:
        """Return what sends as `send` does, but later while everything is held, and nothing more after `stop`."""

        def guarded(*arguments: *Arguments) -> object:
            self.clock()
            if self._is_held:
                self._keep(lambda: send(*arguments))
                return 0
            return send(*arguments)

        return guarded

    def hold(self) -> None:
        """Let nothing leave until `release`."""
        self._is_held = True

    def release(self) -> None:
        """Send what waits, in its order, and from now on whatever is to be sent."""
        if self._is_over:
            return
        self._is_held = False
        waiting, self._waiting = self._waiting, deque()
        for send in waiting:
            try:
                send()
            except OSError:
                pass  # as good as lost on the way; who waits for an answer repeats it

    def stop(self) -> None:
        """Let nothing leave any more: another node speaks for this one."""
        self._is_held = self._is_over = True
        self._waiting.clear()

    def _keep(self, send: Callable[[], object]) -> None:
        if self._is_over:
            return
        if len(self._waiting) == MOST_HELD:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(send)

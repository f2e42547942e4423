"""Requests of a dialog whose tag names a boot that this node has not heard of yet.

A node tells the others by the database that it has started, and they look there once in a beat. A call that it has made
in between is known to its phones already, so that what they say of it may come here. It is taken once more when the
beat is over: then the boot is known, or there is none such and the dialog does not exist.
"""

from __future__ import annotations

from functools import partial

from sipwright.memo import Bounded
from sipwright.stack import Incoming, Stack

__all__ = ["Unheard"]

MOST = 256
"""Requests that wait; anybody can make up such a tag, and gets 481 at once beyond that."""


class Unheard:
    """Keeps each of them for a beat, once."""

    def __init__(self, stack: Stack, seconds: float) -> None:
        """Get ready; `seconds` is how long it takes at most to hear of a boot."""
        self._stack = stack
        self._seconds = seconds
        self._waiting: Bounded[str, bool] = Bounded()
        """By the transaction, whether it waits; one that has waited does not wait again."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def wait(self, incoming: Incoming) -> bool:
        """Put a request aside; False when it has waited, or too many others do."""
        top = incoming.request.top_via
        key = f"{top.branch}|{top.sent_by}|{incoming.request.method}"
        is_waiting = self._waiting.get(key)
        if is_waiting is None:
            if self._count >= MOST:
                return False
            self._count += 1
            self._waiting.keep(key, True)
            self._stack.call_later(self._seconds, partial(self._take, key, incoming))
            return True
        return is_waiting

    def _take(self, key: str, incoming: Incoming) -> None:
        self._count -= 1
        self._waiting.keep(key, False)
        self._stack.intake.take(bytes(incoming.request), incoming.flow)

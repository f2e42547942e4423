"""Why a script left the fast path for the library: each time is counted, and told in the log now and then.

A `Fallback` is what this path does not do; the library does it, and all is well. Any other exception here is a fault
of ours. The library computes that script too, but the log has an error with its traceback.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum

import structlog

from sipwright.stack.throttle import Throttle

__all__ = ["Fallback", "FallbackLog", "Reason"]

log = structlog.get_logger(__name__)

EVERY = 60.0
"""Seconds between two lines about the same reason."""


class Reason(StrEnum):
    """Why; the details differ."""

    CALL = "a call that it does not know, or that fails"
    VALUE = "a value that it does not carry"
    SIZE = "a message that is too long for it"
    TIME = "a script that computes for long, or keeps us busy"
    CALLS = "too many calls"
    EVENT = "something else than a call or an end"
    STATE = "a stored script that it cannot go on with"
    PROCESS = "a process that has ended, or cannot be started"
    PROTOCOL = "bytes that it does not understand"


class Fallback(Exception):
    """What the fast path leaves to the library."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class FallbackLog:
    """Counts fallbacks by their reason, and faults; writes about each of them once a minute at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, tells: bool = True) -> None:
        """Read the clock for how often it tells; where nobody wants to hear of fallbacks it tells of faults only."""
        self._clock = clock
        self._tells = tells
        self._throttle = Throttle(EVERY)
        self.counts: Counter[Reason] = Counter()
        self.faults = 0

    def note(self, error: Exception, dialplan: str) -> None:
        """Take note of why a script of that name was left to the library."""
        if isinstance(error, Fallback):
            self.counts[error.reason] += 1
            if not self._tells:
                return
            held_back = self._throttle.admit(error.reason, self._clock())
            if held_back is not None:
                log.info(
                    "fast path left", reason=error.reason.value, detail=error.detail, dialplan=dialplan,
                    count=self.counts[error.reason], held_back=held_back,
                )  # fmt: skip
            return
        self.faults += 1
        if self._throttle.admit(type(error).__name__, self._clock()) is not None:
            log.error("fast path failed", exc_info=error, dialplan=dialplan, faults=self.faults)

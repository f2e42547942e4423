"""The end of a process that has been told to end: it comes, whatever holds it up, and says what did.

Nothing is lost by it: the next start takes up what is stored, as after a kill. Whoever has started the process would
kill it soon after, and nobody would learn why.
"""

from __future__ import annotations

import asyncio
import faulthandler

import structlog

from sipwright.ending import whereabouts

__all__ = ["SECONDS", "SECONDS_OF_WORKER", "BoundedStop"]

log = structlog.get_logger(__name__)

SECONDS = 18.0
"""For how long a switch may take to end; systemd kills it after 20 (`systemd.py`)."""

SECONDS_OF_WORKER = 13.0
"""For how long one of several workers may; the supervisor kills it after 15."""

SAID_AFTER = 1 / 3
"""The part of that time after which it says for the first time what it waits for."""


class BoundedStop:
    """Bounds the rest of a process's life, from the moment when it is told to end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._has_begun = False

    def begin(self, more: float = 0.0) -> None:
        """Begin to count, once; `more` is how many seconds there are besides, for what others have to do."""
        if self._has_begun:
            return
        self._has_begun = True
        seconds = self._seconds + more
        # A thread without Python in it: it also ends a loop that stands still, and threads that nobody can join. It
        # writes where each stands. File 2 is the log, whatever Python has made of it.
        faulthandler.dump_traceback_later(seconds, exit=True, file=2)
        loop = asyncio.get_running_loop()
        for part in (SAID_AFTER, 0.95):
            loop.call_later(seconds * part, self._say, seconds * (1 - part))

    def _say(self, left: float) -> None:
        log.warning(
            "the switch does not end yet; it is ended when that is over",
            seconds=round(left, 1), waits_for=[whereabouts(task) for task in asyncio.all_tasks()],
        )  # fmt: skip

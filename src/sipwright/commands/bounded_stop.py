"""The end of a process that has been told to end: it comes, whatever holds it up, and says what did.

Nothing is lost by it: the next start takes up what is stored, as after a kill. Whoever has started the process would
kill it soon after, and nobody would learn why.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import threading
import time

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


WITHOUT_PYTHON_AFTER = 1.0
"""Seconds after which a process that has not even ended itself is ended without its doing."""

LOG = 2
"""The file of the log, whatever Python has made of it by then."""


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
        # A thread of its own: it also ends a loop that stands still, and threads that nobody can join.
        threading.Thread(target=_end, args=(seconds,), daemon=True, name="bounded-stop").start()
        # Without Python, for a process in which no thread comes to run again. It reads where the threads stand while
        # they may be running, and can crash at that: so it is the second, and not the first.
        faulthandler.dump_traceback_later(seconds + WITHOUT_PYTHON_AFTER, exit=True, file=LOG)
        loop = asyncio.get_running_loop()
        for part in (SAID_AFTER, 0.95):
            loop.call_later(seconds * part, self._say, seconds * (1 - part))

    def _say(self, left: float) -> None:
        log.warning(
            "the switch does not end yet; it is ended when that is over",
            seconds=round(left, 1), waits_for=[whereabouts(task) for task in asyncio.all_tasks()],
        )  # fmt: skip


def _end(seconds: float) -> None:
    """Say where each thread stands, and end the process; all others wait meanwhile, since this one runs."""
    time.sleep(seconds)
    faulthandler.dump_traceback(LOG)
    os._exit(1)

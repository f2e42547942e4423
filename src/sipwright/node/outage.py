"""A disk that is full, or a database that does not answer: who hears of it, and how.

Callers and phones are answered at once, so that they use their other way; a proxy that asks with OPTIONS learns that it
should choose another switch. What goes on goes on in memory, and what waits is written when there is room again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from sipwright.monitor.trace.recorder import Recorder
from sipwright.services.refusals import store_away
from sipwright.stack import Incoming

from .refusals import Refusals

if TYPE_CHECKING:
    from sipwright.store.writing.writer import Writer

__all__ = ["Outage"]

log = structlog.get_logger(__name__)

SAY_EVERY = 60.0
MEASURE_EVERY = 5.0

FULL = 65_536
"""Below so many bytes of free space a disk is full, whatever else may be wrong."""

SHORT, SHORT_PART = 100_000_000, 0.05
"""Below so many bytes of free space, or this part of a small disk, traces and CDRs of refused calls are not written."""


class Outage:
    """Watches the writer and the disk; as a step it refuses what would have to be stored."""

    methods = ("INVITE", "OPTIONS")

    def __init__(
        self,
        folder: Path,
        writer: Writer,
        on_away: Callable[[], None],
        recorder: Recorder,
        refusals: Refusals,
        displaced: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Prepare; `displaced` says why the database is not where it was any more, if it is not."""
        self._displaced = displaced
        self._folder = folder
        self._writer = writer
        self._on_away = on_away
        self._recorder = recorder
        self._refusals = refusals
        self._said_at = -SAY_EVERY
        self._measured_at = -MEASURE_EVERY
        self._free = 0
        self._was_away = False
        self.on_change: Callable[[bool], None] | None = None
        """Is told when nothing can be stored any more, and when that is over."""

    @property
    def free(self) -> int:
        """The bytes that were free when it was looked last."""
        return self._free

    def __call__(self, incoming: Incoming) -> bool:
        """Refuse a new call and OPTIONS while nothing can be stored; leave everything else."""
        if not self._writer.is_away:
            return False
        request = incoming.request
        if request.to_tag is not None or request.method not in self.methods:
            return False
        if request.method == "INVITE":
            incoming.respond(100)
        raise store_away()

    def look(self, now: float) -> None:
        """See how the writer and the disk are doing, and tell whoever has to know."""
        if now - self._measured_at >= MEASURE_EVERY:
            self._measured_at = now
            self._measure()
        displaced = self._displaced()
        self._writer.is_displaced = displaced is not None
        is_away = self._writer.look()
        if is_away is not self._was_away:
            self._was_away = is_away
            if self.on_change is not None:
                self.on_change(is_away)
        if not is_away:
            return
        self._on_away()
        if now - self._said_at >= SAY_EVERY:
            self._said_at = now
            self._measure()  # what was found a while ago may be why
            waiting = self._writer.snapshot()
            log.error(
                "nothing can be stored: calls and registrations are refused with 503",
                folder=str(self._folder),
                free_bytes=self._free,
                waiting_rows=waiting.waiting + waiting.under_way,
                why=displaced or self._why(),
                what_to_do="make room there, or bring the disk or the database back; then all goes on by itself"
                if displaced is None
                else "put it back, then all goes on by itself; or start the switch again with the one that is there",
            )

    def _why(self) -> str:
        if self._free < FULL:
            return f"the disk of {self._folder} is full"
        return "the disk or the database does not answer"

    def _measure(self) -> None:
        try:
            usage = shutil.disk_usage(self._folder)
        except OSError:
            return
        self._free = usage.free
        is_short = usage.free < min(SHORT, SHORT_PART * usage.total)
        if is_short and not self._refusals.is_short:
            log.warning(
                "the disk is nearly full: traces and CDRs of refused calls are not written",
                folder=str(self._folder),
                free_bytes=usage.free,
            )
        self._refusals.is_short = self._recorder.is_short = is_short

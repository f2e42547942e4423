"""Where the log of a process goes, and in which form."""

from __future__ import annotations

import logging
import os
import stat
import sys
import time
from collections import deque
from collections.abc import MutableMapping
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sipwright.config import LogSettings

__all__ = ["RECENT_ERRORS", "LogFile", "OtherLog", "configure_log", "load_log"]

RECENT_ERRORS: deque[dict[str, Any]] = deque(maxlen=10)
"""The last errors that were logged: when (Unix time), and what."""

_MOST_NAMED = 3
_NO_NAMES = frozenset(
    {"event", "level", "timestamp", "logger", "why", "error", "what_to_do", "exception", "exc_info", "stack"}
)
"""What of an entry does not say whom it is about."""


class LogFile:
    """The file that standard error goes to, if it goes to one: after a rotation it is opened anew, by its old name."""

    def __init__(self) -> None:
        self._path: str | None = None
        try:
            mode, path = os.fstat(2).st_mode, os.readlink("/proc/self/fd/2")
        except OSError:
            return
        if stat.S_ISREG(mode) and os.path.exists(path):
            self._path = path

    def reopen(self) -> None:
        """Go on in the file that has the name now; do nothing where the log goes elsewhere, or that is not possible."""
        if self._path is None:
            return
        is_same = os.path.samestat(os.fstat(1), os.fstat(2))
        try:
            opened = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        except OSError:
            return
        os.dup2(opened, 2)
        if is_same:
            os.dup2(opened, 1)
        os.close(opened)


def load_log() -> None:
    """Import structlog without rich, which it would load to draw the tracebacks that our log has as plain text.

    For whoever has to be quick: of what a start imports it is a twelfth.
    """
    modules: dict[str, Any] = sys.modules
    there = modules.get("rich")
    modules["rich"] = None
    try:
        import_module("structlog")
    finally:
        del modules["rich"]
        if there is not None:
            modules["rich"] = there


def configure_log(settings: LogSettings) -> None:
    """Send the log to standard error: text for people, JSON lines for machines."""
    import structlog

    from sipwright.printable import printable_event

    level = getattr(logging, settings.level.upper())
    renderer: structlog.typing.Processor
    if settings.format == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=_has_colours(), pad_event_to=28)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _stamp,
            structlog.processors.format_exc_info,
            printable_event,
            _keep_error,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # A line and its end in one write: several processes may have the same file.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    logging.lastResort = OtherLog(logging.WARNING)
    # It tells with a traceback of each connection that is found broken as it is closed; the store says that once.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)


def _has_colours() -> bool:
    """Return whether the log is read on a terminal whose owner has nothing against colours (no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _stamp(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write the time of the machine, with its distance from UTC (RFC 3339)."""
    event["timestamp"] = datetime.now().astimezone().isoformat(timespec="milliseconds")
    return event


def _keep_error(_logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep the last errors of this process for whoever asks how it is."""
    if method in ("error", "exception", "critical"):
        RECENT_ERRORS.append({"at": time.time(), "text": _in_words(event)})
    return event


def _in_words(event: MutableMapping[str, Any]) -> str:
    """Write an entry as a sentence: what has happened, of whom, why, and what to do."""
    named = [
        f"{key} {value}" for key, value in event.items() if key not in _NO_NAMES and value not in (None, "")
    ]
    whom = f" ({', '.join(named[:_MOST_NAMED])})" if named else ""
    why = event.get("why") or event.get("error")
    advice = event.get("what_to_do")
    return f"{event.get('event')}{whom}{f': {why}' if why else ''}{f'; {advice}' if advice else ''}"


class OtherLog(logging.Handler):
    """What the event loop and the libraries have to say, among the rest of the log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it as one of our own entries."""
        import structlog

        structlog.get_logger(record.name).log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )

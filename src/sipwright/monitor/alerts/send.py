"""``python -m sipwright.monitor.alerts.send``: sends one message, read as JSON, and tells of each address.

All addresses are tried at once, and each has its line as soon as that is known: one that hangs keeps nobody waiting,
and whoever reads the lines may end this process whenever it likes.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["main", "send"]

UNKNOWN = "no address that Apprise knows; 'sipwright monitor test' tries those of a file"

LONGEST = 200


_number: ContextVar[int] = ContextVar("_number", default=-1)
"""The address that is being tried; Apprise takes it along into the threads that it begins."""


class _Reasons(logging.Handler):
    """Keeps what Apprise complains of, by the address."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: dict[int, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the last complaint."""
        self.said[_number.get()] = record.getMessage()


def main() -> None:
    """Read a message from the standard input, and write of each address its number, and why it was not taken."""
    said = json.load(sys.stdin)
    lock = threading.Lock()

    def tell(number: int, why: str | None) -> None:
        with lock:
            print(json.dumps([number, why]), flush=True)

    send(said, tell)


def send(said: dict[str, Any], tell: Callable[[int, str | None], None]) -> None:
    """Send a message; `tell` hears of each address, by its number, why it has not taken it, or None.

    With `is_tried` nothing is sent: it is only looked whether the addresses are some.
    """
    import apprise

    reasons = _Reasons()
    logger = logging.getLogger("apprise")
    logger.addHandler(reasons)
    kind = apprise.NotifyType.SUCCESS if said["is_over"] else apprise.NotifyType.FAILURE

    def send_to(number: int, address: str) -> None:
        _number.set(number)
        there = apprise.Apprise()
        if not there.add(address):
            tell(number, UNKNOWN)
        elif said.get("is_tried") or there.notify(
            title=said["title"], body=said["body"], notify_type=kind, body_format=apprise.NotifyFormat.TEXT
        ):
            tell(number, None)
        else:
            tell(number, _without(address, reasons.said.get(number, "it does not say why")))

    threads = [
        threading.Thread(target=send_to, args=(number, address))
        for number, address in enumerate(said["addresses"])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    logger.removeHandler(reasons)


def _without(address: str, why: str) -> str:
    """Return what Apprise says of an address without what may be a secret in it: all but its host."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "it does not say why"
    secrets = [parts.password, parts.username, *parts.path.split("/"), parts.query]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        for text in (secret, unquote(secret)):
            why = why.replace(text, "...") if len(text) > 2 else why
    return why[:LONGEST]


if __name__ == "__main__":
    main()

"""The alerts of a node: what is seen of it is judged, and whoever the settings name is told, when they can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import structlog

from sipwright.ending import end
from sipwright.monitor.alerts.book import AlertBook
from sipwright.monitor.alerts.outbox import Deliver, Outbox, deliver, keep_state, look_at, read_state
from sipwright.monitor.alerts.rules import Rules, Seen

__all__ = ["Alerting", "certificate_ends"]

log = structlog.get_logger(__name__)

STATE = "sipwright.alerts"
"""The file in the data folder that says what was told to whom."""


class Alerting:
    """The alerts of one node; without addresses they are lines of its log."""

    def __init__(
        self, node: str, folder: Path, addresses: Iterable[str], *, per_hour: int, deliver: Deliver = deliver
    ) -> None:
        self._addresses = list(addresses)
        self.book = AlertBook(f"Sipwright {node}", per_hour=per_hour)
        self.rules = Rules(self.book, node)
        self.outbox = Outbox(self._addresses, deliver)
        self._path = folder / STATE
        self._kept: dict[str, Any] = {}
        self._looking: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Go on with what an earlier process has told, and look whether there is anybody who can be told."""
        state = read_state(self._path)
        try:
            self.book.load(state.get("book", {}))
            self.outbox.load(state.get("outbox", ()))
        except (TypeError, ValueError, LookupError, AttributeError):
            log.error("what was told makes no sense, and is forgotten", file=str(self._path))
            self.book.load({})
            self.outbox.load(())
        if self._addresses:
            self._looking = asyncio.get_running_loop().create_task(look_at(self._addresses))

    def look(self, seen: Seen, now: float) -> None:
        """Judge one look, and begin to tell what is to be told; nothing waits for that."""
        self.rules.look(seen, now)
        message = self.book.due(now)
        if message is not None:
            self.outbox.put(message)
        if len(self.outbox) and (self._sending is None or self._sending.done()):
            self._sending = asyncio.get_running_loop().create_task(self._send(now))
        self._keep()

    async def close(self) -> None:
        """Leave what is under way to the next process."""
        await end(task for task in (self._looking, self._sending) if task is not None)
        self._keep()

    async def _send(self, now: float) -> None:
        await self.outbox.flush(now)
        self._keep()

    def _keep(self) -> None:
        state = {"book": self.book.to_state(), "outbox": self.outbox.to_state()}
        if state == self._kept:
            return
        try:
            keep_state(self._path, state)
        except OSError as error:
            log.debug("what was told is not written down", error=error.strerror)
        else:
            self._kept = state


def certificate_ends(
    files: Iterable[Path], read: Callable[[Path], bytes] = Path.read_bytes
) -> Mapping[str, float]:
    """Return until when certificates are good, by their files; what cannot be read is told of elsewhere."""
    from cryptography import x509

    ends: dict[str, float] = {}
    for path in files:
        try:
            first = x509.load_pem_x509_certificates(read(path))[0]
        except (OSError, ValueError, IndexError):
            continue
        ends[path.name] = first.not_valid_after_utc.timestamp()
    return ends

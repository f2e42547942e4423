"""What is refused for a limit, said once a second: whoever keeps a limit busy must not fill the log as well."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from sipwright.services.ports import CallLater
from sipwright.sip import Reject

__all__ = ["LimitLines"]

log = structlog.get_logger(__name__)

EVERY = 1.0
MOST_SOURCES = 1_000


class _Count:
    """The refusals of one kind since its last line."""

    __slots__ = ("last", "number", "sources")

    def __init__(self) -> None:
        self.number = 0
        self.sources: Counter[str] = Counter()
        self.last: tuple[Reject, str] | None = None


class LimitLines:
    """Counts refusals by their reason; the first is said at once, more of them a second later in one line."""

    __slots__ = ("_call_later", "_counts", "watch")

    def __init__(self, call_later: CallLater | None = None) -> None:
        self._call_later = call_later
        self.watch: Callable[[dict[str, Any]], None] | None = None
        """Is told what each line says."""
        self._counts: dict[tuple[int, str], _Count] = {}

    def refused(self, refusal: Reject, source: str, to: str) -> None:
        """Take note of a request that is refused; `to` is whom it was for."""
        key = refusal.status, refusal.reason or ""
        count = self._counts.get(key)
        is_first = count is None
        if count is None:
            count = self._counts[key] = _Count()
        count.number += 1
        count.last = refusal, to
        if source in count.sources or len(count.sources) < MOST_SOURCES:
            count.sources[source] += 1
        if is_first:
            self._say(key)

    def _say(self, key: tuple[int, str]) -> None:
        count = self._counts.pop(key)
        if count.last is None:
            return  # nothing more has come
        (refusal, to), (source, most) = count.last, count.sources.most_common(1)[0]
        said = {
            "status": key[0], "reason": key[1], "why": refusal.why, "count": count.number,
            "sources": len(count.sources), "source": source, "of_source": most, "to": to,
        }  # fmt: skip
        log.warning("requests refused for a limit", **said)
        if self.watch is not None:
            self.watch(said)
        self._counts[key] = _Count()
        later: Callable[..., object] = self._call_later or asyncio.get_running_loop().call_later
        later(EVERY, lambda: self._say(key))

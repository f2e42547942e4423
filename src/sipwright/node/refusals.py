"""Nothing is refused in silence: a line in the log, and of an INVITE a CDR and its messages for `sipwright trace`.

Strangers decide how much is refused, so both are bounded: one line a minute for each source and reason, one CDR a
second for each source, and not too many in all. What was left out is counted and said with the next line. What is
refused for a limit is said once a second: whoever keeps a limit busy must not fill the log as well.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import structlog

from sipwright.monitor.trace.recorder import Recorder
from sipwright.services.ports import CallLater
from sipwright.services.rows import CdrRow
from sipwright.sip import ParseError, Reject, Request, reason_for
from sipwright.stack import Incoming
from sipwright.stack.throttle import Throttle
from sipwright.store import Store
from sipwright.transport.flow import format_address

__all__ = ["LimitLines", "Refusals"]

log = structlog.get_logger(__name__)

LIMITS_EVERY = 1.0
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
        later(LIMITS_EVERY, lambda: self._say(key))


LINE_EVERY, LINES = 60.0, 20.0
CDR_EVERY, CDRS = 1.0, 20.0
"""Seconds between two of the same source, and how many of all sources at once; one a second is added to those."""

_LONGEST = 200

_ADVICE = {
    405: "the method is not supported",
    420: "the sender requires an extension that is not supported; turn it off there",
    482: "the request has come here twice by different ways; look for a loop at the provider or the proxy",
    483: "Max-Forwards is used up; look for a loop at the provider or the proxy",
    484: "the Request-URI names nobody; dial a user or a number",
}


class Refusals:
    """Keeps account of the requests of one node that were refused."""

    def __init__(
        self, store: Store, recorder: Recorder, *, unix_time: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._unix_time = unix_time
        self._lines = Throttle(LINE_EVERY, LINES)
        # That a call is over is no fault, and hides none, but it is perhaps what somebody looks for.
        self._lines_on_ended_calls = Throttle(LINE_EVERY, LINES)
        self._cdrs = Throttle(CDR_EVERY, CDRS)
        self.limits = LimitLines()
        self.count = self.without_cdr = 0
        self.is_short = False
        """There is little room left: CDRs of what was refused are the first to go."""
        self.is_probe: Callable[[Incoming], bool] = _never
        """Says of a request that it is a probe of our own, which leaves no CDR."""
        self.watch: Callable[[dict[str, Any]], None] | None = None
        """Is told what a line on a refusal says."""
        self.on_unknown: Callable[[Incoming], object] | None = None
        """Is told of each request of a stranger that is for nobody."""

    def __call__(self, incoming: Incoming, refusal: Reject, has_record: bool = False) -> None:
        """Take note of a request that is refused; one that has become a call has a CDR of its own."""
        request = incoming.request
        if request.method == "ACK":
            return
        self.count += 1
        if (
            refusal.status == 404
            and self.on_unknown is not None
            and not (has_record or incoming.flow.is_known)
        ):
            self.on_unknown(incoming)
        if request.method == "INVITE" and request.to_tag is None and not has_record:
            self._keep(incoming, refusal)
        if refusal.is_limit:
            self.limits.refused(refusal, incoming.source[0], _cut(request.uri_text))
            return
        reason = refusal.reason or reason_for(refusal.status)
        why = self._why(refusal)
        is_fault = refusal.status != 481
        left_out = (self._lines if is_fault else self._lines_on_ended_calls).admit(
            (incoming.source[0], request.method, refusal.status, reason, _kind_of(refusal)), incoming.now
        )
        if left_out is not None:
            (log.warning if is_fault else log.info)(
                "request refused",
                method=request.method,
                status=refusal.status,
                reason=reason,
                source=format_address(incoming.source),
                why=why,
                to=_cut(request.uri_text),
                sip_call_id=_cut(request.call_id),
                left_out=left_out,
            )
            if self.watch is not None and is_fault:
                self.watch(
                    {
                        "method": request.method, "status": refusal.status, "reason": reason, "why": why,
                        "source": format_address(incoming.source), "to": _cut(request.uri_text),
                    }
                )  # fmt: skip

    def _why(self, refusal: Reject) -> str | None:
        if refusal.reason == "Domain Not Served Here" and refusal.why is not None:
            served = ", ".join(list(self._store.directory.domains)[:10])
            return f"{refusal.why} (served: {served})"
        if refusal.status == 420:
            unsupported = next((value for name, value in refusal.headers if name == "Unsupported"), "")
            return f"{_ADVICE[420]}: {unsupported}"
        return refusal.why or _ADVICE.get(refusal.status)

    def _keep(self, incoming: Incoming, refusal: Reject) -> None:
        """Write a CDR, and what was said; when the database is away neither is worth its place in the queue."""
        writer = self._store.writer
        if (
            incoming.flow.protocol == "loop"  # the call that it came from has one
            or incoming.stack.is_peer(incoming.flow.remote)  # and so has one of another node
            or self.is_probe(incoming)
            or writer.is_away
            or self.is_short
            or self._cdrs.admit(incoming.source[0], incoming.now) is None
        ):
            self.without_cdr += 1
            return
        # The same for a request that is repeated, so that the row is.
        call_id = incoming.stack.tag_for(incoming.request)
        row = _cdr(call_id, incoming.request, refusal, self._unix_time())
        try:
            writer.put("cdr", (call_id, 0), row)
        except Reject:
            self.without_cdr += 1
            return
        self._recorder.refused(incoming, call_id)


def _kind_of(refusal: Reject) -> str:
    """Return why, without names and numbers: an account that is disabled hides none that is not there."""
    return " ".join(filter(str.isalpha, (refusal.why or "").split()))


def _never(incoming: Incoming) -> bool:
    return False


def _cdr(call_id: str, request: Request, refusal: Reject, now: float) -> CdrRow:
    return CdrRow(
        call_id=call_id, leg=0, direction="refused", account_id=None, user_id=None,
        from_uri=_sender(request), to_uri=_cut(request.uri_text), target=None, dialplan=None,
        dialplan_version=None, started_at=now, rang_at=None, answered_at=None, ended_at=now,
        status=refusal.status, reason=_cut(refusal.reason or reason_for(refusal.status)),
        hung_up_by="switch", sip_call_id=_cut(request.call_id), execution_id=None,
    )  # fmt: skip


def _sender(request: Request) -> str:
    try:
        return _cut(str(request.from_uri))
    except ParseError:
        return _cut(request.headers.get("From") or "")


def _cut(text: str) -> str:
    return text[:_LONGEST]

"""What cannot be read: answered where RFC 3261 allows it, and worth one log line at most in a while."""

from __future__ import annotations

from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from sipwright.sip.build import make_response
from sipwright.sip.errors import ParseError
from sipwright.sip.message import Request
from sipwright.sip.unread import refuse_unread
from sipwright.stack.addresses import stamp_source
from sipwright.stack.pipeline import Element
from sipwright.stack.throttle import Throttle
from sipwright.transport.flow import Flow

__all__ = ["Malformed"]


class Malformed:
    """The messages of one stack that could not be read; `count` is how many."""

    __slots__ = ("_element", "_log", "_throttle", "count", "watch")

    def __init__(self, element: Element, log: FilteringBoundLogger) -> None:
        self._element = element
        self._log = log
        self._throttle = Throttle()
        self.count = 0
        self.watch: Callable[[Flow], object] | None = None
        """Is told where each of them came from."""

    def refuse(self, error: ParseError, flow: Flow, data: bytes = b"") -> None:
        """Answer what cannot be read, as far as it can be answered, and let the log know once in a while."""
        self.count += 1
        if self.watch is not None:
            self.watch(flow)
        suppressed = self._throttle.admit(flow.remote[0], self._element.clock())
        if suppressed is not None:
            self._log.warning(
                "malformed message",
                source=flow.key,
                reason=error.reason,
                header=error.header,
                suppressed=suppressed,
            )
        request: Request | None = error.request
        if request is None:
            self._refuse_unread(error, flow, data)
            return
        if request.method == "ACK":
            return
        try:
            reply_flow = stamp_source(request, flow)
            tag = self._element.tag_for(request)
            answer = make_response(request, error.status, error.reason, to_tag=tag)
            self._element.send_response(answer, reply_flow)
        except ParseError:
            # Not even the way back can be read.
            self._refuse_unread(error, flow, data)

    def _refuse_unread(self, error: ParseError, flow: Flow, data: bytes) -> None:
        """Answer to where it came from with what there is."""
        answer = refuse_unread(data, error.status, error.reason)
        if answer is not None:
            self._element.send_response(answer, flow)

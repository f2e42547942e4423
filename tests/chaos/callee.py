"""The end that is called: it rings, and does what its plan has for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sipwright.sip import Request
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ServerTransaction
from sipwright.stack import Incoming

from .end import SDP, End, without_origin
from .fork import Fork

if TYPE_CHECKING:
    from .line import Line
    from .plans import Plan

__all__ = ["Callee"]


class Callee(End):
    """The end that is called."""

    def __init__(self, line: Line, plan: Plan, account: str, incoming: Incoming) -> None:
        request = incoming.request
        super().__init__(line, plan, account, request.call_id)
        self.invited_at = time.monotonic()
        self._incoming: Incoming | None = incoming
        self._behaviour = plan.behaviours[account]
        self._flow = incoming.flow
        self.fork = None if self._behaviour.forks_after is None else Fork(self, incoming)
        incoming.open(self)
        incoming.transaction.local_tag = self.tag
        self.dialog = Dialog.as_uas(request, self.tag)
        self._peer_cseq = request.cseq.number
        self.hear(request.body)
        if request.headers.get_all("Route"):
            self.fault("route", f"INVITE: {request.headers.get_all('Route')}")
        self._later(self._behaviour.rings, self._ring)

    def _peers(self) -> Sequence[End]:
        if self.plan.calls_back is not None:
            return [end for ends in self.plan.callees.values() for end in ends if end is not self]
        return [] if self.plan.caller is None else [self.plan.caller]

    def _is_known(self, body: bytes) -> bool:
        """Know also what the switch says by itself, and what it puts its own origin to (RFC 3725 §4.4)."""
        if self.plan.calls_back is None or self.account != self.plan.calls_back[0]:
            return super()._is_known(body)
        return b"a=inactive" in body or any(
            without_origin(body) == without_origin(sent) for end in self._peers() for sent in end.sent
        )

    def _later(self, delay: float, what: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(delay, what)

    def _headers(self) -> list[tuple[str, str]]:
        headers = [("Contact", self.contact)]
        if self.plan.has_proxy:
            headers.append(("Record-Route", self.proxy))
        return headers

    def _ring(self) -> None:
        if self.cancelled_at or self._incoming is None:
            return
        self.rang_at = time.monotonic()
        behaviour = self._behaviour
        if self.fork is not None:
            self.fork.ring()
        body = self.describe() if behaviour.has_early_media and not self.plan.has_late_offer else b""
        self._incoming.respond(
            183 if body else 180, headers=self._headers(), body=body, content_type=SDP if body else None
        )
        if behaviour.final is not None:
            self._later(behaviour.wait, self._finish)

    def _finish(self) -> None:
        incoming, status = self._incoming, self._behaviour.final
        if self.cancelled_at or incoming is None or status is None:
            return
        self.final = status
        if status >= 300:
            to = self._behaviour.moves_to
            incoming.respond(status, headers=(("Contact", self.line.contact(to)),) if to else ())
            return
        self.answered_at = time.monotonic()
        wire = incoming.respond(
            200, headers=self._headers(), body=self.describe(is_new=False), content_type=SDP
        )
        self.repeat(wire, incoming)

    def _acknowledged(self, ack: Request) -> None:
        is_first = not self.acknowledged_at
        super()._acknowledged(ack)
        if self.fork is not None and is_first and self.acknowledged_at:
            self._later(self._behaviour.forks_after or 0.0, self.fork.answer)

    def on_cancel(self, transaction: ServerTransaction, cancel: ServerTransaction) -> None:
        super().on_cancel(transaction, cancel)
        if self.final is None and self._incoming is not None:
            self.cancelled_at = time.monotonic()
            self.final = 487
            self._incoming.respond(487)

    def release(self) -> None:
        super().release()
        if self.fork is not None:
            self.fork.release()
        self._incoming = None

"""One more phone behind the same proxy, which answers a call that another one has answered (RFC 3261 §16.7 step 10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sipwright.sip import write_response
from sipwright.sip.dialog import Dialog
from sipwright.stack import Incoming

from .end import SDP, End

if TYPE_CHECKING:
    from .callee import Callee

__all__ = ["Fork"]


class Fork(End):
    """A phone that answers too late: its answer is acknowledged, and it is hung up (RFC 3261 §13.2.2.4)."""

    def __init__(self, callee: Callee, incoming: Incoming) -> None:
        super().__init__(callee.line, callee.plan, callee.account, callee.call_id)
        self._incoming = incoming
        self.dialog = Dialog.as_uas(incoming.request, self.tag)
        self._peer_cseq = incoming.request.cseq.number

    def _peers(self) -> Sequence[End]:
        return ()

    def _is_known(self, body: bytes) -> bool:
        """Know the answer that the switch gives itself where our description was the offer: it takes nothing of it."""
        return self.plan.has_late_offer and b"\r\nm=audio 0 " in body

    @property
    def contact(self) -> str:
        return super().contact.replace("@", "-too@")

    @property
    def is_over(self) -> bool:
        """It was acknowledged and hung up."""
        return bool(self.acknowledged_at and self.bye_heard_at)

    def ring(self) -> None:
        """Ring beside the phone that will answer: an early dialog of its own."""
        self._send(180)

    def answer(self) -> None:
        """Answer, until that is acknowledged."""
        self.ledger.counts["second answers of a forked call"] += 1
        self.repeat(self._send(200, self.describe()), self._incoming)

    def _send(self, status: int, body: bytes = b"") -> bytes:
        headers = [("Contact", self.contact)]
        if self.plan.has_proxy:
            headers.append(("Record-Route", self.proxy))
        wire = write_response(
            self._incoming.request, status, to_tag=self.tag, headers=headers, body=body,
            content_type=SDP if body else None,
        )  # fmt: skip
        try:
            self._incoming.transaction.flow.send(wire)
        except OSError:
            pass  # it is repeated
        return wire

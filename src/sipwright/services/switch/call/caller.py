"""Leg 0 of a call: whoever called, and how the switch answers it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sipwright.sip import Request
from sipwright.sip.build import response_head, write_on_head
from sipwright.sip.grammar import shown
from sipwright.sip.transaction import ServerTransaction
from sipwright.transport import Flow

from ..model.header_table import NEIGHBOUR, SOURCE_HEADER
from .leg import Leg
from .leg_ports import LegOwner

__all__ = ["Caller", "CallerOwner"]


class CallerOwner(LegOwner[Leg], Protocol):
    """Whose caller it is."""

    def caller_cancelled(self, cancel: ServerTransaction | None, bye: Request | None = None) -> None:
        """Take the CANCEL of the caller."""

    def refusal_arrived(self) -> None:
        """Take the ACK to a final response other than 2xx, or the end of the time in which it should have come."""


class Caller(Leg):
    """Leg 0: its INVITE came in, and the switch answers it.

    `tags` are the To tags that it is answered under before the answer, by the leg and the To tag over there.
    """

    __slots__ = ("_head", "progress", "tags", "transaction")

    owner: CallerOwner
    neighbour = NEIGHBOUR

    def __init__(self, owner: CallerOwner, sip_call_id: str, local_tag: str, started_at: float) -> None:
        self._begin(owner, 0, sip_call_id, local_tag, started_at)
        self.transaction: ServerTransaction | None = None
        self.progress = 0
        self.tags: dict[tuple[int, str], str] = {}
        self._head = ""

    def reply(
        self, status: int, reason: str | None, lines: Iterable[str] = (), body: bytes = b"",
        content_type: str | None = None, *, source: str | None = None,
    ) -> bytes:  # fmt: skip
        """Write a response to the INVITE, with more header lines; whoever is refused needs no Contact.

        `source` is where it first came from, for the loop between two calls.
        """
        flow, invite = self.flow, self.invite
        assert invite is not None
        head = self._head
        if status >= 300 or not head:
            contact = None
            if status < 300 and flow is not None:
                contact = self.contact_on(flow)
            head = response_head(invite, status, to_tag=self.local_tag, contact=contact)
            if status < 300:
                self._head = head  # the 200 begins as the 180 did
        if source is not None and flow is not None and flow.protocol == "loop":
            lines = [*lines, f"{SOURCE_HEADER}: {source}"]
        said = reason and shown(reason)
        return write_on_head(head, status, said, lines=lines, body=body, content_type=content_type)

    def turn_to(self, local_tag: str) -> None:
        """Go on in the early dialog that has this tag of ours."""
        if local_tag == self.local_tag:
            return
        if self.dialog is not None:
            self.early = {**self.early, self.local_tag: self.dialog}
        self.local_tag, self.dialog, self._head = local_tag, self.early.get(local_tag), ""
        if self.transaction is not None:
            self.transaction.local_tag = local_tag

    def respond(self, status: int, response: bytes) -> None:
        """Send a response to the INVITE; a 2xx again and again, until it is acknowledged."""
        transaction, flow, ports = self.transaction, self.flow, self.owner.ports
        if transaction is None:
            return
        if flow is not None and (flow.is_reliable or (self.is_phone and status >= 200)):
            transaction.flow = ports.routes.usable(self, flow)
        transaction.answer(status, response, ports.clock())
        if 200 <= status < 300:
            self.repeat_until_acknowledged(response)

    def on_moved(self, transaction: ServerTransaction) -> None:
        """Go on over the connection by which the INVITE has come again, if the one before has ended."""
        if transaction is self.transaction and isinstance(transaction.flow, Flow):
            self.owner.handle(self.owner.ports.routes.learn_flow, self, transaction.flow)

    def on_cancel(self, transaction: ServerTransaction, cancel: ServerTransaction) -> None:
        """Take the caller's CANCEL (RFC 3261 §9.2), whose way is that of the answer if the connection is gone."""
        self.owner.handle(self._cancelled, cancel)

    def _cancelled(self, cancel: ServerTransaction) -> None:
        if self.flow is not None and self.flow.is_reliable and isinstance(cancel.flow, Flow):
            self.owner.ports.routes.learn_flow(self, cancel.flow)
        self.owner.caller_cancelled(cancel)

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """Take the ACK to a final response other than 2xx."""
        self.owner.handle(self.owner.refusal_arrived)

    def on_timeout(self, transaction: ServerTransaction) -> None:
        """Stop waiting for that ACK."""
        self.owner.handle(self.owner.refusal_arrived)

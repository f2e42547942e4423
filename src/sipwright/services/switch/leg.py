"""One leg of a call: the dialog between the switch and one phone or provider.

`Caller` is leg 0, `Callee` each leg that was tried. After the answer both sides are alike: what they share is
`Leg`. A leg keeps the facts and speaks to its transactions; what to do next is decided in `call.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from sipwright.sip import Request, Response, make_response, parse, reason_for
from sipwright.sip.dialog import Dialog
from sipwright.sip.grammar import forbid_breaks
from sipwright.sip.transaction import ClientInvite, ClientTransaction, ReliableResponse, ServerTransaction
from sipwright.transport import Flow

from .choosing import ELSEWHERE, ELSEWHERE_HEADERS, Outcome
from .crossing_headers import SOURCE_HEADER

if TYPE_CHECKING:
    from .call import Call
    from .crossing import Crossing
    from .reinvite import ReInvite

__all__ = ["Callee", "Caller", "Destination", "Leg", "LegState"]


class LegState(StrEnum):
    """Where a leg stands.

    `CANCELLED` still waits for the final response that its CANCEL causes, `REFUSED` for the ACK to ours.
    """

    WAITING = "waiting"
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    CANCELLED = "cancelled"
    HANGING_UP = "hanging up"
    REFUSED = "refused"
    ENDED = "ended"


_OPEN = (LegState.RINGING, LegState.CALLING, LegState.WAITING)


@dataclass(slots=True)
class Destination:
    """What a leg is to reach, and how the caller is to look to whoever is reached.

    `flow` is the socket that a registered phone is behind; without it `uri` is resolved. Times are seconds.
    `transfer` is whether a REFER crosses ("pass"), is refused ("refuse") or carried out by the switch ("place"); when
    nothing is said (""), it crosses unless somebody outside asks it of a phone of ours.
    `redirect` is who follows a 3xx: the switch ("follow") or the script, which then finds its Contact in `redirect_to`.
    """

    target: str
    uri: str
    to: str
    flow: str | None = None
    route: Sequence[str] = ()
    account_id: int | None = None
    provider: tuple[int, str] | None = None
    delay: float = 0.0
    limit: float | None = None
    mangle: bool = True
    from_name: str | None = None
    from_user: str | None = None
    from_host: str | None = None
    headers: Sequence[tuple[str, str]] = ()
    redirects: int = 0
    transfer: str = ""
    redirect: str = "follow"
    redirect_to: str = ""
    instance: str | None = None

    @property
    def next_hop(self) -> str:
        """The URI that says where the INVITE is sent to, when there is no flow."""
        return self.route[0].strip("<>") if self.route else self.uri


class Leg:
    """What both sides of a call have: a dialog, the way to the peer, and the facts for the CDR.

    `source` is the address that the peer's messages really come from; a phone (`is_phone`) is only reached on the flow
    that it opened itself; `instance` names the device (RFC 5626 §4.1). Instants are Unix times.

    What the peer may not have heard yet: `told` is the last response to its INVITE until that is acknowledged,
    `last_answer` the last final response to another request, `asking` our own request (BYE, OPTIONS) that is not
    answered, `ack` our last ACK. All are kept as bytes, to be sent again as they were.
    """

    __slots__ = (
        "ack",
        "answered_at",
        "asking",
        "call",
        "crossing",
        "dialog",
        "ended_at",
        "flow",
        "hung_up_by",
        "index",
        "instance",
        "invite",
        "invite_cseq",
        "is_phone",
        "last_answer",
        "last_answer_at",
        "local_tag",
        "outcome",
        "rang_at",
        "repeater",
        "sip_call_id",
        "source",
        "started_at",
        "state",
        "told",
        "told_at",
        "told_cseq",
    )

    def __init__(self, call: Call, index: int, sip_call_id: str, local_tag: str, started_at: float) -> None:
        self.call = call
        self.index = index
        self.sip_call_id = sip_call_id
        self.local_tag = local_tag
        self.state = LegState.CALLING
        self.flow: Flow | None = None
        self.source = ""
        self.dialog: Dialog | None = None
        self.invite: Request | None = None
        self.invite_cseq = 1
        self.is_phone = False
        self.instance: str | None = None
        self.ack: bytes | None = None
        self.told: bytes | None = None
        self.told_cseq = 0
        self.told_at = 0.0
        self.asking: bytes | None = None
        self.last_answer: bytes | None = None
        self.last_answer_at = 0.0
        self.crossing: Crossing | ReInvite | None = None
        self.repeater: ReliableResponse | None = None
        self.started_at = started_at
        self.rang_at: float | None = None
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.outcome: Outcome | None = None
        self.hung_up_by: str | None = None

    @property
    def is_open(self) -> bool:
        """The leg may still be answered."""
        return self.state in _OPEN

    @property
    def is_finished(self) -> bool:
        """Nothing more is expected from the peer of this leg."""
        return self.state is LegState.ENDED

    def tell(self, invite: Request, response: Response | bytes, now: float) -> None:
        """Note a response to the peer's INVITE that it may not have heard."""
        self.told, self.told_cseq, self.told_at = bytes(response), invite.cseq.number, now

    def heard(self) -> None:
        """Note that the peer has heard that response: it need not be repeated."""
        self.told = None
        if self.repeater is not None:
            self.repeater.stop()
            self.repeater = None

    def answer(self, response: Response | bytes, now: float) -> None:
        """Note a final response to another request that the peer may not have heard."""
        self.last_answer, self.last_answer_at = bytes(response), now

    def end(self, outcome: Outcome, now: float, hung_up_by: str | None = None) -> None:
        """Note how the leg ended, once; the transactions may still have work to do."""
        if self.ended_at is None:
            self.ended_at = now
            self.outcome = outcome
            self.hung_up_by = hung_up_by

    # What the peer is told.

    def acknowledge(self, body: bytes = b"", content_type: str | None = None) -> None:
        """Send the ACK to a 2xx, and keep it for the next copy of that 2xx (RFC 3261 §13.2.2.4)."""
        dialog, flow, switch = self.dialog, self.flow, self.call.switch
        if dialog is None or flow is None:
            return
        ack = dialog.make_request(
            "ACK", via=switch.new_via(flow), body=body, content_type=content_type, cseq=self.invite_cseq
        )
        self.ack = data = bytes(ack)
        self.call.when_stored(partial(switch.ways.send_ack, self, data))

    def acknowledge_again(self, response: Response) -> None:
        """Repeat the ACK to a 2xx that comes again, since ours was lost; it may be that of an earlier INVITE."""
        number, switch = response.cseq.number, self.call.switch
        if self.ack is not None and parse(self.ack).cseq.number == number:
            switch.ways.send_ack(self, self.ack)
        elif self.dialog is not None and self.flow is not None and number < self.invite_cseq:
            ack = self.dialog.make_request("ACK", via=switch.new_via(self.flow), cseq=number)
            switch.ways.send_ack(self, bytes(ack))

    def repeat_until_acknowledged(self, success: bytes, *, is_revived: bool = False) -> None:
        """Repeat a 2xx that the peer was sent until its ACK comes (RFC 3261 §13.3.1.4)."""
        if self.flow is not None and self.state is LegState.ANSWERED:
            if self.repeater is not None:  # whoever asks for something else has heard the answer before
                self.repeater.stop()
            call = self.call
            timed_out = partial(call.perhaps_acknowledged if is_revived else call.never_acknowledged, self)
            self.repeater = call.switch.stack.layer.repeat(success, self.flow, timed_out, call.switch.clock())

    def say_goodbye(self, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Send BYE."""
        dialog, flow, call = self.dialog, self.flow, self.call
        if dialog is None or flow is None:
            self.state = LegState.ENDED
            return
        self.state = LegState.HANGING_UP
        bye = dialog.make_request("BYE", via=call.switch.new_via(flow), headers=headers)
        self.asking = bytes(bye)
        call.changed()
        call.when_stored(partial(call.switch.ways.send_request, self, bye, self))

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take a response to the BYE that this leg was sent (RFC 3261 §15.1.1)."""
        self.call.farewell_answered(self, transaction, response)


class Caller(Leg):
    """Leg 0: its INVITE came in, and the switch answers it."""

    __slots__ = ("_head", "progress", "transaction")

    def __init__(self, call: Call, sip_call_id: str, local_tag: str, started_at: float) -> None:
        super().__init__(call, 0, sip_call_id, local_tag, started_at)
        self.transaction: ServerTransaction | None = None
        self.progress = 0
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
            head = "\r\n".join(make_response(invite, status, to_tag=self.local_tag).headers.lines())
            if status < 300:
                if flow is not None:
                    head += f"\r\nContact: {self.call.switch.stack.local_contact(flow)}"
                self._head = head  # the 200 begins as the 180 did
        if reason is None:
            reason = reason_for(status)
        written = [f"SIP/2.0 {status} {reason}", head, *lines]
        if source is not None and flow is not None and flow.protocol == "loop":
            written.append(f"{SOURCE_HEADER}: {source}")
        if body and content_type is not None:
            written.append(f"Content-Type: {content_type}")
        forbid_breaks(f"{reason}{content_type}")
        written.append(f"Content-Length: {len(body)}\r\n\r\n")
        return "\r\n".join(written).encode("utf-8", "surrogateescape") + body

    def respond(self, status: int, response: bytes) -> None:
        """Send a response to the INVITE; a 2xx again and again, until it is acknowledged."""
        transaction, flow, switch = self.transaction, self.flow, self.call.switch
        if transaction is None:
            return
        if flow is not None and flow.is_reliable:
            transaction.flow = switch.returns.usable(self, flow)
        transaction.answer(status, response, switch.clock())
        if 200 <= status < 300:
            self.repeat_until_acknowledged(response)

    def on_cancel(self, transaction: ServerTransaction, cancel: ServerTransaction) -> None:
        """Take the caller's CANCEL (RFC 3261 §9.2)."""
        self.call.caller_cancelled(cancel)

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """Take the ACK to a final response other than 2xx."""
        self.call.refusal_arrived()

    def on_timeout(self, transaction: ServerTransaction) -> None:
        """Stop waiting for that ACK."""
        self.call.refusal_arrived()


class Callee(Leg):
    """A leg that is tried: the switch sent its INVITE."""

    __slots__ = ("destination", "has_authenticated", "transaction")

    def __init__(
        self,
        call: Call,
        index: int,
        sip_call_id: str,
        local_tag: str,
        started_at: float,
        destination: Destination,
    ) -> None:
        super().__init__(call, index, sip_call_id, local_tag, started_at)
        self.destination = destination
        self.is_phone = destination.flow is not None
        self.transaction: ClientTransaction | None = None
        self.has_authenticated = False

    def begin_dialog(self, response: Response) -> None:
        """Note the dialog that the peer's response to our INVITE makes, or confirms (RFC 3261 §12.1.2, §13.2.2.4)."""
        dialog, invite, transaction = self.dialog, self.invite, self.transaction
        if dialog is not None and response.is_success and dialog.remote_tag == response.to_tag:
            dialog.confirm(response)
        elif invite is not None:
            self.dialog = Dialog.as_uac(invite, response)
        elif transaction is not None:  # another phone behind the same proxy, when this leg is over
            self.dialog = Dialog.as_uac(transaction.request, response)
        if response.is_success:
            self.invite = None  # it is as large as everything else of a call together, and not sent again

    def cancel(self, outcome: Outcome) -> None:
        """Stop trying this leg; its record says why."""
        call, was_sent = self.call, self.transaction is not None
        self.state = LegState.CANCELLED if was_sent else LegState.ENDED
        self.end(outcome, call.switch.wall_clock(), "switch")
        call.disarm(f"delay {self.index}")
        call.changed()
        if was_sent:
            call.when_stored(self._send_cancel)

    def cancel_again(self) -> None:
        """Send the CANCEL that an earlier process may not have got round to."""
        self.call.when_stored(self._send_cancel)

    def _send_cancel(self) -> None:
        # A phone that hears why counts no missed call (RFC 3326). It is told by its reason, as a stored outcome is not
        # the same object: the next process says the same words.
        is_elsewhere = self.outcome is not None and self.outcome.reason == ELSEWHERE.reason
        headers = ELSEWHERE_HEADERS if is_elsewhere else ()
        transaction, flow, switch = self.transaction, self.flow, self.call.switch
        if isinstance(transaction, ClientInvite) and self.state is LegState.CANCELLED:
            if flow is not None and flow.is_reliable:
                transaction.flow = switch.returns.usable(self, flow)
            transaction.cancel(switch.clock(), headers)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take a response to the INVITE, or to the BYE."""
        if transaction is self.transaction:
            if response.status >= 300 and isinstance(transaction, ClientInvite):
                # Until the ACK the peer repeats itself, so it comes when what it said is stored.
                self.call.when_stored(partial(transaction.acknowledge, self.call.switch.clock()))
            self.call.callee_responded(self, response)
        else:
            self.call.farewell_answered(self, transaction, response)

"""Requests that cross an answered call from one end to the other: re-INVITE, UPDATE, INFO, MESSAGE, NOTIFY, REFER ...

Each end has its own dialog, so a request is made anew on the other leg, with that leg's tags, CSeq and route,
and the answer comes back the same way. Media addresses are replaced in both directions, as they were when the
call was set up.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sipwright.sip import Request, Response, make_response, parse, write_response
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientInvite, ClientTransaction, ServerInvite, ServerTransaction
from sipwright.stack import Incoming

from .crossing_headers import crossing_headers
from .leg import Leg, LegState
from .referral import is_outsider, take_refer
from .replaces import translated

if TYPE_CHECKING:
    from .call import Call

__all__ = ["CROSSING_METHODS", "Crossing", "take_ack", "take_request"]

CROSSING_METHODS = frozenset(
    {"INVITE", "UPDATE", "INFO", "OPTIONS", "MESSAGE", "NOTIFY", "REFER", "SUBSCRIBE", "PRACK"}
)
"""What crosses; everything else inside a dialog is answered 405."""

_NAMES_US = frozenset({"INVITE", "UPDATE", "REFER", "SUBSCRIBE", "NOTIFY"})
_REFRESHES = frozenset({"INVITE", "UPDATE"})


def take_request(call: Call, leg: Leg, incoming: Incoming) -> None:
    """Take a request that came in on `leg`, inside its dialog (RFC 3261 §12.2.2)."""
    request = incoming.request
    dialog = leg.dialog or _dialog_of(call, leg)
    if leg.flow is not None and leg.flow.is_reliable:
        call.switch.returns.came_by(leg, incoming.flow)
    if dialog is None or leg.state in (LegState.ENDED, LegState.CANCELLED, LegState.REFUSED):
        # A BYE may come once more, because the process that took it had no time to say so.
        is_known = dialog is not None and request.method == "BYE"
        incoming.reply_statelessly(200 if is_known else 481)
        return
    if not dialog.accepts(request):
        incoming.respond(500, "CSeq Out Of Order")
        return
    call.changed()
    if request.method == "BYE":
        _take_bye(call, leg, incoming)
    elif leg.state is LegState.HANGING_UP:
        incoming.respond(481)
    elif request.method not in CROSSING_METHODS:
        incoming.respond(405, headers=(("Allow", call.switch.allow),))
    else:
        _cross(call, leg, incoming)
    call.settle()


def take_ack(call: Call, leg: Leg, ack: Request) -> None:
    """Take the ACK to a 2xx that `leg` was sent; an answer that it carries goes on to the other end."""
    if leg.told is None or ack.cseq.number != leg.told_cseq:
        return  # it has come before, as every copy of the 2xx is acknowledged
    leg.heard()
    if leg.state is not LegState.ANSWERED:
        return  # the other end has hung up already, and the BYE is on its way
    leg.invite = None
    crossing, leg.crossing = leg.crossing, None
    if crossing is not None:
        call.changed()
        crossing.acknowledged(ack)
    elif leg is call.caller and call.peer is not None and call.peer.ack is None:
        peer = call.peer
        peer.acknowledge(call.body_for(ack, leg, peer), ack.headers.get("content-type"))
        call.changed()
    call.settle()


def _dialog_of(call: Call, leg: Leg) -> Dialog | None:
    """Return the leg's dialog; the caller's early one is made when it is first needed."""
    if leg.dialog is None and leg is call.caller and leg.invite is not None:
        leg.dialog = Dialog.as_uas(leg.invite, leg.local_tag)
    return leg.dialog


def _take_bye(call: Call, leg: Leg, incoming: Incoming) -> None:
    transaction = incoming.transaction
    response = write_response(incoming.request, 200)
    leg.answer(response, call.switch.wall_clock())
    call.when_stored(partial(transaction.answer, 200, response, call.switch.clock()))
    if leg is call.caller and leg.is_open:
        call.caller_cancelled(None)
    elif leg.state is LegState.HANGING_UP:  # both said good-bye at once
        leg.state = LegState.ENDED
        call.forget_if_finished()
    else:
        by = "caller" if leg is call.caller else "callee"
        for transfer in (call.transfer, call.claimed_by):
            if transfer is not None and transfer.take_leave(leg, by):
                return
        call.hang_up(by, incoming.request.headers.get("reason"), already=leg)


def _cross(call: Call, leg: Leg, incoming: Incoming) -> None:
    other = call.other(leg) if call.peer is not None or leg is not call.caller else call.early_callee()
    if other is None or other.flow is None or other.is_finished or _dialog_of(call, other) is None:
        incoming.respond(480, "Other End Not Reached Yet")
        return
    transfer = call.transfer if incoming.request.method == "SUBSCRIBE" else None
    if transfer is not None and transfer.report.take_subscribe(leg, incoming):
        return
    if incoming.request.method == "REFER" and call.peer is not None:
        transfers = call.peer.destination.transfer
        if transfers == "refuse" or (not transfers and is_outsider(leg, other)):
            incoming.respond(603, "Transfers Are Not Allowed")
            return
        if transfers == "place":
            take_refer(call, leg, other, incoming)
            return
    if incoming.request.method in _REFRESHES:
        _ = (
            incoming.request.contacts
        )  # one that cannot be read is answered 400 now, and not when it has crossed
    if incoming.request.method == "INVITE":
        open_one = leg.crossing or other.crossing
        if open_one is not None and open_one.sender is leg:  # its own earlier one (RFC 3261 §14.2)
            if not open_one.is_answered:
                incoming.respond(500, "Earlier INVITE Pending", headers=(("Retry-After", "2"),))
                return
            # No ACK will come: the sender lost its connection, and what it asks now it asks instead of that.
            open_one.forsaken()
        elif open_one is not None or call.peer is None:  # glare
            incoming.respond(491)
            return
    crossing = Crossing(call, leg, other, incoming.request)
    crossing.server = server = incoming.open(crossing)
    if isinstance(server, ServerInvite):
        server.promise_nothing()
    crossing.begin()
    crossing.carry_over(())


class Crossing:
    """One request on its way from `sender` to `receiver`, and its response on the way back."""

    __slots__ = (
        "_has_answered_challenge",
        "_is_done",
        "call",
        "client",
        "had_offer",
        "receiver",
        "request",
        "sender",
        "server",
        "wire",
    )

    def __init__(self, call: Call, sender: Leg, receiver: Leg, request: Request) -> None:
        self.call = call
        self.sender = sender
        self.receiver = receiver
        self.request = request
        self.server: ServerTransaction | None = None
        self.client: ClientTransaction | None = None
        self.wire = b""
        self.had_offer = bool(request.body)
        self._has_answered_challenge = False
        self._is_done = False

    def begin(self) -> None:
        """Take its place in the call, where a re-INVITE keeps others out."""
        self.call.crossings += (self,)
        if self.is_invite:
            self.receiver.crossing = self
            self.sender.crossing = self

    def to_state(self) -> list[Any]:
        """Return what another process needs to go on."""
        request, wire = bytes(self.request).decode("latin-1"), self.wire.decode("latin-1")
        ends = self.sender.index, self.receiver.index
        return [*ends, request, wire, self._has_answered_challenge, self._is_done]

    @classmethod
    def from_state(cls, call: Call, state: list[Any]) -> Crossing:
        """Make it again; `resume` sets it going."""
        sender, receiver, request, wire, has_answered_challenge, is_done = state
        legs: list[Leg] = [call.caller, *call.legs]
        message = parse(request.encode("latin-1"))
        assert isinstance(message, Request)
        crossing = cls(call, legs[sender], legs[receiver], message)
        crossing.wire = wire.encode("latin-1")
        crossing._has_answered_challenge = has_answered_challenge
        crossing._is_done = is_done
        return crossing

    def resume(self) -> None:
        """Go on in a new process: wait for the response, or for the ACK that carries an answer."""
        self.begin()
        flow = self.sender.flow
        if self._is_done or flow is None:
            return
        self.server = self.call.switch.stack.restore_server(self.request, flow, self)
        request = parse(self.wire)
        assert isinstance(request, Request)
        self._send(request)

    @property
    def is_invite(self) -> bool:
        """The request is a re-INVITE, so an ACK will follow and nothing may overtake it."""
        return self.request.method == "INVITE"

    def carry_over(self, extra: tuple[tuple[str, str], ...]) -> None:
        """Send the request on the receiver's leg once it and its new CSeq are stored."""
        call, receiver, method = self.call, self.receiver, self.request.method
        dialog, flow = receiver.dialog, receiver.flow
        assert dialog is not None
        assert flow is not None
        stack = call.switch.stack
        body = call.body_for(self.request, self.sender, receiver)
        headers = [*crossing_headers(self.request), *extra]
        if method == "REFER":
            headers = [
                (name, translated(call.switch, value) if name.lower() in ("refer-to", "r") else value)
                for name, value in headers
            ]
        contact = stack.local_contact(flow) if method in _NAMES_US else None
        content_type = self.request.headers.get("content-type") if body else None
        request = dialog.make_request(method, via=call.switch.new_via(flow), contact=contact, headers=headers,
        body=body,
                                      content_type=content_type)  # fmt: skip
        if self.is_invite:
            receiver.invite_cseq = dialog.local_cseq
        self.wire = bytes(request)
        call.changed()
        call.when_stored(partial(self._send, request))

    def _send(self, request: Request) -> None:
        if isinstance(self.server, ServerInvite):
            self.server.may_promise(self.call.switch.clock())
        self.client = client = self.call.switch.ways.send_request(self.receiver, request, self)
        if isinstance(client, ClientInvite):
            client.holds_ack = True
            if not self._is_done:  # nobody rings here, but a person may be asked, as for video
                self.call.arm("crossing", self.call.switch.settings.ring)

    # What the two transactions deliver.

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take the receiver's response and give it to the sender."""
        if response.status == 100 and self.is_invite:
            return
        if self._is_done:
            self._take_late(transaction, response)
            return
        if response.status in (401, 407) and not self._has_answered_challenge:
            self._has_answered_challenge = True
            answer = self.call.switch.answer_challenge(self.receiver, transaction.request, response)
            if answer is not None:
                self._acknowledge_failure(transaction)
                self.carry_over((answer,))
                self.call.settle()
                return
        self._carry_back(response)
        self.call.settle()

    def _carry_back(self, response: Response) -> None:
        call, sender, receiver = self.call, self.sender, self.receiver
        if response.is_success and self.request.method in _REFRESHES:
            self._refresh_targets(response)
        if response.is_final:
            self._is_done = True
            call.changed()
            if self.is_invite:
                call.disarm("crossing")
                self._acknowledge_failure(self.client)
                self._settle_invite(response)
            if not (self.is_invite and response.is_success and not self.had_offer):
                self._end()
        status = response.status if response.status not in (401, 407) else 403
        headers = list(crossing_headers(response))
        if self.request.method in _REFRESHES and sender.flow is not None:
            headers.append(("Contact", call.switch.stack.local_contact(sender.flow)))
        body = call.body_for(response, receiver, sender)
        back = make_response(self.request, status, response.reason, headers=headers, body=body,
                             content_type=response.headers.get("content-type") if body else None)  # fmt: skip
        if self.is_invite and back.is_success:
            sender.tell(self.request, back, call.switch.wall_clock())
        elif back.is_final:
            sender.answer(back, call.switch.wall_clock())
        call.when_stored(partial(self._answer, back))
        if self.is_invite and response.status in (408, 481) and call.peer is not None:
            # The far end is gone, or does not know the call any more (RFC 3261 §12.2.1.2).
            call.hang_up(
                "switch", f'SIP;cause={response.status};text="Re-INVITE failed"', status=response.status
            )

    def _answer(self, response: Response) -> None:
        if self.server is not None:
            self.server.respond(response, self.call.switch.clock())
        if self.is_invite and response.is_success:
            self.sender.repeat_until_acknowledged(bytes(response))

    def _refresh_targets(self, response: Response) -> None:
        for leg, message in ((self.sender, self.request), (self.receiver, response)):
            if leg.dialog is not None:
                leg.dialog.refresh_target(message)
        self.call.changed()

    def _settle_invite(self, response: Response) -> None:
        if response.is_success:
            self.receiver.ack = None
            if self.had_offer:
                self.receiver.crossing = None
                self.receiver.acknowledge()
        else:
            self.sender.crossing = self.receiver.crossing = None

    def _take_late(self, transaction: ClientTransaction, response: Response) -> None:
        """Acknowledge a final response that comes again, or after the crossing was given up."""
        receiver = self.receiver
        if not self.is_invite or not response.is_final:
            return
        if not response.is_success:
            self._acknowledge_failure(transaction)
        elif receiver.state is LegState.ANSWERED:
            receiver.acknowledge_again(response)
        else:
            receiver.acknowledge()
        self.call.settle()

    def cancel(self) -> None:
        """Cancel a re-INVITE that has been open for too long; its 487 goes back as any other response."""
        self.call.when_stored(self._cancel)

    def give_up(self) -> None:
        """Answer 487, and wait for nothing more: the call is over (RFC 3261 §15.1.2)."""
        if self._is_done:
            return
        self._is_done = True
        back = make_response(self.request, 487)
        self.sender.answer(back, self.call.switch.wall_clock())
        self.call.when_stored(partial(self._answer, back))
        self.call.when_stored(self._cancel)

    def _cancel(self) -> None:
        if isinstance(self.client, ClientInvite):
            self.client.cancel(self.call.switch.clock())

    def _acknowledge_failure(self, transaction: ClientTransaction | None) -> None:
        """Send the ACK to a failure once it is stored, since the peer repeats it until then."""
        if isinstance(transaction, ClientInvite):
            self.call.when_stored(partial(transaction.acknowledge, self.call.switch.clock()))

    def _end(self) -> None:
        """Nothing of it needs to be stored any more."""
        self.call.crossings = tuple(each for each in self.call.crossings if each is not self)

    @property
    def is_answered(self) -> bool:
        """Nothing is missing but the ACK, and that has nothing to say."""
        return self._is_done and self.had_offer

    def forsaken(self) -> None:
        """End without the sender's ACK."""
        self._end()
        self.sender.crossing = self.receiver.crossing = None
        self.sender.heard()

    def acknowledged(self, ack: Request) -> None:
        """Take the sender's ACK; with a delayed offer it carries the answer (RFC 3264 §4)."""
        self._end()
        self.receiver.crossing = None
        if not self.had_offer and self.receiver.ack is None:
            body = self.call.body_for(ack, self.sender, self.receiver)
            self.receiver.acknowledge(body, ack.headers.get("content-type"))
            self.call.changed()

    def on_cancel(self, transaction: ServerTransaction, cancel: ServerTransaction) -> None:
        """Cancel the request on the other leg too (RFC 3261 §9)."""
        cancel.accept(self.call.switch.clock())
        self._cancel()

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """Take the ACK to a final response other than 2xx: nothing is left to do."""

    def on_timeout(self, transaction: ServerTransaction) -> None:
        """Take no notice: nothing has changed by a request that failed, whether the sender heard it or not."""

"""Requests that cross an answered call from one end to the other: re-INVITE, UPDATE, INFO, MESSAGE, NOTIFY, REFER ...

Each end has its own dialog, so a request is made anew on the other leg, with that leg's tags, CSeq and route,
and the answer comes back the same way. Media addresses are replaced in both directions, as they were when the
call was set up. An UPDATE goes on as a re-INVITE where the other end takes none.
"""

from __future__ import annotations

from functools import partial

from sipwright.sdp import is_hold
from sipwright.services.refusals import store_away
from sipwright.sip import Request, Response, make_response, parse
from sipwright.sip.grammar import shown
from sipwright.sip.provisional import requires_reliable
from sipwright.sip.transaction import ClientInvite, ClientTransaction, ServerInvite, ServerTransaction
from sipwright.stack import Incoming
from sipwright.transport import Flow

from ..call.call import Call
from ..call.leg import Leg
from ..model.leg_state import LegState
from ..model.relayed import reasons_of, relayed_headers
from ..model.stored_processes import StoredRelay
from .cut_off import is_away, is_said_again, withdraw
from .refer_names import name_refer, note_refer
from .refresh import NOT_ALLOWED, answer_refresh
from .relay_rules import (
    AWAY_FOR,
    REFRESHES,
    RETRY_LATER,
    end_if_gone,
    is_ours_to_sign,
    retry_later,
    status_back,
)

__all__ = ["Relay"]

_NAMES_US = frozenset({"INVITE", "UPDATE", "REFER", "SUBSCRIBE", "NOTIFY"})
PROMPTLY = 20.0
"""Seconds within which a re-INVITE in place of an UPDATE has to be answered, as that has to be (RFC 3311 §5.2)."""


class Relay:
    """One request on its way from `sender`, who sent it by `flow`, to `receiver`, and its response on the way back."""

    __slots__ = (
        "_as_invite",
        "_away",
        "_is_cut",
        "_is_done",
        "_is_held",
        "_is_sent",
        "_rounds",
        "call",
        "client",
        "flow",
        "had_offer",
        "rack",
        "receiver",
        "request",
        "sender",
        "server",
        "wire",
    )

    timers = ("crossing", "away")
    is_awaited = owes_ack = False

    def __init__(
        self, call: Call, sender: Leg, receiver: Leg, request: Request, flow: Flow | None = None
    ) -> None:
        self.call = call
        self.sender = sender
        self.receiver = receiver
        self.request = request
        self.flow = flow or sender.flow
        self.server: ServerTransaction | None = None
        self.client: ClientTransaction | None = None
        self.wire = b""
        self.had_offer = bool(request.body)
        self.rack: str | None = None
        self._rounds = 0
        self._as_invite = False
        self._away = ""
        self._is_done = self._is_sent = self._is_held = self._is_cut = False

    def begin(self) -> None:
        """Take its place in the call, where a re-INVITE keeps others out."""
        self.call.carry(self)
        self._keep_others_out()

    def _keep_others_out(self) -> None:
        if self._is_sent_as_invite:
            self.receiver.reinvite = self.sender.reinvite = self

    def to_state(self) -> StoredRelay:
        """Return what another process needs to go on."""
        return StoredRelay(
            sender=self.sender.index,
            receiver=self.receiver.index,
            request=bytes(self.request).decode("latin-1"),
            wire=self.wire.decode("latin-1"),
            is_done=self._is_done,
            rounds=self._rounds,
            flow=None if self.flow is None else self.flow.key,
            rack=self.rack,
            as_invite=self._as_invite,
        )

    @classmethod
    def from_state(cls, call: Call, state: StoredRelay) -> Relay:
        """Make it again; `resume` sets it going."""
        legs: list[Leg] = [call.caller, *call.legs]
        message = parse(state.request.encode("latin-1"))
        assert isinstance(message, Request)
        relay = cls(call, legs[state.sender], legs[state.receiver], message)
        relay.wire = state.wire.encode("latin-1")
        relay._rounds, relay._is_done, relay.rack = state.rounds, state.is_done, state.rack
        relay._as_invite = state.as_invite
        if state.flow is not None:
            relay.flow = call.ports.stack.flow_from_key(state.flow) or relay.sender.flow
        return relay

    def resume(self) -> None:
        """Go on in a new process: wait for the response, or for the ACK that carries an answer."""
        self._keep_others_out()
        flow = self.flow
        if self._is_done or flow is None:
            return
        self.server = self.call.ports.stack.restore_server(self.request, flow, self)
        if not self.wire:
            self.carry_over()
            return
        request = parse(self.wire)
        assert isinstance(request, Request)
        self._send(request, is_again=True)

    @property
    def is_invite(self) -> bool:
        """The request is a re-INVITE, so an ACK will follow and nothing may overtake it."""
        return self.request.method == "INVITE"

    @property
    def _is_sent_as_invite(self) -> bool:
        return self.is_invite or self._as_invite

    def carry_over(self) -> None:
        """Send the request on the receiver's leg once it and its new CSeq are stored.

        A re-INVITE waits for the ACK to the 2xx before it, which a receiver that has lost that does not know of yet
        (RFC 3261 §14.1).
        """
        call, receiver = self.call, self.receiver
        method = "INVITE" if self._as_invite else self.request.method
        if method == "INVITE" and receiver.expects_ack:
            self._is_held = True
            call.changed()
            call.when_stored(self._promise)
            return
        dialog, flow = receiver.dialog, receiver.flow
        assert dialog is not None
        assert flow is not None
        body = call.body_for(self.request, self.sender, receiver)
        told = call.ports.settings.extensions
        headers = relayed_headers(self.request, self.sender.passage_to(receiver), told)
        headers = name_refer(headers, self.request, call, self.sender, receiver)
        if method in REFRESHES:
            headers += call.ports.sessions.headers(receiver)
        elif self.rack is not None:
            headers.append(("RAck", self.rack))
        contact = receiver.contact_on(flow) if method in _NAMES_US else None
        content_type = self.request.headers.get("content-type") if body else None
        request = dialog.make_request(
            method, via=call.ports.stack.new_via(flow), contact=contact, headers=headers,
            body=body, content_type=content_type,
        )  # fmt: skip
        if is_ours_to_sign(method, self.sender):
            receiver.sign(request)
        if method == "INVITE":
            receiver.invite_cseq = dialog.local_cseq
        elif method == "REFER":
            note_refer(call, receiver, self.request.cseq.number, dialog.local_cseq)
        self.wire = bytes(request)
        call.changed()
        call.when_stored(partial(self._send, request))

    def go_on(self) -> None:
        """Go on with a re-INVITE that has waited for an ACK of its receiver."""
        if self._is_held and not self._is_done:
            self._is_held = False
            self.carry_over()

    def _promise(self) -> None:
        if isinstance(self.server, ServerInvite):
            self.server.may_promise(self.call.ports.clock())

    def is_asked_again(self, incoming: Incoming) -> bool:
        """Return whether a request of the sender is this one once more, as its connection took the first along.

        It has begun another transaction, so that it cannot hear of that one any more.
        """
        request = incoming.request
        return (
            not self._is_done
            and request.method == self.request.method
            and request.body == self.request.body
            and incoming.flow.is_reliable
            and incoming.flow is not self.flow
        )

    def take_again(self, incoming: Incoming) -> None:
        """Let the response go back to what was asked last, inside an event of the call."""
        if self.server is not None:
            self.server.respond(make_response(self.request, 500, "Asked Again"), self.call.ports.clock())
        self.request, self.flow = incoming.request, incoming.flow
        self.server = incoming.open(self)
        self.call.changed()

    def _send(self, request: Request, *, is_again: bool = False) -> None:
        if self._is_done:
            return  # its sender has heard otherwise meanwhile
        self._is_sent = True
        self._promise()
        self.client = client = self.call.ports.routes.send_request(
            self.receiver, request, self, is_again=is_again, holds_ack=True
        )
        if isinstance(client, ClientInvite) and not self._is_done:
            # Nobody rings here, but a person may be asked, as for video.
            self.call.arm("crossing", PROMPTLY if self._as_invite else self.call.ports.settings.ring)
        if is_away(client) and not self._is_done and not self._away:
            self._away = f"away {self.receiver.index} {request.cseq.number}"
            self.call.arm(self._away, AWAY_FOR)

    # What the two transactions deliver.

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take the receiver's response and give it to the sender."""
        if self.client is None or self.client.key == transaction.key:
            self.client = transaction  # it was sent again, as its phone was away
        if self._is_sent_as_invite and (response.status == 100 or self._has_to_wait(response)):
            return
        with self.call.event():
            if self._is_done:
                self._take_late(transaction, response)
            else:
                self._take(transaction, response)

    def _take(self, transaction: ClientTransaction, response: Response) -> None:
        asked, receiver = transaction.request, self.receiver
        is_to_come_again = is_ours_to_sign(asked.method, self.sender) and receiver.is_challenged(
            asked, response, self._rounds
        )
        if asked.method in REFRESHES and self.call.ports.sessions.is_raised(receiver, response):
            is_to_come_again = True
        elif asked.method in REFRESHES and is_said_again(transaction, response, was_before=self._is_cut):
            self._is_cut = True
            self.call.ports.stack.layer.drop(transaction)
            self._send(asked, is_again=True)
            return
        if is_to_come_again:
            self._rounds += 1
            self._acknowledge_failure(transaction)
            self.carry_over()
            return
        if response.is_final:
            receiver.note_credentials(response)
        if asked.method == "UPDATE" and response.status in NOT_ALLOWED:
            self._go_on_without_update(asked)
        else:
            self._carry_back(response)

    def _go_on_without_update(self, update: Request) -> None:
        """Go on where the receiver takes no UPDATE: with a re-INVITE, which says the same in an answered call.

        Before the answer nothing can change there (RFC 3311 §5.2). What offers nothing ends here.
        """
        call = self.call
        if self.had_offer and call.peer is not None:
            self._as_invite, self._rounds = True, 0
            self._keep_others_out()
            self.carry_over()
        elif self.had_offer or self.flow is None:
            self._carry_back(make_response(update, 504, "Cannot Be Changed Before The Answer"))
        else:
            self._is_done = True
            self._end()
            answer_refresh(call, self.sender, self.request, self.flow, self.server)

    def _carry_back(self, response: Response) -> None:
        call, sender, receiver = self.call, self.sender, self.receiver
        is_refresh = response.is_success and self.request.method in REFRESHES
        if is_refresh:
            self._refresh_targets(response)
            holder, offer = (sender, self.request.body) if self.had_offer else (receiver, response.body)
            if offer and call.answered_at is not None:
                call.holds(holder, is_hold(offer))
        if response.is_final:
            self._take_final(response)
        status = status_back(response.status, as_invite=self._as_invite)
        if self.rack is not None and response.is_final and not self.had_offer:
            # It has acknowledged what we told it, whatever the other end makes of that (RFC 3262 §3).
            status = 200
        headers = relayed_headers(response, receiver.passage_to(sender), call.ports.settings.extensions)
        headers += retry_later(response)
        if response.status < 300 and self.request.method in _NAMES_US and sender.flow is not None:
            headers.append(("Contact", sender.contact_on(sender.flow)))
        body = call.body_for(response, receiver, sender)
        if is_refresh:
            call.ports.sessions.settled(receiver, response, parse(self.wire).body)
            headers += call.ports.sessions.accepted(sender, self.request, body)
        reason = shown(response.reason) if status == response.status else None
        back = make_response(self.request, status, reason, headers=headers, body=body,
                             content_type=response.headers.get("content-type") if body else None)  # fmt: skip
        if self.is_invite and back.is_success:
            sender.tell(self.request, back, call.ports.wall_clock())
        elif back.is_final:
            sender.answer(back, call.ports.wall_clock())
        call.when_stored(partial(self._answer, back), is_urgent=back.status >= 300)
        if response.status >= 400 and call.peer is not None:
            end_if_gone(call, self.request.method, response.status)

    def _take_final(self, response: Response) -> None:
        self._is_done = True
        if self._away:
            self.call.disarm(self._away)
        self.call.changed()
        if self._is_sent_as_invite:
            self.call.disarm("crossing")
            self._acknowledge_failure(self.client)
            self._settle_invite(response)
        if not (self.is_invite and response.is_success and not self.had_offer):
            self._end()

    def _has_to_wait(self, response: Response) -> bool:
        """Return whether a request is answered by its final response alone: none of it is told reliably."""
        return not response.is_final and (self._as_invite or requires_reliable(self.request))

    def _answer(self, response: Response) -> None:
        if self.server is not None:
            self.server.respond(response, self.call.ports.clock())
        if self.is_invite and response.is_success:
            self.sender.repeat_until_acknowledged(bytes(response))

    def _refresh_targets(self, response: Response) -> None:
        for leg, message in ((self.sender, self.request), (self.receiver, response)):
            flow = self.flow if leg is self.sender else None
            self.call.ports.routes.refreshed(leg, message, flow)
        self.call.changed()

    def _settle_invite(self, response: Response) -> None:
        if response.is_success:
            self.receiver.ack = None
            if self.had_offer:
                self.receiver.reinvite = None
                self.receiver.acknowledge()
            if self._as_invite:
                self.sender.reinvite = None
        else:
            self.sender.reinvite = self.receiver.reinvite = None

    def _take_late(self, transaction: ClientTransaction, response: Response) -> None:
        """Acknowledge a final response that comes again, or after the relay was given up."""
        receiver = self.receiver
        if not self._is_sent_as_invite or not response.is_final:
            return
        if not response.is_success:
            self._acknowledge_failure(transaction)
        elif receiver.state is LegState.ANSWERED:
            receiver.acknowledge_again(response)
        else:
            receiver.acknowledge()

    def timer(self, name: str) -> None:
        """Cancel a re-INVITE that has been open for too long; its 487 goes back as any other response.

        What waits for a phone that is away does so no more, and is asked again later.
        """
        if name == "crossing":
            self.call.when_stored(self._cancel)
        elif name == self._away and is_away(self.client) and not self._is_done:
            assert self.client is not None
            withdraw(self.client)
            self.call.ports.stack.layer.drop(self.client)
            self._carry_back(make_response(self.request, 500, "Phone Is Away", headers=(RETRY_LATER,)))

    def abandon(self) -> None:
        """Answer 487, and wait for nothing more: the call is over (RFC 3261 §15.1.2)."""
        if self.call.answered_at is None:
            return  # no re-INVITE comes before the answer, and all else is soon over by itself
        self._end()
        if self._is_done:
            return
        self._is_done = True
        back = make_response(self.request, 487)
        self.sender.answer(back, self.call.ports.wall_clock())
        self.call.when_stored(partial(self._answer, back))
        self.call.when_stored(self._cancel)

    def store_is_away(self) -> None:
        """Refuse what nobody has been sent yet, and will not be before there is room again (RFC 3261 §14.2, §21.5.4).

        Whoever hears nothing to a change of the call for 32 s has to take the call for dead (RFC 3261 §12.2.1.2).
        """
        if self._is_sent or self._is_done or self.rack is not None:
            return
        self._is_done = True
        self._end()
        if self._is_sent_as_invite:
            self.sender.reinvite = self.receiver.reinvite = None
        refusal = store_away()
        back = make_response(self.request, refusal.status, refusal.reason, headers=refusal.headers)
        self.sender.answer(back, self.call.ports.wall_clock())
        self.call.when_stored(partial(self._answer, back), is_urgent=True)

    def _cancel(self, reasons: tuple[tuple[str, str], ...] = ()) -> None:
        if isinstance(self.client, ClientInvite):
            self.client.cancel(self.call.ports.clock(), reasons)

    def _acknowledge_failure(self, transaction: ClientTransaction | None) -> None:
        """Send the ACK to a failure once it is stored, since the peer repeats it until then."""
        if isinstance(transaction, ClientInvite):
            self.call.when_stored(partial(transaction.acknowledge, self.call.ports.clock()))

    def _end(self) -> None:
        """Nothing of it needs to be stored any more."""
        self.call.drop(self)

    @property
    def is_over(self) -> bool:
        """The sender has its final response."""
        return self._is_done

    @property
    def has_open_offer(self) -> bool:
        """What it offers is not answered yet, or what it asks to be offered."""
        return (
            not (self._is_done and self.had_offer) if self.is_invite else self.had_offer and not self._is_done
        )

    @property
    def is_answered(self) -> bool:
        """Nothing is missing but the ACK, and that has nothing to say."""
        return self._is_done and self.had_offer

    def forsaken(self) -> None:
        """End without the sender's ACK."""
        self._end()
        self.sender.reinvite = self.receiver.reinvite = None
        self.sender.acked()

    def is_acknowledged_by(self, leg: Leg, ack: Request) -> bool:
        """Return whether the ACK of a leg is to its 2xx, and not to that of an INVITE before it."""
        return leg is self.sender and self.is_invite and ack.cseq.number == self.request.cseq.number

    def acknowledged(self, ack: Request) -> None:
        """Take the sender's ACK; with a delayed offer it carries the answer (RFC 3264 §4)."""
        self._end()
        self.receiver.reinvite = None
        if not self.had_offer and self.receiver.ack is None:
            body = self.call.body_for(ack, self.sender, self.receiver)
            self.call.ports.sessions.described(self.receiver, body)
            self.receiver.acknowledge(body, ack.headers.get("content-type"))

    def on_cancel(self, transaction: ServerTransaction, cancel: ServerTransaction) -> None:
        """Cancel the request on the other leg too (RFC 3261 §9)."""
        reasons = () if cancel.request is None else reasons_of(cancel.request)
        cancel.accept(self.call.ports.clock())
        if self._is_held and not self._is_done:
            with self.call.event():
                self._carry_back(make_response(self.request, 487))
            return
        self._cancel(reasons)

    def on_ack(self, transaction: ServerTransaction, ack: Request) -> None:
        """Take the ACK to a final response other than 2xx: nothing is left to do."""

    def on_timeout(self, transaction: ServerTransaction) -> None:
        """Take no notice: nothing has changed by a request that failed, whether the sender heard it or not."""

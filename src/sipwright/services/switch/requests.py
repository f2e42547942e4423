"""Requests inside the dialogs of calls: whose they are, and what is to be done with each method (RFC 3261 §12.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeGuard

from sipwright.services.refusals import no_such_call, store_away
from sipwright.sip import Reject, Request, write_response
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ServerInvite
from sipwright.sip.usual_ack import is_usual_ack
from sipwright.stack import Incoming

from .call.call import Call
from .call.callee import Callee
from .call.caller import Caller
from .call.leg import Leg
from .call.ports import CallPorts
from .midcall.liveness import session_of
from .midcall.offers import Refusal, earlier_update, later, refusal_of_offer, refusal_of_update
from .midcall.provisionals import Provisionals
from .midcall.refresh import answer_refresh
from .midcall.relay import Relay
from .model.header_table import ALLOW, IDENTITY
from .model.leg_state import ANSWERED, CANCELLED, END, ENDED, HANGING_UP, REFUSED
from .model.relayed import farewell_headers, says_along
from .reach.origin import Origin
from .transfer.moving import Moving
from .transfer.orbit import answer_parked
from .transfer.refer import take_refer, who_carries_out
from .transfer.replaces import translated
from .transfer.target_call import TargetDialler
from .transfer.transfer import Transfer

__all__ = ["Requests"]

_OVER = (ENDED, CANCELLED, REFUSED)
"""The states of a leg that takes no request any more."""

_GOES_ON = ("BYE", "PRACK")
"""What is taken while nothing can be stored: what ends a call, and what promises nothing that was not known."""

MOST_PROCESSES = 32
"""What may go on in a call at once, such as requests that cross: all of it is written down at every change."""


class Requests:
    """Takes the requests that come in inside the dialogs of all calls."""

    __slots__ = ("_dialler", "_handlers", "_moving", "_origin", "_ports")

    def __init__(
        self, ports: CallPorts[Call], dialler: TargetDialler, origin: Origin, moving: Moving
    ) -> None:
        self._ports = ports
        self._moving = moving
        self._dialler = dialler
        self._origin = origin
        # A method that is not listed is answered 405.
        self._handlers: dict[str, Callable[[Call, Leg, Incoming], None]] = {
            "BYE": self._bye,
            "INVITE": self._reinvite,
            "UPDATE": self._update,
            "REFER": self._refer,
            "SUBSCRIBE": self._subscribe,
            "INFO": self._cross,
            "OPTIONS": self._cross,
            "MESSAGE": self._cross,
            "NOTIFY": self._cross,
            "PRACK": self._prack,
        }

    def take(self, incoming: Incoming, to_tag: str) -> None:
        """Take a request; one that belongs to no dialog of ours is answered 481."""
        request, ports = incoming.request, self._ports
        leg = ports.legs.get(to_tag)
        call = None if leg is None else ports.calls.get(leg.owner.id)
        if leg is None or call is None or not _is_of(leg, request):
            if incoming.flow.protocol == "loop" and answer_parked(incoming):
                return
            if leg is not None and call is not None and _is_untold(leg, request):
                call.handle(self._take_untold, call, leg, incoming)
                return
            ports.stack.pipeline.refuse(incoming, no_such_call())
        else:
            call.handle(self._take, call, leg, incoming)

    def take_ack(self, ack: Request) -> bool:
        """Take the ACK to a 2xx; False when it belongs to no dialog of ours."""
        ports = self._ports
        leg = ports.legs.get(ack.to_tag or "")
        call = None if leg is None else ports.calls.get(leg.owner.id)
        if leg is None or call is None or not _is_of(leg, ack):
            return False
        call.handle(_take_ack, call, leg, ack)
        return True

    def take_usual_ack(self, to_tag: str, data: bytes) -> bool:
        """Take the ACK to our 2xx to the INVITE of a caller by its bytes; False to have it read, as it may say more."""
        leg = self._ports.legs.get(to_tag)
        if (
            leg is None
            or leg.invite is None
            or leg.state is not ANSWERED
            or leg.unacked_response is None
            or leg.reinvite is not None
            or leg.unacked_cseq != leg.invite.cseq.number
        ):
            return False
        call = self._ports.calls.get(leg.owner.id)
        if call is None or leg is not call.caller or call.peer is None or call.peer.ack is None:
            return False
        if not is_usual_ack(data, leg.invite):
            return False
        leg.acked()
        leg.invite = None
        return True

    def _take(self, call: Call, leg: Leg, incoming: Incoming) -> None:
        request = incoming.request
        if (incoming.flow is not leg.flow or leg.left) and not self._origin.is_right(call, leg, incoming):
            return
        if leg.early or call.caller.tags:
            call.turn_to(leg, request)
        dialog = leg.dialog or _dialog_of(call, leg)
        if request.method == "PRACK" and leg.state in _OVER and _is_late(call, request):
            incoming.reply_statelessly(200)
            return
        if leg.flow is not None and leg.flow.is_reliable:
            self._ports.routes.learn_flow(leg, incoming.flow)
        if dialog is None or leg.state in _OVER:
            # A BYE may come once more, because the process that took it had no time to say so.
            if dialog is not None and request.method == "BYE":
                incoming.reply_statelessly(200)
            else:
                self._ports.stack.pipeline.refuse(incoming, no_such_call())
            return
        if request.method == "REFER" and self._moving.waits(request, incoming.reply_flow):
            return  # and comes in once more
        if not dialog.accepts(request):
            why = "its CSeq is lower than one that was seen; the sender may have started again"
            self._refuse(incoming, Reject(500, "CSeq Out Of Order", why=why))
            return
        if request.method not in _GOES_ON and call.is_store_away():
            self._refuse(incoming, store_away())
            return
        call.changed()
        handler = self._handlers.get(request.method)
        if leg.state is HANGING_UP and request.method != "BYE":
            self._refuse(incoming, no_such_call())
        elif handler is None:
            self._refuse(incoming, Reject(405, None, (("Allow", ALLOW),)))
        else:
            handler(call, leg, incoming)

    def _take_untold(self, call: Call, leg: Callee, incoming: Incoming) -> None:
        """Take what a callee asks in a dialog that we have not heard of: it has overtaken the answer, or that was lost.

        Whoever hears 481 to it ends a call that is about to begin (RFC 3261 §12.2.1.2), or has ended it, and is rung
        and answers once more after a restart.
        """
        if incoming.flow is not leg.flow and not self._origin.is_right(call, leg, incoming):
            return
        if incoming.request.method == "BYE":
            self._bye(call, leg, incoming)
        else:
            self._refuse(incoming, Reject(500, "Answer Not Heard Yet", (("Retry-After", "1"),)))

    def _refuse(self, incoming: Incoming, refusal: Reject) -> None:
        """Refuse what belongs to a call, through a transaction, and let whoever keeps account of that know."""
        incoming.open()
        self._ports.stack.pipeline.refuse(incoming, refusal)

    def _bye(self, call: Call, leg: Leg, incoming: Incoming) -> None:
        transaction = incoming.transaction
        response = write_response(incoming.request, 200)
        leg.answer(response, call.ports.wall_clock())
        call.when_stored(partial(transaction.answer, 200, response, call.ports.clock()), is_urgent=True)
        if leg is call.caller and leg.is_open:
            call.caller_cancelled(None, incoming.request)
        elif isinstance(leg, Callee) and leg.is_open:
            call.callee_left(leg, incoming.request.from_tag or "")
        elif leg.state is HANGING_UP:  # both said good-bye at once
            leg.transition(END)
            call.forget_if_finished()
        else:
            by = "caller" if leg is call.caller else "callee"
            for transfer in (call.find(Transfer), call.claimed_by):
                if transfer is not None and transfer.take_leave(leg, by):
                    return
            reason, more = _said_along(call, leg, incoming.request)
            call.hang_up(by, reason, already=leg, more=more)

    # What crosses to the other end.

    def _cross(self, call: Call, leg: Leg, incoming: Incoming) -> None:
        other = _other_end(call, leg, incoming)
        if other is not None:
            _carry_over(call, leg, other, incoming, incoming.request)

    def _prack(self, call: Call, leg: Leg, incoming: Incoming) -> None:
        provisionals = call.find(Provisionals) if leg is call.caller else None
        if provisionals is None:
            incoming.respond(481, "No Such Response")
            return
        relay = provisionals.take_prack(incoming)
        if relay is not None:
            _start(relay, incoming)
        provisionals.go_on()

    def _update(self, call: Call, leg: Leg, incoming: Incoming) -> None:
        request = incoming.request
        _ = request.contacts  # one that cannot be read is answered 400 now, not when it has crossed
        if _is_too_short(call, incoming):
            return
        earlier = earlier_update(call, leg)
        if earlier is not None and earlier.is_asked_again(incoming):
            earlier.take_again(incoming)
            return
        refusal = refusal_of_update(call, leg, request, earlier)
        if refusal is not None:
            _refuse_for_now(incoming, refusal)
            return
        if leg.state is ANSWERED and _is_mere_refresh(leg, request):
            answer_refresh(call, leg, request, incoming.flow, incoming.open())
            return
        other = _other_end(call, leg, incoming)
        if other is not None:
            _carry_over(call, leg, other, incoming, request)

    def _reinvite(self, call: Call, leg: Leg, incoming: Incoming) -> None:
        if _is_too_short(call, incoming):
            return
        other = _other_end(call, leg, incoming)
        if other is None:
            return
        _ = incoming.request.contacts
        open_one = leg.reinvite or other.reinvite
        if isinstance(open_one, Relay) and open_one.sender is leg:  # its own earlier one (RFC 3261 §14.2)
            if not open_one.is_answered:
                _refuse_for_now(incoming, later(incoming.request))
                return
            # No ACK will come: the sender lost its connection, and what it asks now it asks instead of that.
            open_one.forsaken()
        elif open_one is not None or call.peer is None:  # glare
            incoming.respond(491)
            return
        refusal = refusal_of_offer(call, leg, incoming.request)
        if refusal is not None:
            _refuse_for_now(incoming, refusal)
            return
        _carry_over(call, leg, other, incoming, incoming.request)

    def _subscribe(self, call: Call, leg: Leg, incoming: Incoming) -> None:
        other = _other_end(call, leg, incoming)
        if other is None:
            return
        transfer = call.find(Transfer)
        if transfer is None or not transfer.report.take_subscribe(leg, incoming):
            _carry_over(call, leg, other, incoming, incoming.request)

    def _refer(self, call: Call, leg: Leg, incoming: Incoming) -> None:
        other = _other_end(call, leg, incoming)
        if other is None:
            return
        way = who_carries_out(call, leg, other, incoming.request, self._dialler.router)
        if way == "refuse":
            why = "the dialplan of this call lets nobody transfer it"
            self._refuse(incoming, Reject(603, "Transfers Are Not Allowed", why=why))
        elif way == "place":
            take_refer(call, leg, other, incoming, self._dialler)
        else:
            _carry_over(call, leg, other, incoming, self._translated(incoming.request))

    def _translated(self, request: Request) -> Request:
        """Return a REFER as the far end of the leg that it names knows that leg."""
        headers = [
            (name, translated(self._ports, value) if name.lower() in ("refer-to", "r") else value)
            for name, value in request.headers.items()
        ]
        return Request(request.method, request.uri_text, headers, request.body)


def _is_of(leg: Leg, request: Request) -> bool:
    """Return whether all three parts of the dialog ID match (RFC 3261 §12.2.2), never just one."""
    if leg.sip_call_id != request.call_id:
        return False
    # A peer of RFC 2543 gives no tag: that equals an empty one (RFC 3261 §12.2.2).
    tag = request.from_tag or ""
    if leg.dialog is not None:
        return leg.dialog.remote_tag == tag or (tag in leg.early and isinstance(leg, Callee))
    return leg.invite is not None and isinstance(leg, Caller) and (leg.invite.from_tag or "") == tag


def _said_along(call: Call, leg: Leg, bye: Request) -> tuple[str | None, tuple[tuple[str, str], ...]]:
    """Return why the call ends, as whoever ends it says (RFC 3326 §2), and what else the other end is told with it."""
    if not says_along(bye):
        return None, ()
    reasons, other = ", ".join(bye.headers.get_all("reason")), call.other(leg)
    return reasons or None, () if other is None else farewell_headers(bye, leg.passage_to(other))


def _is_untold(leg: Leg, request: Request) -> TypeGuard[Callee]:
    """Return whether a request belongs to a dialog that a callee has, and has not told us of yet."""
    is_rung = isinstance(leg, Callee) and leg.is_open and leg.sip_call_id == request.call_id
    return is_rung and bool(request.from_tag)


def _take_ack(call: Call, leg: Leg, ack: Request) -> None:
    """Take the ACK to a 2xx that `leg` was sent; an answer that it carries goes on to the other end."""
    if leg.unacked_response is None or ack.cseq.number != leg.unacked_cseq:
        return  # it has come before, as every copy of the 2xx is acknowledged
    leg.acked()
    if leg.has_refused_goodbye:
        leg.say_goodbye()
    if leg.state is not ANSWERED:
        return  # the other end has hung up already, and the BYE is on its way
    leg.invite = None
    reinvite = leg.reinvite
    if reinvite is not None and reinvite.is_acknowledged_by(leg, ack):
        leg.reinvite = None
        call.changed()
        reinvite.acknowledged(ack)
    elif leg is call.caller and call.peer is not None and call.peer.ack is None:
        peer = call.peer
        body = call.body_for(ack, leg, peer)
        call.ports.sessions.described(peer, body)
        peer.acknowledge(body, ack.headers.get("content-type"))
    if leg.reinvite is not None:
        leg.reinvite.go_on()


def _dialog_of(call: Call, leg: Leg) -> Dialog | None:
    """Return the leg's dialog; the caller's early one is made when it is first needed."""
    if leg.dialog is None and leg is call.caller and leg.invite is not None:
        leg.dialog = Dialog.as_uas(leg.invite, leg.local_tag)
    return leg.dialog


def _other_end(call: Call, leg: Leg, incoming: Incoming) -> Leg | None:
    """Return the end that a request is to cross to; without one it is answered 500, as 480 ends calls (RFC 5057)."""
    other = call.other(leg) if call.peer is not None or leg is not call.caller else call.early_callee()
    if other is None or other.flow is None or other.is_finished or _dialog_of(call, other) is None:
        incoming.respond(500, "Other End Not Reached Yet", headers=(("Retry-After", "2"),))
        return None
    return other


def _is_too_short(call: Call, incoming: Incoming) -> bool:
    """Answer a request 422 that wants its session refreshed more often than we do (RFC 4028 §9)."""
    if "session-expires" not in incoming.request.headers.index():
        return False
    headers = call.ports.sessions.refusal(call, incoming.request)
    if headers is not None:
        incoming.respond(422, headers=headers)
    return headers is not None


def _refuse_for_now(incoming: Incoming, refusal: Refusal) -> None:
    status, reason, headers = refusal
    incoming.respond(status, reason, headers=headers)


def _is_mere_refresh(leg: Leg, update: Request) -> bool:
    """Return whether an UPDATE is about the session timer of its sender alone, and not about who is talking."""
    if update.body:
        return False
    index = update.headers.index()
    return "session-expires" in index or (session_of(leg) is not None and index.keys().isdisjoint(IDENTITY))


def _carry_over(call: Call, leg: Leg, other: Leg, incoming: Incoming, request: Request) -> None:
    if len(call.processes) >= MOST_PROCESSES:
        incoming.respond(500, "Too Many Requests Pending", headers=(("Retry-After", "2"),))
        return
    if request.method in ("INVITE", "UPDATE"):
        call.ports.routes.heard_from(leg, incoming.flow)
    _start(Relay(call, leg, other, request, incoming.flow), incoming)


def _is_late(call: Call, prack: Request) -> bool:
    """Return whether a PRACK is for what was told before the final response (RFC 3262 §3)."""
    provisionals = call.find(Provisionals)
    return provisionals is not None and provisionals.is_late(prack)


def _start(relay: Relay, incoming: Incoming) -> None:
    """Let a request cross."""
    relay.server = server = incoming.open(relay)
    if isinstance(server, ServerInvite):
        server.promise_nothing()
    relay.begin()
    relay.carry_over()

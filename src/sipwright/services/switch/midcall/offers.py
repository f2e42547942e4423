"""Offers that wait for an answer: what keeps another one from crossing (RFC 3311 §5.1, §5.2; RFC 3261 §14.2).

There is one offer at a time in a dialog (RFC 3264 §4), and each that crosses is one in both. Before the answer there is
none to be made until that of the INVITE was answered reliably, on both legs.
"""

from __future__ import annotations

from zlib import crc32

from sipwright.sip import Request

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg
from .provisionals import Provisionals
from .relay import Relay

__all__ = ["Refusal", "earlier_update", "later", "refusal_of_offer", "refusal_of_update"]

Refusal = tuple[int, str, tuple[tuple[str, str], ...]]
"""Status, reason phrase, headers."""

_PENDING: Refusal = (491, "Request Pending", ())


def earlier_update(call: Call, leg: Leg) -> Relay | None:
    """Return the UPDATE of a leg that is not answered yet."""
    for relay in _relays(call):
        if relay.sender is leg and relay.request.method == "UPDATE" and not relay.is_over:
            return relay
    return None


def refusal_of_update(call: Call, leg: Leg, update: Request, earlier: Relay | None) -> Refusal | None:
    """Return how an UPDATE is to be refused, given the earlier one of its leg; None when it may be taken."""
    if earlier is not None:
        return later(update)
    if not update.body:
        return None
    if call.peer is None and call.originator is None and not _is_settled(call, leg):
        # The caller's own offer is not answered yet, or that which we have made to a callee.
        return later(update) if leg is call.caller else _PENDING
    for each in (leg, call.other(leg)):
        if each is not None and each.reinvite is not None and not isinstance(each.reinvite, Relay):
            return _PENDING  # a re-INVITE of ours
    return refusal_of_offer(call, leg, update)


def refusal_of_offer(call: Call, leg: Leg, request: Request) -> Refusal | None:
    """Return how an offer is to be refused since another one waits; two re-INVITEs have rules of their own."""
    for relay in _relays(call):
        are_both = request.method == relay.request.method == "INVITE"
        if leg in (relay.sender, relay.receiver) and relay.has_open_offer and not are_both:
            # What the sender has offered itself is met by 500, what we have by 491.
            is_own = (relay.sender is leg) is relay.had_offer
            return later(request) if is_own else _PENDING
    if _is_answer_missing(call):
        return later(request) if leg is call.peer else _PENDING
    return None


def _is_answer_missing(call: Call) -> bool:
    """Return whether the offer in the 2xx to the first INVITE is not answered yet: the caller's ACK has the answer.

    That may have been lost, or overtaken; the 2xx is said again until it comes.
    """
    caller, peer = call.caller, call.peer
    if peer is None or peer.ack is not None or caller.unacked_response is None or caller.invite is None:
        return False
    return not caller.invite.body and caller.unacked_cseq == caller.invite.cseq.number


def _relays(call: Call) -> list[Relay]:
    return [process for process in call.processes if isinstance(process, Relay)] if call.processes else []


def _is_settled(call: Call, leg: Leg) -> bool:
    """Return whether the offer of the INVITE was answered reliably, in the early dialog of both legs."""
    provisionals, caller = call.find(Provisionals), call.caller
    if provisionals is None:
        return False
    if isinstance(leg, Callee):
        tag = "" if leg.dialog is None else leg.dialog.remote_tag
        dialog, local = (leg.index, tag), caller.tags.get((leg.index, tag))
    else:
        local = caller.local_tag
        dialog = next((known for known, tag in caller.tags.items() if tag == local), (0, ""))
    is_offered = caller.invite is not None and bool(caller.invite.body)
    return local in provisionals.given and (not is_offered or dialog in provisionals.answers)


def later(request: Request) -> Refusal:
    """Return a 500 that says after how many seconds to try again, from 0 to 10 as chance will have it."""
    seconds = crc32(f"{request.call_id}{request.cseq.number}".encode()) % 11
    return 500, "Another Offer Pending", (("Retry-After", str(seconds)),)

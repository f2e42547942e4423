"""Going on with the calls of a process that is no more: from `call_state.py`'s text back to live calls."""

from __future__ import annotations

import json
import zlib
from typing import Any, NamedTuple, Protocol

from sipwright.sip import Message, Request, parse
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import CALLING, PROCEEDING, ClientInvite
from sipwright.stack import ReconnectingFlow

from ..call.call import Call, CallState
from ..call.callee import Callee
from ..call.caller import Caller
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..dialling.hunt import Hunt
from ..midcall.liveness import AFTER_REVIVAL, Probe
from ..midcall.relay import Crossing
from ..model.destination import Destination
from ..model.identity import Identity
from ..model.leg_state import LegState
from ..model.outcome import Outcome
from ..transfer.takeover import Replacement
from ..transfer.target_call import ReferredCall
from ..transfer.third_party_call import ThirdPartyCall
from ..transfer.transfer import Transfer
from .call_state import FORMAT, MEMORY

__all__ = ["Revived", "StoredCall", "read_document", "revive"]

GRACE = 4.2
"""How long a phone rings at least after a restart: an answer is repeated after T2 at most (RFC 3261 §13.3.1.4)."""


class StoredCall(Protocol):
    """A row of the table `calls`."""

    @property
    def id(self) -> str:
        """The call."""

    @property
    def document(self) -> bytes:
        """Its state."""


class Revived(NamedTuple):
    """A call as it stood, and its timers by name (Unix times)."""

    call: Call
    deadlines: dict[str, float]


def read_document(ports: CallPorts[Call], call_id: str, document: bytes) -> Revived:
    """Make a call again from what was written; `revive` then sets it going.

    Raises:
        ValueError: The document is of a newer format, or not one at all.
    """
    parts = json.loads(document)
    if not isinstance(parts, list) or not parts or parts[0] != FORMAT:
        raise ValueError(f"call {call_id} was written in a format that this version does not know")
    _, state, identity, facts, deadlines, caller, legs, crossings, rest = parts
    peer, early_leg, hunt, execution_id, *more = rest
    call = _kind(more)(ports, call_id, Identity(*identity), facts[0])
    _, answered_at, from_text, to_text, dialled_user, max_forwards, call.loops, limit = facts
    call.state, call.has_row = CallState(state), True
    call.answered_at, call.from_text, call.to_text = answered_at, from_text, to_text
    call.dialled_user, call.max_forwards, call.limit = dialled_user, max_forwards, limit
    call.caller = _read_caller(call, caller)
    call.legs = [_read_callee(call, index, leg) for index, leg in enumerate(legs, 1)]
    call.processes = tuple(Crossing.from_state(call, crossing) for crossing in crossings)
    call.early_leg, call.execution_id = early_leg, execution_id
    if isinstance(call, ThirdPartyCall | ReferredCall):
        call.read_state(more[0])
    call.peer = None if peer is None else call.legs[peer - 1]
    if more and more[-1][0] == "call":
        _, near, transfer, replacement = more[-1]
        call.near = None if near is None else (call.caller, *call.legs)[near]
        if transfer is not None:
            call.carry(Transfer.from_state(call, transfer))
        if replacement is not None:
            call.carry(Replacement.from_state(call, replacement))
    if hunt is not None:
        groups, ring, headers, first = hunt
        call.hunt = read = Hunt(call, groups, ring, [(name, value) for name, value in headers])
        read.first = first
    # They are in the document again from the first time that it is written, even before anything goes on.
    call.timers = dict(deadlines)
    return Revived(call, deadlines)


def _kind(more: list[Any]) -> type[Call]:
    """Return the class of a call, by what its document has beyond that of others."""
    if not more or more[0][0] == "call":
        return Call
    return ReferredCall if more[0][0] == "referred" else ThirdPartyCall


def revive(revived: Revived) -> None:
    """Set a call going where it stood: open transactions, repeated responses, timers.

    What may have been stored and never sent is sent once more: a peer that has it already takes it for a
    retransmission.
    """
    call = revived.call
    _revive_timers(call, revived.deadlines)
    _revive_caller(call)
    for leg in call.legs:
        _revive_callee(call, leg)
    asking = [(each, each.asking) for each in (call.caller, *call.legs) if each.asking is not None]
    for each in (call.caller, *call.legs):
        _revive_dialog(call, each)
    crossings = [process for process in call.processes if isinstance(process, Crossing)]
    others = [process for process in call.processes if not isinstance(process, Crossing)]
    for crossing in crossings:
        crossing.resume()
    for each, asked in asking:  # what is asked only now has its own turn
        _ask_again(call, each, asked)
    for process in others:
        process.resume()
    call.revived()
    if _is_dialplan_lost(call):
        call.reject(Outcome(500, "Dialplan Lost"))
    # Last, since a phone that is back already has the call stored: by now all of it is there again.
    for each in (call.caller, *call.legs):
        call.ports.routes.expect(each)
    call.settle()


def _is_dialplan_lost(call: Call) -> bool:
    """Return whether nothing is there any more that could go on with the setup of a call."""
    is_set_up = call.state is not CallState.SETTING_UP or call.hunt is not None or call.script is not None
    return not is_set_up and type(call) is Call and call.find(Replacement) is None


def _revive_timers(call: Call, deadlines: dict[str, float]) -> None:
    now = call.ports.wall_clock()
    for name, deadline in deadlines.items():
        if name not in call.timers:
            continue  # what it was for has happened meanwhile
        # Whoever answered while nobody listened is given the time to say so again.
        earliest = now + GRACE if name == "ring" else now
        call.arm(name, max(deadline, earliest) - now)
    if call.state is CallState.TALKING and call.ports.settings.probe:
        call.arm("probe", 1.0 + zlib.crc32(call.id.encode()) % AFTER_REVIVAL)


def _revive_caller(call: Call) -> None:
    """Go on with the transaction of the caller's INVITE."""
    caller, stack = call.caller, call.ports.stack
    if caller.flow is None:
        return
    if caller.is_open and caller.invite is not None:
        caller.transaction = stack.restore_server(caller.invite, caller.flow, caller, caller.told)
    elif caller.state is LegState.REFUSED and caller.told is not None:
        caller.transaction = stack.restore_answered(caller.told, caller.flow, caller)
    if caller.transaction is not None:
        caller.transaction.local_tag = caller.local_tag


def _revive_callee(call: Call, leg: Callee) -> None:
    """Go on with the transaction of our INVITE to a leg."""
    stack = call.ports.stack
    if leg.state not in (LegState.CALLING, LegState.RINGING, LegState.CANCELLED):
        return
    if leg.flow is None or leg.invite is None:
        if leg.state is LegState.CALLING and call.hunt is not None:
            call.hunt.launch(leg)  # its address was still being looked up
        elif not leg.is_open:
            leg.state = LegState.ENDED
        return
    has_rung = leg.state is not LegState.CALLING and leg.rang_at is not None
    is_away = isinstance(leg.flow, ReconnectingFlow)
    transaction = stack.restore_client(
        leg.invite, leg.flow, leg, PROCEEDING if has_rung or is_away else CALLING
    )
    if isinstance(transaction, ClientInvite):
        transaction.holds_ack = True
    leg.transaction = transaction
    if leg.state is LegState.CANCELLED:
        leg.cancel_again()
    elif is_away:
        leg.flow.send(transaction.wire)  # once it is back; what it has said meanwhile it then says again


def _revive_dialog(call: Call, leg: Leg) -> None:
    """Say again, inside the dialog, what the peer may not have heard."""
    ports, flow = call.ports, leg.flow
    if flow is None:
        return
    now = ports.wall_clock()
    if leg.last_answer is not None and now < leg.last_answer_at + MEMORY:
        ports.stack.restore_answered(leg.last_answer, flow, None)
    if leg.told is not None and leg.state is LegState.ANSWERED:
        ports.stack.restore_answered(leg.told, flow, None)
        if now < leg.told_at + MEMORY:
            leg.repeat_until_acknowledged(leg.told, is_revived=True)
        else:
            leg.told = None  # the peer has long forgotten that it asked, so that no ACK means nothing
    if leg.ack is not None and leg.state is LegState.ANSWERED and _may_miss_ack(call, leg, now):
        ports.routes.send_ack(leg, leg.ack)  # a copy does no harm, and without any the peer hangs up
    if leg.asking is None and leg.state is LegState.HANGING_UP:
        leg.say_goodbye()


def _may_miss_ack(call: Call, leg: Leg, now: float) -> bool:
    """Return whether our ACK may not have left: it was to go with what the other end was told, or with the answer."""
    other = call.other(leg)
    return now < (leg.answered_at or 0.0) + MEMORY or (other is not None and other.told is not None)


def _ask_again(call: Call, leg: Leg, asking: bytes) -> None:
    request = parse(asking)
    if not isinstance(request, Request):
        return
    if leg.state is LegState.HANGING_UP:
        call.ports.routes.send_request(leg, request, leg)
    elif leg.state is LegState.ANSWERED and leg.dialog and leg.dialog.local_cseq == request.cseq.number:
        # With a higher number in use it was answered, or has lost its turn (RFC 3261 §12.2.2).
        call.ports.routes.send_request(leg, request, Probe(call, leg))


def _read_caller(call: Call, parts: list[Any]) -> Caller:
    *common, progress = parts
    invite = None if common[7] is None else parse(common[7].encode("latin-1"))
    leg = Caller(call, common[1], common[2], common[10])
    leg.progress = progress
    _read_leg(leg, common, invite)
    return leg


def _read_callee(call: Call, index: int, parts: list[Any]) -> Callee:
    *common, destination, has_authenticated = parts
    invite = None if common[7] is None else parse(common[7].encode("latin-1"))
    leg = Callee(call, index, common[1], common[2], common[10], _read_destination(destination))
    leg.has_authenticated = has_authenticated
    _read_leg(leg, common, invite)
    return leg


def _read_leg(leg: Leg, parts: list[Any], invite: Message | None) -> None:
    state, _, _, flow, leg.source, leg.is_phone, dialog, _, leg.invite_cseq, ack, _, *times = parts
    leg.state = LegState(state)
    stack = leg.owner.ports.stack
    leg.flow = None if flow is None else stack.flow_from_key(flow) or stack.reconnecting_flow(flow)
    leg.dialog = None if dialog is None else Dialog.from_state(dialog)
    leg.invite = invite if isinstance(invite, Request) else None
    leg.ack = None if ack is None else ack.encode("latin-1")
    leg.rang_at, leg.answered_at, leg.ended_at, outcome, leg.hung_up_by, leg.instance, *unheard = times
    leg.outcome = None if outcome is None else Outcome(*outcome)
    told, asking, last_answer = unheard
    if told is not None:
        leg.told, leg.told_at = told[0].encode("latin-1"), told[1]
        leg.told_cseq = parse(leg.told).cseq.number
    leg.asking = None if asking is None else asking.encode("latin-1")
    if last_answer is not None:
        leg.last_answer, leg.last_answer_at = last_answer[0].encode("latin-1"), last_answer[1]


def _read_destination(parts: list[Any]) -> Destination:
    destination = Destination(*parts)
    destination.headers = tuple((name, value) for name, value in destination.headers)
    if destination.provider is not None:
        user_id, name = destination.provider
        destination.provider = (user_id, name)
    return destination

"""Going on with the calls of a process that is no more: from `document.py`'s text back to live calls."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from sipwright.services.leg_options import OPTIONS, PLAIN, LegOptions
from sipwright.sip import Request, parse
from sipwright.sip.client_auth import ClientAuth
from sipwright.sip.dialog import Dialog
from sipwright.sip.parser import parse_draft
from sipwright.sip.transaction import CALLING, PROCEEDING, ClientInvite
from sipwright.stack import ReconnectingFlow
from sipwright.transport import Flow

from ..call.call import Call
from ..call.callee import Callee, Carried
from ..call.caller import Caller
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..call.process import CallProcess, Originator
from ..dialling.hunt import Hunt
from ..dialling.launch import launch
from ..midcall.liveness import AFTER_RECOVERY, PROBE, Probe
from ..midcall.provisionals import Provisionals
from ..midcall.refer_names import ReferNames
from ..midcall.relay import Relay
from ..midcall.renegotiation import Renegotiation
from ..midcall.session_timer import SessionTimer
from ..midcall.unwanted_answer import UnwantedAnswer
from ..model.call_state import CallState
from ..model.destination import Destination
from ..model.identity import Identity
from ..model.leg_state import LegEvent, LegState
from ..model.outcome import Outcome
from ..transfer.pickup import Picker
from ..transfer.takeover import Takeover
from ..transfer.target_call import Target
from ..transfer.third_party_call import ThirdParty
from ..transfer.transfer import Transfer
from .document import (
    MEMORY,
    NONSENSE,
    StoredCall,
    StoredLeg,
    damaged,
    read_document,
)

__all__ = ["CallRow", "Recovered", "recover", "restore"]

GRACE = 5.2
"""How long a phone rings at least after a restart: an answer is repeated after T2 at most (RFC 3261 §13.3.1.4).

And a server is given so long to say something. What is repeated as a node takes over may still go to where the lost one
was, whose address moves a moment later.
"""

_CSEQ = re.compile(rb"\r\nCSeq: ([0-9]{1,10}) ").search
"""The CSeq as nearly everybody writes it, found without reading the whole response: a start does so for each call."""


REFRESH_GRACE = 16.5
"""How long a session lasts at least after a restart: a refresh is repeated after 32*T1 at most (RFC 3261 §17.1.1.2)."""


class CallRow(Protocol):
    """A row of the table `calls`."""

    @property
    def id(self) -> str:
        """The call."""

    @property
    def document(self) -> bytes:
        """Its state."""


class Recovered(NamedTuple):
    """A call as it stood, and its timers by name (Unix times)."""

    call: Call
    deadlines: dict[str, float]


ORIGINATORS: dict[str, Callable[[Call, Any], Originator]] = {
    ThirdParty.kind: ThirdParty.from_state,
    Target.kind: Target.from_state,
    Picker.kind: Picker.from_state,
}
PROCESSES: dict[str, Callable[[Call, Any], CallProcess]] = {
    "relay": Relay.from_state,
    "transfer": Transfer.from_state,
    "takeover": Takeover.from_state,
    "renegotiation": Renegotiation.from_state,
    "unwanted_answer": UnwantedAnswer.from_state,
    "session": SessionTimer.from_state,
    "provisionals": Provisionals.from_state,
    "refer_names": ReferNames.from_state,
}


def restore(ports: CallPorts[Call], row: CallRow) -> Recovered:
    """Make a call again from what was written; `recover` then sets it going.

    Raises:
        UnreadableError: The document is of a newer format, or damaged.
    """
    stored = read_document(row.document)
    try:
        return Recovered(_restored(ports, row.id, stored), stored.timers)
    except NONSENSE as error:
        raise damaged(error) from error


def _restored(ports: CallPorts[Call], call_id: str, stored: StoredCall) -> Call:
    identity = Identity(
        stored.direction, stored.account_id, stored.user_id, stored.domain,
        dialplan_id=stored.dialplan_id, dialplan=stored.dialplan, version=stored.version,
    )  # fmt: skip
    call = Call(ports, call_id, identity, stored.started_at)
    call.state, call.has_row = CallState(stored.state), True
    call.answered_at, call.from_text, call.to_text = stored.answered_at, stored.from_text, stored.to_text
    call.dialled_user, call.max_forwards = stored.dialled_user, stored.max_forwards
    call.loops, call.passes, call.limit = stored.loops, stored.passes, stored.limit
    call.shown_from = stored.shown_from
    call.linked_id, call.is_part = stored.linked_id, stored.is_part
    call.early_leg, call.early_tag, call.execution_id = (
        stored.early_leg,
        stored.early_tag,
        stored.execution_id,
    )
    call.caller = _caller(call, stored.caller)
    call.legs = [_callee(call, index, leg) for index, leg in enumerate(stored.legs, 1)]
    legs: list[Leg] = [call.caller, *call.legs]
    call.peer = None if stored.peer is None else call.legs[stored.peer - 1]
    call.near = None if stored.near is None else legs[stored.near]
    call.held = tuple(stored.held)
    if stored.kind != "call":
        call.originator = ORIGINATORS[stored.kind](call, getattr(stored, stored.kind))
    call.processes = tuple(PROCESSES[process.kind](call, process) for process in stored.processes)
    call.hunt = None if stored.hunt is None else Hunt.from_state(call, stored.hunt)
    # They are in the document again from the first time that it is written, even before anything goes on.
    call.timers = dict(stored.timers)
    return call


def recover(recovered: Recovered) -> None:
    """Set a call going where it stood, inside its event: open transactions, repeated responses, timers.

    What may have been stored and never sent is sent once more: a peer that has it already takes it for a
    retransmission.
    """
    call = recovered.call
    _recover_timers(call, recovered.deadlines)
    _recover_caller(call)
    for leg in call.legs:
        _recover_callee(call, leg)
    asking = [
        (each, each.pending_request) for each in (call.caller, *call.legs) if each.pending_request is not None
    ]
    for each in (call.caller, *call.legs):
        _recover_dialog(call, each)
    relays = [process for process in call.processes if isinstance(process, Relay)]
    others = [process for process in call.processes if not isinstance(process, Relay)]
    for relay in relays:
        relay.resume()
    for each, asked in asking:  # what is asked only now has its own turn
        _ask_again(call, each, asked)
    for process in others:
        process.resume()
    if call.originator is not None:
        call.originator.resume()
    if _is_dialplan_lost(call):
        call.reject(Outcome(500, "Dialplan Lost"))
    # Last, since a phone that is back already has the call stored: by now all of it is there again.
    for each in (call.caller, *call.legs):
        call.ports.routes.expect(each)


def _is_dialplan_lost(call: Call) -> bool:
    """Return whether nothing is there any more that could go on with the setup of a call."""
    is_set_up = call.state is not CallState.SETTING_UP or call.hunt is not None or call.script is not None
    return not is_set_up and call.originator is None and call.find(Takeover) is None


def _recover_timers(call: Call, deadlines: dict[str, float]) -> None:
    now = call.ports.wall_clock()
    for name, deadline in deadlines.items():
        if name not in call.timers:
            continue  # what it was for has happened meanwhile
        # Whoever answered while nobody listened is given the time to say so again.
        earliest = now
        if name == "ring" or name.startswith("answer "):
            earliest += GRACE
        elif name.startswith("session "):
            earliest += REFRESH_GRACE
        call.arm(name, max(deadline, earliest) - now)
    if call.state is CallState.TALKING and call.ports.settings.probe:
        call.arm(PROBE, 1.0 + zlib.crc32(call.id.encode()) % AFTER_RECOVERY)


def _recover_caller(call: Call) -> None:
    """Go on with the transaction of the caller's INVITE."""
    caller, stack = call.caller, call.ports.stack
    if caller.flow is None:
        return
    if caller.is_open and caller.invite is not None:
        if not _is_first(call, caller.invite):
            call.caller_cancelled(None)
            call.refusal_arrived()
            return
        caller.transaction = stack.restore_server(caller.invite, caller.flow, caller, caller.unacked_response)
    elif caller.state is LegState.REFUSED and caller.unacked_response is not None:
        caller.transaction = stack.restore_answered(caller.unacked_response, caller.flow, caller)
    if caller.transaction is not None:
        caller.transaction.local_tag = caller.local_tag


def _is_first(call: Call, invite: Request) -> bool:
    """Return whether a call is the one that its INVITE stands for, and end the other one if it is.

    A caller who repeats himself while one node takes over from another may have begun a call there, before that node
    has heard of the one that there was.
    """
    layer = call.ports.stack.layer
    transaction = layer.find_server(invite)
    if transaction is None:
        return True
    younger = transaction.user
    if not isinstance(younger, Caller) or not younger.is_open:
        return False
    layer.forget(transaction)
    with younger.owner.event():
        younger.transaction = None
        younger.owner.caller_cancelled(None)
        younger.owner.refusal_arrived()
    return True


def _recover_callee(call: Call, leg: Callee) -> None:
    """Go on with the transaction of our INVITE to a leg."""
    stack = call.ports.stack
    if leg.state not in (LegState.CALLING, LegState.RINGING, LegState.CANCELLED):
        return
    if leg.flow is None or leg.invite is None:
        if leg.state is LegState.CALLING and isinstance(call.hunt, Hunt):
            launch(call.hunt, leg)  # its address was still being looked up
        elif not leg.is_open:
            leg.transition(LegEvent.END)
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


def _recover_dialog(call: Call, leg: Leg) -> None:
    """Say again, inside the dialog, what the peer may not have heard."""
    ports, flow = call.ports, leg.flow
    if flow is None:
        return
    now = ports.wall_clock()
    if leg.last_final is not None and now < leg.last_final_at + MEMORY:
        ports.stack.restore_answered(leg.last_final, flow, None)
    if leg.unacked_response is not None and leg.state in (LegState.ANSWERED, LegState.HANGING_UP):
        _recover_answer(leg, leg.unacked_response, flow, is_recent=now < leg.unacked_at + MEMORY)
    if leg.ack is not None and leg.state is LegState.ANSWERED and _may_miss_ack(call, leg, now):
        # A copy does no harm, and without any the peer hangs up.
        ports.routes.send_ack(leg, leg.ack, is_again=True)
    if leg.pending_request is None and leg.state is LegState.HANGING_UP:
        leg.say_goodbye()


def _recover_answer(leg: Leg, answer: bytes, flow: Flow, *, is_recent: bool) -> None:
    """Say a 2xx again that was not acknowledged, also before a BYE: whoever has not heard it asks again, and only that.

    Such a request would begin another call (RFC 6026 §7.1).
    """
    stack = leg.owner.ports.stack
    if isinstance(leg, Caller):
        leg.transaction = stack.restore_answered(answer, flow, leg)
    else:
        stack.restore_answered(answer, flow, None)
    if leg.state is not LegState.ANSWERED:
        return
    if is_recent:
        leg.repeat_until_acknowledged(answer, is_recovered=True)
    else:
        leg.unacked_response = None  # the peer has long forgotten it, so that no ACK means nothing


def _may_miss_ack(call: Call, leg: Leg, now: float) -> bool:
    """Return whether our ACK may not have left: it was to go with what the other end was told, or with the answer."""
    other = call.other(leg)
    return now < (leg.answered_at or 0.0) + MEMORY or (
        other is not None and other.unacked_response is not None
    )


def _ask_again(call: Call, leg: Leg, asking: bytes) -> None:
    number = parse(asking).cseq.number
    if leg.state is LegState.HANGING_UP:
        call.ports.routes.repeat_request(leg, asking, leg)
    elif leg.state is LegState.ANSWERED and leg.dialog and leg.dialog.local_cseq == number:
        # With a higher number in use it was answered, or has lost its turn (RFC 3261 §12.2.2).
        call.ports.routes.repeat_request(leg, asking, Probe(call, leg))


def _caller(call: Call, stored: StoredLeg) -> Caller:
    leg = Caller(call, stored.call_id, stored.tag, stored.started_at)
    if stored.provider is not None:
        user_id, name = stored.provider
        leg.provider = (user_id, name)
    leg.tags = {(number, tag): local for number, tag, local in stored.tags}
    leg.progress, leg.is_neighbour = stored.progress, stored.is_neighbour
    _restore_leg(leg, stored)
    leg.early = {tag: Dialog.from_state(stored.call_id, tag, early) for tag, early in stored.early.items()}
    return leg


def _callee(call: Call, index: int, stored: StoredLeg) -> Callee:
    assert stored.destination is not None
    destination = _destination(stored.destination)
    leg = Callee(call, index, stored.call_id, stored.tag, stored.started_at, destination)
    _restore_leg(leg, stored)
    if stored.carried is not None:
        leg.carried = Carried(*stored.carried)
    for tag, early in stored.early.items():
        dialog = Dialog.from_state(stored.call_id, stored.tag, early)
        if leg.dialog is not None and leg.dialog.remote_tag == tag:
            dialog = leg.dialog
        leg.early = {**leg.early, tag: dialog}
    return leg


def _restore_leg(leg: Leg, stored: StoredLeg) -> None:
    stack, flow = leg.owner.ports.stack, stored.flow
    leg.state, leg.source, leg.is_phone = LegState(stored.state), stored.source, stored.is_phone
    leg.flow = None if flow is None else stack.flow_from_key(flow) or stack.reconnecting_flow(flow)
    leg.instance, leg.rounds = stored.instance, stored.rounds
    leg.left = stored.left
    if stored.auth is not None:
        leg.auth = ClientAuth.from_state(stored.auth)
    if stored.dialog is not None:
        leg.dialog = Dialog.from_state(stored.call_id, stored.tag, stored.dialog)
    leg.invite_cseq = stored.invite_cseq
    if stored.invite is not None:
        # Nobody sent that of a call of our own, so that it came over no flow.
        is_draft = stored.flow is None and isinstance(leg, Caller)
        invite = (parse_draft if is_draft else parse)(stored.invite.encode("latin-1"))
        leg.invite = invite if isinstance(invite, Request) else None
    leg.rang_at, leg.answered_at, leg.ended_at = stored.rang_at, stored.answered_at, stored.ended_at
    leg.outcome = None if stored.outcome is None else Outcome.from_state(stored.outcome)
    leg.hung_up_by = stored.hung_up_by
    leg.ack, leg.pending_request = _wire(stored.ack), _wire(stored.pending_request)
    leg.unacked_response, leg.unacked_at = _wire(stored.unacked_response), stored.unacked_at
    if leg.unacked_response is not None:
        found = _CSEQ(leg.unacked_response)
        leg.unacked_cseq = int(found[1]) if found else parse(leg.unacked_response).cseq.number
    leg.last_final, leg.last_final_at = _wire(stored.last_final), stored.last_final_at


def _wire(text: str | None) -> bytes | None:
    """Return the bytes of a message."""
    return None if text is None else text.encode("latin-1")


def _destination(stored: dict[str, Any]) -> Destination:
    said = {name: stored.pop(name) for name in (*OPTIONS, "headers") if name in stored}
    destination = Destination(**stored, options=LegOptions.from_state(said) if said else PLAIN)
    if destination.provider is not None:
        user_id, name = destination.provider
        destination.provider = (user_id, name)
    if destination.parked is not None:
        seconds, account_id = destination.parked
        destination.parked = (seconds, account_id)
    return destination

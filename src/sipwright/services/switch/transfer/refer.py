"""Taking a REFER: may it be handed on, and if the switch places it, is it a good one, and for whom? (RFC 3515)"""

from __future__ import annotations

from functools import partial

from sipwright.sip import NameAddr, ParseError, Reject, Request, Uri, make_response
from sipwright.stack import Incoming

from ..call.call import Call
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..dialling.destinations import MOST_LOOPS
from ..model.leg_state import LegState
from .replaces import Replaces, is_same_party, other_end
from .target_call import TargetDialler
from .transfer import Transfer

__all__ = ["is_outsider", "take_refer"]


def is_outsider(ports: CallPorts[Call], sender: Leg, receiver: Leg) -> bool:
    """Return whether somebody outside asks a phone of ours to dial, which it would do with its owner's rights."""
    return _is_inside(ports, receiver) and not _is_inside(ports, sender)


def _is_inside(ports: CallPorts[Call], leg: Leg) -> bool:
    """Return whether a leg is a phone of ours, or leads to one through other calls here."""
    for _ in range(MOST_LOOPS + 1):
        if leg.is_phone or leg.flow is None or leg.dialog is None or leg.flow.protocol != "loop":
            break
        twin = ports.legs.get(leg.dialog.remote_tag or "")
        far = None if twin is None else other_end(ports, twin)
        if far is None:
            break
        leg = far
    return leg.is_phone


def take_refer(call: Call, leg: Leg, remaining: Leg, incoming: Incoming, dialler: TargetDialler) -> None:
    """Accept a REFER of one end of an answered call and begin what it asks for, or refuse it.

    Whoever is in the call may send it on: that is what the owner has allowed with `transfer=place`, and what is dialled
    is dialled with the owner's rights. An attended transfer must come from the party that is in the other call too.
    """
    try:
        transfer, target = _begin(call, leg, remaining, incoming.request)
    except Reject as refusal:
        incoming.respond(refusal.status, refusal.reason)
        return
    ports = call.ports
    call.carry(transfer)
    assert leg.flow is not None
    headers = [("Contact", ports.stack.local_contact(leg.flow))]
    if not _is_reported(incoming.request):
        headers.append(("Refer-Sub", "false"))
    accepted = make_response(incoming.request, 202, headers=headers)
    leg.answer(accepted, ports.wall_clock())
    call.when_stored(partial(incoming.transaction.respond, accepted, ports.clock()))
    if isinstance(target, Uri):
        referred_by = incoming.request.headers.get("referred-by")
        headers = [] if referred_by is None else [("Referred-By", referred_by)]
        referred = dialler.dial(call, leg, remaining, target, headers)
        transfer.dialled(referred)
        dialler.begin(referred)
    else:
        transfer.consult(target)


def _begin(call: Call, leg: Leg, remaining: Leg, request: Request) -> tuple[Transfer, Uri | Leg]:
    """Return the transfer, and the address or the leg that it leads to.

    Raises:
        Reject: It cannot be done.
    """
    ports = call.ports
    if call.find(Transfer) is not None or leg.state is not LegState.ANSWERED:
        raise Reject(491, "Transfer Pending")
    if call.peer is None or remaining.state is not LegState.ANSWERED:
        raise Reject(480, "Other End Not Reached Yet")
    if len(call.legs) >= ports.settings.max_legs:
        raise Reject(480, "Too Many Transfers")
    uri, replaces = _refer_to(request)
    transfer = Transfer(call, leg, remaining, request.cseq.number, is_reported=_is_reported(request))
    if replaces is None:
        if len(ports.calls) >= ports.settings.max_calls:
            raise Reject(503, "Too Many Calls")
        return transfer, uri
    named = replaces.leg(ports)
    named_call = None if named is None else ports.calls.get(named.owner.id)
    if named is None or named_call is None or named_call is call:
        raise Reject(400, "Replaces Names No Other Call Here")
    if not is_same_party(ports, leg, named):
        raise Reject(403, "Not A Call Of Yours")
    target = named_call.other(named) if named_call.peer is not None else None
    is_busy = named_call.find(Transfer) is not None
    if target is None or target.state is not LegState.ANSWERED or is_busy:
        raise Reject(480, "The Other Call Is Not Answered Yet")
    return transfer, target


def _refer_to(request: Request) -> tuple[Uri, Replaces | None]:
    """Return the address that is to be called, and the dialog that is to be replaced there.

    Raises:
        Reject: There is none, or more than one, or it is for something else than an INVITE.
    """
    values = request.headers.get_all("refer-to")
    if len(values) != 1:
        raise Reject(400, "One Refer-To Is Needed")
    try:
        uri = NameAddr.parse(values[0], "Refer-To").uri
        replaces = Replaces.in_uri(str(uri))
    except ParseError as error:
        raise Reject(400, error.reason) from None
    if not uri.is_sip:
        raise Reject(416)
    params = {name: value for name, value in uri.params.items() if name != "method"}
    if (uri.params.get("method") or "INVITE").upper() != "INVITE":
        raise Reject(400, "Only An INVITE Can Be Referred")
    return uri.replace(params=params, headers=""), replaces


def _is_reported(request: Request) -> bool:
    """Return whether the sender of a REFER wants to hear what becomes of it (RFC 4488)."""
    return (request.headers.get("refer-sub") or "true").strip().lower() != "false"

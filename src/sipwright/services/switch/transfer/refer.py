"""Taking a REFER: may it be handed on, and if the switch places it, is it a good one, and for whom? (RFC 3515)

Whoever carries out a REFER dials with rights of their own. So nobody outside gets anybody to dial, a provider is handed
none, since it would charge the owner of the call, and what a phone of ours asks for is dialled by the switch, under the
*out* dialplan of that phone. A dialplan may say otherwise of its own legs, with `transfer`.
"""

from __future__ import annotations

from functools import partial

from sipwright.services.refusals import unknown_scheme
from sipwright.sip import NameAddr, ParseError, Reject, Request, Uri, make_response
from sipwright.sip.telephone import dialled_uri
from sipwright.stack import Incoming

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..dialling.admission import RETRY_AFTER
from ..dialling.router import Router
from ..model.header_table import OUTSIDER, TRUNK
from ..model.leg_state import LegState
from .replaces import Replaces, account_of, is_same_party
from .target_call import TargetDialler, adopt
from .transfer import Transfer

__all__ = ["take_refer", "who_carries_out"]

_LATER = (("Retry-After", "2"),)
"""What goes with a 500 that is about a REFER alone, as a 480 would end the call at phones (RFC 5057 §5.1)."""


def who_carries_out(call: Call, sender: Leg, receiver: Leg, request: Request, router: Router) -> str:
    """Return what becomes of a REFER, in the words of the option `transfer`: "pass", "refuse" or "place".

    When the dialplan says nothing, only phones of one owner may ask each other, and only to call an account here; who
    else may ask the switch, the policy says.
    """
    callee = call.peer or (sender if isinstance(sender, Callee) else receiver)
    said = callee.destination.options.transfer if isinstance(callee, Callee) else None
    if said is not None:
        return said
    may_ask = sender.may("refer", call.ports.settings.policy, call.identity.domain)
    asking = account_of(call.ports, sender)
    if asking is None or not may_ask:
        return "place" if may_ask and sender.party in (OUTSIDER, TRUNK) else "refuse"
    owner = _owner(router, asking)
    is_among_us = owner is not None and owner == _owner(router, account_of(call.ports, receiver))
    return "pass" if is_among_us and _is_for_phone(call.ports, request, router) else "place"


def _owner(router: Router, account_id: int | None) -> int | None:
    account = None if account_id is None else router.accounts.account_by_id(account_id)
    return None if account is None else account.user_id


def _is_for_phone(ports: CallPorts[Call], request: Request, router: Router) -> bool:
    """Return whether a phone can do what a REFER asks for: to call an account, in whose call nobody rings yet.

    A phone takes the INVITE that replaces a call it has answered, and refuses one for a call that it has not (RFC 3891
    §3).
    """
    try:
        uri, replaces = _refer_to(request)
    except Reject:
        return False
    if not uri.is_sip or (replaces is not None and replaces.ringing(ports) is not None):
        return False  # what a number stands for, no phone has to know
    domain = router.accounts.served_domain(uri.host, uri.port)
    return domain is not None and router.find(uri.user or "", domain) is not None


def take_refer(call: Call, leg: Leg, remaining: Leg, incoming: Incoming, dialler: TargetDialler) -> None:
    """Accept a REFER of one end of an answered call and begin what it asks for, or refuse it.

    What a phone of ours asks for is dialled with the rights of its account; anybody else may ask only where the owner
    of the call has allowed it with `transfer=place`, whose rights these are then. An attended transfer must come from
    the party that is in the other call too.
    """
    request = incoming.request
    try:
        transfer, target = _begin(call, leg, remaining, request)
        by = request.headers.get("referred-by")
        dialled = dialler.dial(call, leg, remaining, target, by) if isinstance(target, Uri) else None
    except Reject as refusal:
        incoming.open()
        call.ports.stack.pipeline.refuse(incoming, refusal)
        return
    ports = call.ports
    call.carry(transfer)
    assert leg.flow is not None
    headers = [("Contact", leg.contact_on(leg.flow))]
    if not _is_reported(request):
        headers.append(("Refer-Sub", "false"))
    accepted = make_response(request, 202, headers=headers)
    leg.answer(accepted, ports.wall_clock())
    call.when_stored(partial(incoming.transaction.respond, accepted, ports.clock()))
    if dialled is not None:
        transfer.dialled(dialled)
        dialler.begin(dialled)
    elif isinstance(target, Leg):
        transfer.consult(target)
    elif isinstance(target, Call):
        adopt(target, call.id)
        transfer.dialled(target)


def _begin(call: Call, leg: Leg, remaining: Leg, request: Request) -> tuple[Transfer, Uri | Leg | Call]:
    """Return the transfer, and the address, the leg, or the call that still rings that it leads to.

    Raises:
        Reject: It cannot be done.
    """
    ports = call.ports
    if call.find(Transfer) is not None or leg.state is not LegState.ANSWERED:
        raise Reject(491, "Transfer Pending")
    if call.peer is None or remaining.state is not LegState.ANSWERED:
        raise Reject(500, "Other End Not Reached Yet", _LATER)
    if len(call.legs) >= ports.settings.max_legs:
        raise Reject(500, "Too Many Transfers")
    uri, replaces = _refer_to(request)
    target = dialled_uri(uri, call.identity.domain, ports.settings.help)
    if target is None:
        raise unknown_scheme(str(uri))
    transfer = Transfer(call, leg, remaining, request.cseq.number, is_reported=_is_reported(request))
    if replaces is None:
        if not ports.settings.admits(len(ports.calls), "transfer", target.user):
            raise Reject(503, "Too Many Calls", RETRY_AFTER)
        return transfer, target
    ringing = replaces.ringing(ports)
    if ringing is not None and ringing is not call:
        if not is_same_party(ports, leg, ringing.caller):
            raise Reject(403, "Not A Call Of Yours")
        return transfer, ringing
    named = replaces.leg(ports)
    named_call = None if named is None else ports.calls.get(named.owner.id)
    if named is None or named_call is None or named_call is call:
        raise Reject(400, "Replaces Names No Other Call Here")
    if not is_same_party(ports, leg, named):
        raise Reject(403, "Not A Call Of Yours")
    far = named_call.other(named) if named_call.peer is not None else None
    is_busy = named_call.find(Transfer) is not None
    if far is None or far.state is not LegState.ANSWERED or is_busy:
        raise Reject(500, "The Other Call Is Not Answered Yet", _LATER)
    return transfer, far


def _refer_to(request: Request) -> tuple[Uri, Replaces | None]:
    """Return the address that is to be called, and the dialog that is to be replaced there.

    Raises:
        Reject: There is none, or more than one, or it is for something else than an INVITE.
    """
    values = request.headers.get_all("refer-to")
    if len(values) != 1:
        raise Reject(400, "One Refer-To Is Needed")
    try:
        # Without brackets "?" and ";" may not be there (RFC 3261 §20), and some phones write them all the same.
        address = values[0] if "<" in values[0] else f"<{values[0]}>"
        uri = NameAddr.parse(address, "Refer-To").uri
        replaces = Replaces.in_uri(str(uri))
    except ParseError as error:
        raise Reject(400, error.reason) from None
    if not uri.is_sip:
        return uri, None
    params = {name: value for name, value in uri.params.items() if name != "method"}
    if (uri.params.get("method") or "INVITE").upper() != "INVITE":
        raise Reject(400, "Only An INVITE Can Be Referred")
    return uri.replace(params=params, headers=""), replaces


def _is_reported(request: Request) -> bool:
    """Return whether the sender of a REFER wants to hear what becomes of it (RFC 4488)."""
    return (request.headers.get("refer-sub") or "true").strip().lower() != "false"

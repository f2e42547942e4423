"""An INVITE with Join that names a leg of ours (RFC 3911): the phone that is called hears of it in its own terms.

That phone mixes; the switch has no media. Who has learnt of a call from its dialog events knows the dialog of that very
phone, which then hears just that.
"""

from __future__ import annotations

from sipwright.sip import ParseError, Reject, Request

from ..call.call import Call
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..dialling.router import Decision
from .replaces import Replaces, account_of, other_end, phone_of
from .takeover import refuse_others

__all__ = ["name_joined"]


def name_joined(ports: CallPorts[Call], request: Request, decision: Decision, dialled: int | None) -> None:
    """Let an INVITE name the call that it is to join as the phones of the account `dialled` know it.

    Raises:
        Reject: It is not the sender's to join: 403; it names several: 400.
    """
    values = request.headers.get_all("join")
    if len(values) > 1:
        raise Reject(400, "One Join")
    try:
        named = Replaces.parse(values[0])
    except ParseError:
        return  # which is for whoever is called to say
    leg = named.leg(ports) or named.turned_round().leg(ports)
    call = None if leg is None else ports.calls.get(leg.owner.id)
    if leg is None or call is None:
        return
    refuse_others(ports, call, leg, decision)
    dialog = None if (joined := _end_at(ports, leg, dialled)) is None else joined.dialog
    if dialog is not None:
        there = Replaces(dialog.call_id, dialog.remote_tag, dialog.local_tag)
        request.headers.set("Join", str(there))


def _end_at(ports: CallPorts[Call], leg: Leg, dialled: int | None) -> Leg | None:
    """Return the end of a call that is at an account, else the one that is not the end which is named."""
    far = other_end(ports, leg)
    end = leg if far is None or account_of(ports, leg) == dialled is not None else far
    return phone_of(ports, end)

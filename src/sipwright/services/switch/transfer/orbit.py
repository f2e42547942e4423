"""The orbit: where calls are parked. It is a phone inside of the switch that answers by itself, and with silence.

It is reached by the loop, and keeps nothing: what it says follows from what it is asked, so that any process goes on
with its dialogs. Whoever is parked has a call with it like any other, which can be transferred, and taken over.
"""

from __future__ import annotations

import zlib

from sipwright.sdp import answer_silently, offer_silence
from sipwright.services.ports import AccountView
from sipwright.sip import Request
from sipwright.stack import Incoming

from ..call.call import Call
from ..call.callee import Callee
from ..dialling.destinations import LOOP_FLOW
from ..model.destination import Destination

__all__ = ["ORBIT", "PARK", "answer_parked", "ring_back_later", "slot_of"]

ORBIT = "parked.invalid"
"""The host of all slots, which is none (RFC 2606)."""

PARK = "park"
"""The timer that runs until a parked call rings back."""

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE"


def slot_of(account: AccountView, seconds: float, back: int) -> Destination:
    """Return where a call is parked; `back` is the account that it rings back to, after so many seconds."""
    aor = f"sip:{account.username}@{account.domain}"
    uri = f"sip:{account.username}@{ORBIT}"
    return Destination(
        target=f"{account.username}@parked", uri=uri, to=aor, flow=LOOP_FLOW, account_id=account.id,
        parked=(seconds, back),
    )  # fmt: skip


def ring_back_later(call: Call, leg: Callee) -> None:
    """Let the time of a call run whose peer from now on is a slot."""
    if leg.destination.parked is not None:
        call.arm(PARK, leg.destination.parked[0])


def answer_parked(incoming: Incoming) -> bool:
    """Answer what a slot is asked; False for all else that comes by the loop."""
    request = incoming.request
    uri = request.request_uri
    if uri.host != ORBIT or request.method == "ACK":
        return uri.host == ORBIT
    headers = (("Contact", f"<{uri}>"), ("Allow", ALLOW))
    match request.method:
        case "INVITE" | "UPDATE":
            body = _silence(request)
            kind = "application/sdp" if body else None
            tag = request.to_tag or f"parked-{zlib.crc32(request.call_id.encode()):08x}"
            incoming.respond(200, headers=headers, body=body, content_type=kind, to_tag=tag)
        case "BYE" | "OPTIONS" | "INFO" | "MESSAGE" | "NOTIFY":
            incoming.respond(200, headers=headers)
        case _:
            incoming.respond(405, headers=(("Allow", ALLOW),))
    return True


def _silence(request: Request) -> bytes:
    """Return a description that carries nothing, of one session for each dialog, newer with each request."""
    session, version = zlib.crc32(request.call_id.encode()), request.cseq.number
    if request.body:
        return answer_silently(request.body, offer_silence(session, version + 1))
    return offer_silence(session, version) if request.method == "INVITE" else b""

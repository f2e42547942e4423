"""UPDATEs that end at the switch: they refresh the session of their sender, and change nothing for the other end."""

from __future__ import annotations

from sipwright.sip import Request, write_response
from sipwright.sip.transaction import ServerTransaction
from sipwright.transport import Flow

from ..call.call import Call
from ..call.leg import Leg
from ..model.header_table import ALLOW

__all__ = ["NOT_ALLOWED", "answer_refresh"]

NOT_ALLOWED = (405, 501)
"""What an end says that takes no UPDATE."""


def answer_refresh(
    call: Call, leg: Leg, update: Request, flow: Flow, transaction: ServerTransaction | None
) -> None:
    """Answer an UPDATE of a leg for the other end (RFC 4028 §7.4, RFC 3311 §5.2)."""
    ports = call.ports
    ports.routes.heard_from(leg, flow)
    ports.routes.refreshed(leg, update, flow)
    headers = [
        ("Supported", ports.settings.extensions),
        ("Allow", ALLOW),
        *ports.sessions.accepted(leg, update, b""),
    ]
    if leg.flow is not None:
        headers.append(("Contact", leg.contact_on(leg.flow)))
    response = write_response(update, 200, headers=headers)
    leg.answer(response, ports.wall_clock())
    if transaction is not None:
        call.when_stored(lambda: transaction.answer(200, response, ports.clock()))

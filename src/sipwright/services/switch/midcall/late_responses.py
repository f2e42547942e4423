"""Final responses to an INVITE that come again after its transaction has ended, perhaps with an earlier process."""

from __future__ import annotations

from sipwright.sip import Response
from sipwright.sip.build import ack_to_stray
from sipwright.transport import Flow

from ..call.callee import Callee
from ..call.leg import Leg
from ..call.ports import Routes

__all__ = ["acknowledge_late"]


def acknowledge_late(routes: Routes, leg: Leg | None, response: Response, flow: Flow) -> None:
    """Let the sender of a final response stop.

    A 2xx gets the ACK of its leg (RFC 3261 §13.2.2.4). Any other gets one like that of its transaction
    (§17.1.1.3). A leg that may still be answered takes none of this: its transaction waits for the response, and one
    with another branch is not for it (§17.1.3). With more than one Via it is meant for another hop (§8.1.3.3).
    """
    if len(response.vias) > 1:
        return
    if not response.is_success:
        ack = ack_to_stray(response)
        if ack is not None:
            try:
                flow.send(bytes(ack))
            except OSError:
                pass  # as lost as a datagram on the way; the peer asks again by repeating itself
    elif leg is not None and leg.sip_call_id == response.call_id and not leg.is_open:
        with leg.owner.event():
            routes.learn_flow(leg, flow)
            if isinstance(leg, Callee):
                leg.owner.callee_responded(leg, response)
            else:
                leg.acknowledge_again(response)

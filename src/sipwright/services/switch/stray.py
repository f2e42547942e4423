"""Final responses to an INVITE that come again after its transaction has ended, perhaps with an earlier process."""

from __future__ import annotations

from sipwright.sip import Request, Response
from sipwright.transport import Flow

from .leg import Leg
from .ports import Routes

__all__ = ["acknowledge_stray"]


def acknowledge_stray(routes: Routes, leg: Leg | None, response: Response, flow: Flow) -> None:
    """Let the sender of a final response stop.

    A 2xx gets the ACK of its leg (RFC 3261 §13.2.2.4). Any other gets one like that of its transaction
    (§17.1.1.3).
    """
    if not response.is_success:
        ack = _ack_for(response)
        if ack is not None:
            try:
                flow.send(bytes(ack))
            except OSError:
                pass  # as lost as a datagram on the way; the peer asks again by repeating itself
    elif leg is not None and leg.sip_call_id == response.call_id:
        routes.learn_flow(leg, flow)
        leg.acknowledge_again(response)
        leg.owner.settle()


def _ack_for(response: Response) -> Request | None:
    """Build the ACK to a failure from that alone: it is matched by its branch, whatever its Request-URI (§17.2.3)."""
    headers = response.headers
    pairs = [
        ("Via", str(response.top_via)),
        ("Max-Forwards", "70"),
        ("From", headers.get("From") or ""),
        ("To", headers.get("To") or ""),
        ("Call-ID", response.call_id),
        ("CSeq", f"{response.cseq.number} ACK"),
    ]
    try:
        return Request("ACK", str(response.to.uri), pairs)
    except ValueError:  # nobody could read it, so its sender has to give up by himself
        return None

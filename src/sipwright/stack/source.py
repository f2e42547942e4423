"""Where a request came from, written into its top Via, and the flow its responses take.

RFC 3261 §18.2.1 and §18.2.2, RFC 3581 §4. A maddr parameter is not followed: whoever may choose where a
response goes can aim it at others.
"""

from __future__ import annotations

from sipwright.sdp import is_private
from sipwright.sip.headers import Via
from sipwright.sip.message import Request, Response
from sipwright.sip.uri import DEFAULT_PORTS
from sipwright.transport.flow import Address, Flow


def stamp_source(request: Request, flow: Flow) -> Flow:
    """Note the source in the top Via of a request and return the flow for its responses."""
    via = request.top_via
    host, port = flow.remote
    if "%" in host:
        host = host.partition("%")[0]
    request.headers.note_source(via, host, port)
    params = via.params
    if flow.is_reliable:
        if "alias" in params and via.host == host:
            # Only for a port of the address that the connection really comes from.
            flow.add_alias((flow.remote[0], via.port or _default_port(via)))
        return flow
    sent_by_port = via.port or _default_port(via)
    if "rport" in params or sent_by_port == port or is_translated(via.host, host):
        return flow
    return flow.redirected(sent_by_port)


def is_translated(sent_by: str, source: str) -> bool:
    """Return whether a NAT stands before somebody: a private address is named, and another one is seen.

    At the outer address of a NAT the port that is named inside leads nowhere (RFC 3581 §1), so responses go where the
    request has come from, though `rport` was not asked for: old phones do not, and would never hear anything.
    """
    return sent_by != source and is_private(sent_by.strip("[]"))


def return_address(response: Response) -> Address | None:
    """Return where to open a connection for a response whose own has ended; None when nobody knows."""
    via: Via = response.top_via
    host = via.received or via.host
    return (host, via.port or _default_port(via)) if host else None


def _default_port(via: Via) -> int:
    """Return the port of a Via that names none (RFC 3261 §18.2.2)."""
    return DEFAULT_PORTS.get(via.transport.lower(), 5060)

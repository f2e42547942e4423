"""The INVITE that a leg is sent: the caller's, as the other end is to see it (RFC 3261 §13.2.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sipwright.sip import NameAddr, Request, Uri

from . import media
from .crossing_headers import SOURCE_HEADER, crossing_headers
from .leg import Callee, Destination

if TYPE_CHECKING:
    from .call import Call

__all__ = ["from_header", "make_invitation"]


def make_invitation(call: Call, leg: Callee, extra: Iterable[tuple[str, str]] = ()) -> Request:
    """Build the INVITE of `leg`; its flow is known, so Via and Contact can name the right socket."""
    switch, flow, destination, original = call.switch, leg.flow, leg.destination, call.caller.invite
    assert flow is not None
    assert original is not None
    headers: list[tuple[str, str]] = [("Via", switch.new_via(flow))]
    headers += [("Route", route) for route in destination.route]
    headers += [
        ("Max-Forwards", str(call.max_forwards)),
        ("From", f"{from_header(original.from_, destination)};tag={leg.local_tag}"),
        ("To", f"<{destination.to}>"),
        ("Call-ID", leg.sip_call_id),
        ("CSeq", f"{leg.invite_cseq} INVITE"),
        ("Contact", switch.stack.local_contact(flow)),
    ]
    replaced = {name.lower() for name, _ in destination.headers}
    for header in crossing_headers(original, trusted=call.identity.direction == "in"):
        if header[0].lower() not in replaced:
            headers.append(header)
    headers += destination.headers
    headers += extra
    if switch.is_loop(flow):
        headers.append((SOURCE_HEADER, f"{call.caller.source};loops={call.loops + 1}"))
    body = original.body
    if body:
        headers.append(("Content-Type", original.headers.get("content-type") or "application/sdp"))
        if destination.mangle:
            body, _replaced = media.rewrite(
                original, call.caller.source, leg.source, switch.settings.public_address
            )
    return Request("INVITE", destination.uri, headers, body)


def from_header(caller: NameAddr, destination: Destination) -> str:
    """Return the From of a leg, without tag: the caller's, with what the destination changes."""
    uri: Uri = caller.uri
    if destination.from_user is not None or destination.from_host is not None:
        user = destination.from_user if destination.from_user is not None else uri.user
        host = destination.from_host if destination.from_host is not None else uri.hostport
        uri = Uri.parse(f"sip:{user}@{host}" if user else f"sip:{host}")
    name = destination.from_name if destination.from_name is not None else caller.display_name
    return str(NameAddr(uri, name or None))

"""The INVITE that a leg is sent: the caller's, as the other end is to see it (RFC 3261 §13.2.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from sipwright.sip import NameAddr, ParseError, Request, Uri
from sipwright.sip.headers import CSeq

from . import media
from .crossing_headers import SOURCE_HEADER, crossing_headers
from .leg import Callee, Destination

if TYPE_CHECKING:
    from .call import Call

__all__ = ["from_header", "make_invitation"]

_SAFE_IN_USER = "-_.!~*'()&=+$,;?/#%"
"""What stays as a script wrote it; an escape may be its own."""


def make_invitation(call: Call, leg: Callee, extra: Iterable[tuple[str, str]] = ()) -> Request:
    """Build the INVITE of `leg`; its flow is known, so Via and Contact can name the right socket."""
    switch, flow, destination, original = call.switch, leg.flow, leg.destination, call.caller.invite
    assert flow is not None
    assert original is not None
    headers: list[tuple[str, str]] = [("Via", switch.new_via(flow))]
    if destination.route:
        headers += [("Route", route) for route in destination.route]
    headers += [
        ("Max-Forwards", str(call.max_forwards)),
        ("From", f"{from_header(original.from_, destination)};tag={leg.local_tag}"),
        ("To", f"<{destination.to}>"),
        ("Call-ID", leg.sip_call_id),
        ("CSeq", f"{leg.invite_cseq} INVITE"),
        ("Contact", switch.stack.local_contact(flow)),
    ]
    crossing = crossing_headers(original, trusted=call.identity.direction == "in")
    if destination.headers:
        replaced = {name.lower() for name, _ in destination.headers}
        crossing = [header for header in crossing if header[0].lower() not in replaced]
        # On the loop the source is what the switch itself knows, whatever a script would like the next one to believe.
        crossing += [pair for pair in destination.headers if pair[0].lower() != SOURCE_HEADER.lower()]
    headers += crossing
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
    request = Request("INVITE", destination.uri, headers, body)
    # What has just been written need not be read again when the dialog begins.
    request.headers.parsed |= {
        "call_id": leg.sip_call_id,
        "from_tag": leg.local_tag,
        "cseq": CSeq(leg.invite_cseq, "INVITE"),
    }
    return request


def from_header(caller: NameAddr, destination: Destination) -> str:
    """Return the From of a leg, without tag: the caller's, with what the destination changes."""
    uri: Uri = caller.uri
    if destination.from_user is not None or destination.from_host is not None:
        # As it was written: unescaped, the name that a caller gives could bring a host of its own.
        user = uri.raw_user
        if destination.from_user is not None:
            user = quote(destination.from_user, safe=_SAFE_IN_USER)
        uri = _address(user, destination.from_host or uri.hostport) or _address(user, uri.hostport) or uri
    name = destination.from_name if destination.from_name is not None else caller.display_name
    return str(NameAddr(uri, name or None))


def _address(user: str | None, host: str) -> Uri | None:
    """Return the URI of that user and host, if there can be one."""
    try:
        return Uri.parse(f"sip:{user}@{host}" if user else f"sip:{host}")
    except ParseError:
        return None

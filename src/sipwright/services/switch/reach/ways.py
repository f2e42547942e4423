"""What a remote target or a route says about the way, beside the flow that a peer was reached by (RFC 3263 §4.1).

And which of an account's bindings are those of a leg's phone.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from sipwright.sdp import is_private
from sipwright.services.ports import BindingTarget
from sipwright.sip import ParseError, Uri
from sipwright.transport import Flow
from sipwright.transport.flow import Address, parse_flow_key, place_of

from ..call.callee import Callee
from ..call.leg import Leg

__all__ = [
    "contact_of", "is_same_but_port", "is_same_contact", "leads_to", "likely", "moved", "remote_of", "way_to",
]  # fmt: skip


def way_to(target: str, known: Flow) -> Uri | None:
    """Return the URI to look up; a peer that was talked to by TCP, and names no transport, is by TCP again."""
    try:
        uri = Uri.parse(target)
    except ParseError:
        return None
    if known.is_reliable and uri.is_sip and "transport" not in uri.params:
        return uri.replace(params={**uri.params, "transport": known.protocol})
    return uri


def leads_to(target: str, flow: Flow) -> bool:
    """Return whether a URI is where a flow leads: the port of a connection that was opened to us says nothing."""
    try:
        uri = Uri.parse(target)
    except ParseError:
        return False
    host, port = flow.remote
    return uri.host.strip("[]") == host and (flow.is_reliable or uri.used_port == port)


def is_same_but_port(one: str, other: str) -> bool:
    """Return whether two Contacts are of one user at one host, as those of a phone are over each of its connections."""
    try:
        first, second = Uri.parse(one), Uri.parse(other)
    except ParseError:
        return False
    return (first.user, first.host) == (second.user, second.host)


def is_same_contact(one: str, other: str) -> bool:
    """Return whether two Contacts are of the same phone: parameters differ between REGISTER and INVITE."""
    if one == other:
        return True
    try:
        first, second = Uri.parse(one), Uri.parse(other)
    except ParseError:
        return False
    return (first.user, first.host, first.port) == (second.user, second.host, second.port)


def contact_of(leg: Leg) -> str:
    """Return the Contact under which the peer of a leg was known last."""
    if isinstance(leg, Callee):
        return leg.destination.uri
    if leg.dialog is not None:
        return leg.dialog.remote_target
    contacts = leg.invite.contacts if leg.invite is not None else []
    return str(contacts[0].uri) if contacts else ""


def likely(
    leg: Leg, flow: Flow, targets: Sequence[BindingTarget], there: Container[str]
) -> list[BindingTarget]:
    """Choose the bindings that may be those of the leg's phone; `there` are the connections that stand."""
    if leg.instance is not None:
        return [target for target in targets if target.instance == leg.instance]
    contact = contact_of(leg)
    same = [target for target in targets if target.uri == contact]
    if any(target.source in there for target in same):
        return same
    # Many name the port of their connection in it, which is another one by now; the old binding is there still.
    alike = [target for target in targets if target.source in there and is_same_but_port(target.uri, contact)]
    if len(alike) == 1 or same:
        return alike if len(alike) == 1 else []
    # A phone whose Contact names its connection: it is this one if no other could be.
    near = [target for target in targets if _host(target) == flow.remote[0]]
    return near if len(near) == 1 else []


def moved(leg: Leg, flow: Flow, targets: Sequence[BindingTarget]) -> list[BindingTarget]:
    """Choose the bindings that are those of a leg's phone, though none is at its flow any more."""
    if leg.instance is not None:
        return [target for target in targets if target.instance == leg.instance]
    contact, host = contact_of(leg), flow.remote[0]
    same = [
        target
        for target in targets
        if is_same_contact(target.uri, contact)
        # Two phones of an account, each behind a NAT of its own, may both be at 192.168.1.2.
        and (_host(target) == host or not is_private(_uri_host(target.uri)))
    ]
    if same or not isinstance(leg, Callee):
        return same
    near = [target for target in targets if _host(target) == host]
    return near if len(near) == 1 else []


def remote_of(key: str) -> Address:
    """Return the address of a peer by the key of its flow, at whichever node that is."""
    return parse_flow_key(place_of(key)[1]).remote


def _host(target: BindingTarget) -> str:
    return parse_flow_key(target.source).remote[0]


def _uri_host(text: str) -> str:
    try:
        return Uri.parse(text).host
    except ParseError:
        return ""

"""What a remote target or a route says about the way, beside the flow that a peer was reached by (RFC 3263 §4.1)."""

from __future__ import annotations

from sipwright.sip import ParseError, Uri
from sipwright.transport import Flow

__all__ = ["is_same_but_port", "is_same_contact", "leads_to", "way_to"]


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

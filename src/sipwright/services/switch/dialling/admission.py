"""Which INVITEs become calls: what RFC 3261 §8.2.2 and §16.3 ask of a request before anything is done for it."""

from __future__ import annotations

from sipwright.sip import Reject, Request
from sipwright.sip.dialog import contact_uri
from sipwright.stack import Stack

from ..model.relayed_headers import unknown_extensions

__all__ = ["admit"]


def admit(stack: Stack, request: Request) -> None:
    """Let an INVITE pass.

    Raises:
        Reject: It is to be answered with that.
    """
    max_forwards = request.max_forwards
    if max_forwards is not None and max_forwards <= 0:
        raise Reject(483)
    unknown = unknown_extensions(request)
    if unknown:
        raise Reject(420, None, (("Unsupported", ", ".join(unknown)),))
    if _is_looped(stack, request):
        raise Reject(482)
    # A peer of RFC 2543 may have neither tag nor Contact: it is where its From or its Record-Route says.
    is_old = request.from_tag is None and "contact" not in request.headers.index()
    if contact_uri(request) is None and not is_old:
        raise Reject(400, "INVITE Without Contact")
    if "record-route" in request.headers.index():
        _ = request.record_route  # read now, because when the call is answered it is too late for a 400


def _is_looped(stack: Stack, request: Request) -> bool:
    """Return whether a request is one of ours, still open, that came back unchanged (RFC 3261 §16.3 step 4)."""
    for via in request.vias:
        own = None if via.branch is None else stack.layer.find_client(via.branch, request.method)
        if own is not None and stack.is_own_address(via.host, via.port):
            return own.request.uri_text == request.uri_text
    return False

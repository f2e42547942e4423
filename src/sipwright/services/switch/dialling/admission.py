"""Which requests are looked at, and which INVITEs become calls (RFC 3261 §8.2.2, §16.3)."""

from __future__ import annotations

from sipwright.sip import Reject, Request
from sipwright.sip.dialog import contact_uri
from sipwright.stack import Incoming, Stack

from ..model.relayed_headers import REQUIRES, unknown_extensions

__all__ = ["admit", "refuse_unknown"]

_OF_SIP = ("sip:", "sips:")


def refuse_unknown(incoming: Incoming) -> bool:
    """Refuse, for every method, a request that wants an extension or a scheme that nobody here knows.

    Not an ACK, nor a CANCEL, which have to be taken (RFC 3261 §8.2.2.1, §8.2.2.3); REGISTER has extensions of its own.

    Raises:
        Reject: 416 or 420.
    """
    request = incoming.request
    method, index = request.method, request.headers.index()
    if method in ("ACK", "CANCEL"):
        return False
    if "proxy-require" in index or ("require" in index and method != "REGISTER"):
        unknown = unknown_extensions(request, ("proxy-require",) if method == "REGISTER" else REQUIRES)
        if unknown:
            raise _unsupported(unknown)
    if not request.uri_text.startswith(_OF_SIP) and not request.request_uri.is_sip:
        text = request.uri_text
        raise Reject(416, why=f"{text} is of a scheme that is not spoken here; dial a sip or sips URI")
    return False


def _unsupported(unknown: list[str]) -> Reject:
    names = ", ".join(unknown)
    return Reject(
        420, None, (("Unsupported", names),), why=f"{names} is required, and not known here; do without it"
    )


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
        raise _unsupported(unknown)
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

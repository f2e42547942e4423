"""Every message that we send: responses (RFC 3261 §8.2.6), and requests outside and inside of dialogs (§8.1.1).

Nobody else writes start lines or the headers that they require: a service says what it wants to say, and here is how
that is said. What one dialog puts into its requests is in `dialog.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sipwright.memo import Memo
from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import URI_TEXT, forbid_breaks
from sipwright.sip.headers.collection import Headers, write_lines
from sipwright.sip.headers.cseq import CSeq
from sipwright.sip.message import Known, Message, Request, Response
from sipwright.sip.reasons import REASONS, reason_for
from sipwright.sip.uri import Uri

__all__ = [
    "HeaderPairs",
    "Written",
    "ack_to_stray",
    "credentials_of",
    "make_ack",
    "make_cancel",
    "make_draft",
    "make_request",
    "make_response",
    "response_head",
    "write_in_dialog",
    "write_on_head",
    "write_response",
]

HeaderPairs = Iterable[tuple[str, str]]

# Methods whose 2xx and 18x make a dialog, and so carry the route set back (RFC 3261 §12.1.1).
_MAKES_DIALOG = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})

_CREDENTIALS = ("Authorization", "Proxy-Authorization")

_EMPTY_TAG = re.compile(r";\s*tag\s*=\s*(?=;|\Z)", re.IGNORECASE)

_is_uri_text = re.compile(URI_TEXT).fullmatch
_URI_TEXTS = Memo(lambda text: _is_uri_text(text) is not None)

# --- responses -------------------------------------------------------------------------------------------


def make_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: HeaderPairs = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """Answer a request as RFC 3261 §8.2.6 says: Via, From, To, Call-ID and CSeq are copied as they came.

    Args:
        request: May be the partial one of a `ParseError`.
        status: The status code.
        reason: The reason phrase; by default the usual one.
        to_tag: Added to To unless it has a tag already.
        headers: More headers, after the copied ones.
        body: The body.
        content_type: The type of the body.
    """
    if reason is None:
        reason = REASONS.get(status) or reason_for(status)
    lines = _response_lines(request, status, reason, to_tag, headers, content_type)
    # Written at once, as nearly every response is sent just as it is.
    wire = _write(lines, body)
    del lines[0]
    return Response.from_parts(status, reason, Headers.from_lines(lines), body, wire)


def write_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: HeaderPairs = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> bytes:
    """Answer a request as `make_response` does, for those who send the answer and look no further."""
    if reason is None:
        reason = REASONS.get(status) or reason_for(status)
    return _write(_response_lines(request, status, reason, to_tag, headers, content_type), body)


def response_head(request: Request, status: int, *, to_tag: str | None, contact: str | None = None) -> str:
    """Return the headers that the responses to a request begin with, for several that differ in what follows."""
    lines = _response_lines(request, status, "", to_tag, (), None)
    if contact is not None:
        lines.append(f"Contact: {contact}")
    return "\r\n".join(lines[1:])


def write_on_head(
    head: str,
    status: int,
    reason: str | None = None,
    *,
    lines: Iterable[str] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> bytes:
    """Write a response that begins with a head; `lines` are header lines that are known to be well formed."""
    if reason is None:
        reason = REASONS.get(status) or reason_for(status)
    forbid_breaks(f"{reason}{content_type}")
    written = [f"SIP/2.0 {status} {reason}", head, *lines]
    if body and content_type is not None:
        written.append(f"Content-Type: {content_type}")
    return _write(written, body)


def _response_lines(
    request: Request,
    status: int,
    reason: str,
    to_tag: str | None,
    headers: HeaderPairs,
    content_type: str | None,
) -> list[str]:
    given = request.headers
    line_of = given.index()
    lines = [f"SIP/2.0 {status} {reason}", *given.lines_of("via")]
    if status == 100:
        lines += given.lines_of("timestamp")
    elif status < 300 and request.method in _MAKES_DIALOG:
        lines += given.lines_of("record-route")
    to_line = line_of.get("to")
    if to_tag is not None and to_line is not None:
        try:
            has_tag = request.to_tag is not None
        except ParseError:
            # A To that cannot be read goes back as it is.
            has_tag = True
        if not has_tag:
            to_line = f"{to_line if to_line[-1] == '>' else _without_tag(to_line)};tag={to_tag}"
    try:
        lines += (line_of["from"], to_line or line_of["to"], line_of["call-id"], line_of["cseq"])
    except KeyError:
        # Only a request that we made, or one that cannot be read, may lack one of them.
        some = {**line_of, "to": to_line} if to_line else line_of
        lines += [some[key] for key in ("from", "to", "call-id", "cseq") if key in some]
    forbid_breaks(f"{reason}{to_tag}{content_type}")
    if headers:
        lines += write_lines(headers)
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return lines


def _without_tag(line: str) -> str:
    """Leave out of a To what nobody could read beside a tag: the end of a fold, a last ";", a tag that is empty."""
    address, bracket, params = line.rpartition(">")
    if '"' not in params:
        params = _EMPTY_TAG.sub("", params)
    return address + bracket + params.rstrip("; \t\r\n")


def _write(lines: list[str], body: bytes) -> bytes:
    head = "\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body


# --- requests --------------------------------------------------------------------------------------------


def make_request(  # noqa: PLR0913, a request has as many parts (§8.1.1)
    method: str,
    uri: str,
    *,
    from_: str,
    to: str,
    call_id: str,
    cseq: int,
    from_tag: str = "",
    to_tag: str = "",
    via: str | None = None,
    routes: Iterable[str] = (),
    max_forwards: int = 70,
    contact: str | None = None,
    lines: Iterable[str] = (),
    headers: HeaderPairs = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Request:
    """Build a request (§8.1.1).

    Args:
        method: The method.
        uri: The Request-URI.
        from_: Our address as From has it, without a tag.
        to: The peer's address as To has it, without a tag.
        call_id: The Call-ID.
        cseq: The number of its CSeq.
        from_tag: Our tag.
        to_tag: The peer's tag, inside of a dialog.
        via: The top Via; without it the stack is to add one.
        routes: The values of Route, next hop first.
        max_forwards: How many hops it may take.
        contact: Our Contact.
        lines: More headers, as lines of a message that was read.
        headers: More headers, as names and values; they follow the lines.
        body: The body.
        content_type: The type of the body.

    Raises:
        ValueError: The Request-URI is none, or something has a line break in it.
    """
    if not _URI_TEXTS[uri]:
        raise ValueError(f"not a Request-URI: {uri[:40]!r}")
    written = [f"{method} {uri} SIP/2.0"] if via is None else [f"{method} {uri} SIP/2.0", f"Via: {via}"]
    written.append(f"Max-Forwards: {max_forwards}")
    if routes:
        written += [f"Route: {route}" for route in routes]
    written += (
        f"From: {from_};tag={from_tag}" if from_tag else f"From: {from_}",
        f"To: {to};tag={to_tag}" if to_tag else f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
    )
    if contact is not None:
        written.append(f"Contact: {contact}")
    if lines:
        written += lines
    if headers:
        written += write_lines(headers)
    if content_type is not None:
        written.append(f"Content-Type: {content_type}")
    forbid_breaks("".join(written))
    # Written at once, as nearly every request is sent just as it is.
    wire = _write(written, body)
    del written[0]
    known: Known = {} if via is None else {"branch": _branch_of(via)}
    if not to_tag:
        # Read soon, when its response begins a dialog; of requests inside of one nobody asks what they say.
        known |= {
            "call_id": call_id,
            "cseq": CSeq(cseq, method),
            "from_tag": from_tag or None,
            "from_address": from_,
            "to_address": to,
        }
    return Request.from_parts(method, uri, Headers.from_lines(written), body, wire, known)


class Written(NamedTuple):
    """A request of ours as it goes over the wire, for those who send it and look no further; `via` is its top one."""

    method: str
    via: str
    wire: bytes

    @property
    def branch(self) -> str | None:
        """The branch of that Via."""
        return _branch_of(self.via)


def write_in_dialog(  # noqa: PLR0913, in the order in which it is written
    method: str,
    uri: str,
    via: str,
    routes: Sequence[str],
    from_: str,
    to: str,
    call_id: str,
    cseq: int,
    headers: HeaderPairs = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Written:
    """Write a request inside of a dialog as `make_request` builds it; `from_` and `to` have their tags.

    Raises:
        ValueError: The Request-URI is none, or something has a line break in it.
    """
    if not _URI_TEXTS[uri]:
        raise ValueError(f"not a Request-URI: {uri[:40]!r}")
    written = [f"{method} {uri} SIP/2.0", f"Via: {via}", "Max-Forwards: 70"]
    if routes:
        written += [f"Route: {route}" for route in routes]
    written += (f"From: {from_}", f"To: {to}", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}")
    if headers:
        written += write_lines(headers)
    if content_type is not None:
        written.append(f"Content-Type: {content_type}")
    forbid_breaks("".join(written))
    return Written(method, via, _write(written, body))


def _branch_of(via: str) -> str | None:
    """Read the branch of a Via that we wrote."""
    return via.partition(";branch=")[2].partition(";")[0] or None


def make_draft(
    from_: str, to: Uri, headers: HeaderPairs = (), body: bytes = b"", content_type: str | None = None
) -> Request:
    """Build what the INVITEs of a call of our own say alike, as those of other calls say what the caller's does.

    It has come by no hop and belongs to no dialog, so it has neither Via nor Call-ID nor CSeq; `parse_draft` reads it.
    """
    pairs = [("From", from_), ("To", f"<{to}>"), *headers]
    if content_type is not None:
        pairs.append(("Content-Type", content_type))
    return Request("INVITE", to, pairs, body)


def make_ack(request: Request, response: Response) -> Request:
    """Build the ACK for a final response that is no 2xx (§17.1.1.3), with the credentials of its INVITE (§22.1)."""
    to = response.headers.get("To")
    return _same_hop("ACK", request, request.uri_text, to, credentials_of(request))


def credentials_of(invite: Request) -> list[tuple[str, str]]:
    """Return the headers of an INVITE that its ACK repeats, as nobody can ask an ACK for them (§22.1)."""
    given = invite.headers
    return [(name, value) for name in _CREDENTIALS for value in given.get_all(name)]


def make_cancel(request: Request, headers: HeaderPairs = ()) -> Request:
    """Build the CANCEL for a request that is under way (§9.1)."""
    return _same_hop("CANCEL", request, request.uri_text, request.headers.get("To"), headers)


def ack_to_stray(response: Response) -> Request | None:
    """Build the ACK to a failure from that alone, as its transaction is gone; None when nobody could read it.

    It is matched by its branch, whatever its Request-URI (§17.2.3).
    """
    try:
        return _same_hop("ACK", response, str(response.to.uri), response.headers.get("To"), ())
    except ValueError:
        return None


def _same_hop(method: str, message: Message, uri: str, to: str | None, headers: HeaderPairs) -> Request:
    """Build what follows a request to its next hop and no further, so with its top Via and its routes."""
    given = message.headers
    pairs = [("Via", str(message.top_via)), ("Max-Forwards", "70")]
    pairs += [("Route", route) for route in given.get_all("Route")]
    pairs += [
        ("From", given.get("From", "") or ""),
        ("To", to or ""),
        ("Call-ID", message.call_id),
        ("CSeq", f"{message.cseq.number} {method}"),
        *headers,
    ]
    return Request(method, uri, pairs)

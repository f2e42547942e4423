"""The response to a request (RFC 3261 §8.2.6): what it copies, and what it adds."""

from __future__ import annotations

from collections.abc import Iterable

from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import forbid_breaks
from sipwright.sip.headers.collection import Headers, write_lines
from sipwright.sip.message import Request, Response
from sipwright.sip.reasons import REASONS, reason_for

__all__ = ["make_response", "write_response"]

# Methods whose 2xx and 18x make a dialog, and so carry the route set back (RFC 3261 §12.1.1).
_MAKES_DIALOG = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})


def make_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
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
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> bytes:
    """Answer a request as `make_response` does, for those who send the answer and look no further."""
    if reason is None:
        reason = REASONS.get(status) or reason_for(status)
    return _write(_response_lines(request, status, reason, to_tag, headers, content_type), body)


def _response_lines(
    request: Request,
    status: int,
    reason: str,
    to_tag: str | None,
    headers: Iterable[tuple[str, str]],
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
            # A folded line may end in its fold.
            to_line = f"{to_line.rstrip()};tag={to_tag}"
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


def _write(lines: list[str], body: bytes) -> bytes:
    head = "\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("utf-8", "surrogateescape") + body

"""Bytes to messages (RFC 3261 §7); a byte stream is cut into whole ones first, in `framer.py`.

`parse` tries the shape that nearly every message has. What does not fit is read again with care,
which either succeeds or finds the sentence that says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sipwright.memo import Memo
from sipwright.native import take_apart
from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import TOKEN, URI_TEXT, is_token, parse_content_length
from sipwright.sip.headers.collection import Headers, index_lines, value_of
from sipwright.sip.headers.cseq import CSeq
from sipwright.sip.headers.name_addr import ADDRESS_LINES
from sipwright.sip.headers.names import KEYS
from sipwright.sip.headers.via import Via
from sipwright.sip.message import Request, Response

__all__ = [
    "LONGEST_HEAD",
    "ParseError",
    "end_of_head",
    "parse",
    "parse_draft",
    "read_answerable",
    "read_for_answer",
]

LONGEST_HEAD = 16_384
"""Bytes of a start line and headers, with the empty line; more, as more lines than `MOST_LINES`, is too large (513)."""
MOST_LINES = 256

_START_LINE = re.compile(
    rf"({TOKEN}) ({URI_TEXT}) SIP/2\.0|(?i:SIP/2\.0) ([1-6][0-9]{{2}})(?: ([^\r\n\0]*))?"
).fullmatch
_SINGLE = frozenset({"from", "to", "call-id", "cseq", "max-forwards"})
_IS_FOR_ANSWER = re.compile(
    r"(?:via|v|from|f|to|t|call-id|i|cseq)[ \t]*:(?:[^\0\r]|\r\n)*", re.IGNORECASE
).fullmatch
_VERSION = re.compile(r"(SIP)/([0-9]+\.[0-9]+)", re.IGNORECASE)


def parse(data: bytes) -> Request | Response:
    """Read one message; `ParseError` says what is wrong and whether it can be answered.

    Where something is wrong with one that the native part has taken apart, it is for `parse_in_python` to say what.
    """
    parts = None if take_apart is None else take_apart(data)
    if parts is None:
        return parse_in_python(data)
    start_line, lines, line_of, repeated, parsed, via, start, end = parts
    first = _START_LINES[start_line]
    try:
        cseq = parsed["cseq"] = _CSEQS[line_of["cseq"]]
    except ParseError:
        return parse_in_python(data)
    if first is None:
        return parse_in_python(data)
    method, uri_text, status, reason = first
    whole = data[:end] if end < len(data) else data
    headers = Headers.taken_apart(lines, line_of, repeated, parsed)
    if method is None:
        parsed["branch"] = via[5]
        return Response.from_parts(status, reason, headers, whole[start:], whole)
    if cseq[1] != method:
        return parse_in_python(data)
    parsed["top_via"] = Via.of_parts(*via)
    return Request.from_parts(method, uri_text, headers, whole[start:], whole)


def parse_in_python(data: bytes) -> Request | Response:
    """Read one message as `parse` does, without the native part."""
    end = data.find(b"\r\n\r\n", 0, LONGEST_HEAD)
    if end < 0:
        return _parse_with_care(data)
    head = str(data[:end], "utf-8", "surrogateescape")
    start_line, *lines = head.split("\r\n")
    text = "".join(lines)
    start = _START_LINES[start_line]
    if start is None or len(lines) > MOST_LINES or "\n" in text or "\r" in text or "\0" in text:
        return _parse_with_care(data)
    try:
        return _assemble(start, lines, data, end + 4)
    except ParseError:
        return _parse_with_care(data)


def parse_draft(data: bytes) -> Request:
    """Read what `make_draft` has built, or any request of ours, without asking for what only one that was sent has.

    Raises:
        ValueError: It is no request.
    """
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    method, uri_text, version = first.split(" ")
    if version != "SIP/2.0":
        raise ValueError(f"not a request: {first[:40]!r}")
    return Request.from_parts(method, uri_text, Headers.from_lines(lines, index_lines(lines)), body, data)


def end_of_head(data: bytes | bytearray, start: int = 0) -> int:
    """Give the offset behind the first empty line, whatever its line ends; 0 when there is none."""
    crlf = data.find(b"\n\r\n", start)
    lf = data.find(b"\n\n", start, None if crlf < 0 else crlf + 1)
    if lf >= 0:
        return lf + 2
    return crlf + 3 if crlf >= 0 else 0


def read_answerable(head: bytes) -> Request | None:
    """Return the request that a head begins, as far as it can be read, if it can be answered at all."""
    start_line, *lines = _logical_lines(head)
    return _answerable(start_line, Headers.from_lines(_usable_lines(lines)[0]))


def read_for_answer(data: bytes) -> tuple[str, list[str]]:
    """Return the first line of what cannot be read, and the lines that an answer repeats."""
    data = data.lstrip(b"\r\n")
    head = data[:LONGEST_HEAD]
    start_line, *lines = _logical_lines(head[: end_of_head(head) or len(head)])
    return start_line, [line for line in lines if _IS_FOR_ANSWER(line)]


def _read_start_line(line: str) -> StartLine | None:
    match = _START_LINE(line)
    if match is None:
        return None
    method, uri_text, status, reason = match.groups()
    return method, uri_text, 0 if status is None else int(status), reason or ""


StartLine = tuple[str | None, str, int, str]
"""The method and the Request-URI of a request, or the status and the reason of a response, whose method is `None`."""

_START_LINES = Memo(_read_start_line)


def _assemble(first: StartLine, lines: list[str], data: bytes, start: int) -> Request | Response:
    """Put the parts together, with as much of the body as Content-Length says (§18.3)."""
    index = line_of, repeated = index_lines(lines)
    headers = Headers.from_lines(lines, index)
    if headers.has_length:
        if "content-length" in repeated:
            length = parse_content_length(headers.get_all("content-length"))
        else:
            length = _LENGTHS[line_of["content-length"]]
        end = start + length
        if end > len(data):
            raise ParseError("Content-Length is larger than the body", "Content-Length")
        data = data[:end]
    method, uri_text, status, reason = first
    if method is not None:
        message: Request | Response = Request.from_parts(method, uri_text, headers, data[start:], data)
    else:
        message = Response.from_parts(status, reason, headers, data[start:], data)
    _check(message, method, line_of, repeated)
    return message


def _check(
    message: Request | Response,
    method: str | None,
    line_of: Mapping[str, str],
    repeated: Mapping[str, list[str]],
) -> None:
    """Read what nobody can do without: the top Via, Call-ID, CSeq and the tags (§8.1.1)."""
    try:
        from_line, to_line = line_of["from"], line_of["to"]
        call_id_line, cseq_line = line_of["call-id"], line_of["cseq"]
    except KeyError:
        raise _missing_or_twice(line_of, repeated) from None
    if repeated and not _SINGLE.isdisjoint(repeated):
        raise _missing_or_twice(line_of, repeated)
    parsed = message.headers.parsed
    via_line = line_of.get("via", "")
    if method is None and (branch := Via.branch_of_line(via_line)):
        parsed["branch"] = branch  # of a response nobody asks more of its Via
    elif method is not None and (via := Via.of_line(via_line)):
        parsed["top_via"] = via
    else:
        _ = message.top_via
    parsed["call_id"] = call_id = value_of(call_id_line)
    if not call_id:
        raise ParseError("Call-ID is empty", "Call-ID")
    cseq = parsed["cseq"] = _CSEQS[cseq_line]
    if method is not None and cseq[1] != method:
        raise ParseError(f"CSeq is for {cseq.method} and the request is {method}", "CSeq")
    if usual := ADDRESS_LINES[from_line]:
        _, parsed["from_uri_text"], parsed["from_tag"] = usual
    else:
        _ = message.from_tag
    if usual := ADDRESS_LINES[to_line]:
        _, parsed["to_uri_text"], parsed["to_tag"] = usual
    else:
        _ = message.to_tag


def _cseq_of(line: str) -> CSeq:
    value = value_of(line)
    if not value:
        raise ParseError("CSeq is missing", "CSeq")
    return CSeq.parse(value)


_CSEQS = Memo(_cseq_of)
_LENGTHS = Memo(lambda line: parse_content_length([value_of(line)]))


def _missing_or_twice(line_of: Mapping[str, str], repeated: Mapping[str, list[str]]) -> ParseError:
    for name in ("From", "To", "Call-ID", "CSeq"):
        if name.lower() not in line_of:
            return ParseError(f"{name} is missing", name)
        if name.lower() in repeated:
            return ParseError(f"{name} is there twice", name)
    return ParseError("Max-Forwards is there twice", "Max-Forwards")


def _parse_with_care(data: bytes) -> Request | Response:
    """Read a message that is folded, has LF-only line ends or is faulty."""
    data = data.lstrip(b"\r\n")  # Empty lines before the start line are ignored (§7.5).
    head = data[:LONGEST_HEAD]
    end = end_of_head(head)
    if end:
        head = data[:end]
    start_line, *lines = _logical_lines(head)
    usable, problem = _usable_lines(lines)
    try:
        first = _careful_start_line(start_line)
        if not end and len(data) > LONGEST_HEAD:
            raise ParseError(f"The headers are longer than {LONGEST_HEAD} bytes", status=513)
        # The start line and the empty line have a line end each.
        if head.count(b"\n") > MOST_LINES + 2:
            raise ParseError(f"There are more than {MOST_LINES} header lines", status=513)
        if not end:
            raise ParseError("The headers do not end with an empty line")
        if problem is not None:
            raise problem
        return _assemble(first, usable, data, end)
    except ParseError as error:
        problem = None  # this frame and the error that has gone through it would keep each other
        error.request = _answerable(start_line, Headers.from_lines(usable))
        raise


def _logical_lines(head: bytes) -> list[str]:
    """Split a head into lines, as many as may be; a folded one (§7.3.1) stays one line with its breaks inside."""
    groups: list[list[str]] = []
    text = head.decode("utf-8", "surrogateescape").replace("\r\n", "\n").rstrip("\n")
    if "\0" in text:
        # Escaped it may be in a display name (§25.1, RFC 4475 §3.1.1.2), where it says nothing; few bear it.
        text = text.replace("\\\0", "")
    for line in text.split("\n", MOST_LINES + 1)[: MOST_LINES + 1]:
        if groups and line[:1] in (" ", "\t"):
            groups[-1].append(line)
        else:
            groups.append([line])
    return ["\r\n".join(group) for group in groups]


def _usable_lines(lines: list[str]) -> tuple[list[str], ParseError | None]:
    """Read lines up to the first faulty one and say what is wrong with it; keep those and what else an answer needs."""
    for at, line in enumerate(lines):
        problem = _fault_of(line)
        if problem is not None:
            return lines[:at] + [line for line in lines[at + 1 :] if _IS_FOR_ANSWER(line)], problem
    return lines, None


def _fault_of(line: str) -> ParseError | None:
    name, colon, value = line.partition(":")
    try:
        _ = KEYS[name]
    except ParseError as error:
        error.__traceback__ = error.__context__ = None  # it would keep those who have it, and they it
        return error
    if not colon:
        return ParseError(f"{name} has no colon", name)
    if "\0" in value or "\r" in value.replace("\r\n", ""):
        return ParseError(f"{name} has a NUL or a carriage return in its value", name)
    return None


def _careful_start_line(line: str) -> StartLine:
    """Read the start line, or say what is wrong with it."""
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    known_version = _VERSION.fullmatch(version)
    if known_version and known_version[2] == "2.0":
        # The version is the one part of a message that is not case-sensitive (§7.1).
        line = f"{method} {uri} SIP/2.0"
    first = _read_start_line(line)
    if first is not None:
        return first
    if not is_token(method) or not uri:
        raise ParseError("The first line is neither a request line nor a status line")
    if known_version is None:
        raise ParseError("The request line does not end with a SIP version")
    if known_version[2] != "2.0":
        raise ParseError(f"The SIP version is {known_version[2][:20]} and not 2.0", status=505)
    raise ParseError("The Request-URI has a character that cannot be in a URI")


def _answerable(start_line: str, headers: Headers) -> Request | None:
    """Give the request as far as it goes, if it can be answered at all."""
    method, _, rest = start_line.partition(" ")
    if not is_token(method):
        return None
    uri_text = rest.rpartition(" ")[0]
    request = Request.from_parts(method, uri_text, headers, b"", None)
    try:
        _ = request.top_via
    except ParseError:
        return None
    has_all = all(headers.get(name) for name in ("From", "To", "Call-ID", "CSeq"))
    return request if has_all else None

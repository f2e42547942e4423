"""What a response repeats of the request that it answers, known by its bytes (RFC 3261 §8.2.6.2).

Its Call-ID, CSeq and From are those of the request, and so is its Via, to which others append (§18.2.1). Nearly
everybody repeats these lines as they came, so that the bytes say it; whoever does not is left to the parser.

`native/src/echo.rs` is the twin, which takes the place of both functions where it was built (`native.py`); it may find
unusual what is usual here.
"""

from __future__ import annotations

from sipwright import native

__all__ = ["is_echo", "is_echo_in_python", "usual_ok", "usual_ok_in_python"]

_OK = b"SIP/2.0 200 "
_VIA, _BRANCH = b"\r\nVia: ", b";branch="
_FROM, _CALL_ID, _CSEQ = b"\r\nFrom: ", b"\r\nCall-ID: ", b"\r\nCSeq: "


def usual_ok_in_python(data: bytes) -> tuple[str, str] | None:
    """Return the branch and the method of a 200 that is written as nearly all are; `is_echo` says whether it is one."""
    if not data.startswith(_OK):
        return None
    via, cseq = _via_of(data), _line_of(data, _CSEQ, data.find(b"\r\n\r\n"))
    number, _, method = cseq[len(_CSEQ) : -2].partition(b" ")
    if not (via and number.isdigit() and method.isalpha()):
        return None
    return via.rpartition(_BRANCH)[2].decode("latin-1"), method.decode("ascii")


def is_echo_in_python(response: bytes, request: bytes) -> bool:
    """Return whether a response repeats these lines as they were sent with a request of ours, of its Via all up to the
    branch.
    """
    end = response.find(b"\r\n\r\n")
    for name in (_FROM, _CALL_ID, _CSEQ):
        line = _line_of(response, name, end)
        if not line or line not in request:
            return False
    return _has_no_other(response, _via_of(request), end)


def _via_of(request: bytes) -> bytes:
    """Return the first Via of a message up to the end of its branch; nothing where it has none that is usual."""
    start = request.find(_VIA)
    line_end = request.find(b"\r", start + 2)
    branch = request.find(_BRANCH, start, line_end)
    semicolon = request.find(b";", branch + len(_BRANCH), line_end)
    return request[start : line_end if semicolon < 0 else semicolon] if min(start, branch) > 0 else b""


def _has_no_other(response: bytes, via: bytes, end: int) -> bool:
    """Return whether a response has this Via, with something behind its branch or nothing, and no other one."""
    at = response.find(_VIA)
    behind = at + len(via)
    line_end = response.find(b"\r", behind)
    return (
        via != b""
        and response.startswith(via, at)
        and response[behind : behind + 1] in (b";", b"\r")
        and line_end <= end
        and response[line_end + 2 : line_end + 3] not in (b" ", b"\t")
        and b"," not in response[at:line_end]
        # No other header that is known begins so.
        and response.find(b"\nV", line_end, end) < 0
        and response.find(b"\nv", line_end, end) < 0
    )


def _line_of(data: bytes, name: bytes, end: int) -> bytes:
    """Return a line whose header is written as usual, with both line ends; nothing if it is folded, or not there."""
    at = data.find(name, 0, end)
    behind = data.find(b"\r", at + 2) + 2
    return data[at:behind] if at > 0 and data[behind : behind + 1] not in (b" ", b"\t") else b""


usual_ok = native.usual_ok or usual_ok_in_python
is_echo = native.is_echo or is_echo_in_python

"""What is said to a request that cannot be read so far that it could be answered as RFC 3261 §8.2.6.2 says."""

from __future__ import annotations

from zlib import crc32

from sipwright.sip.grammar import is_token
from sipwright.sip.parser import read_for_answer

__all__ = ["refuse_unread"]


def refuse_unread(data: bytes, status: int, reason: str) -> bytes | None:
    """Return a response with what there is of the lines that one repeats, as they came (RFC 4475 §3.1.2.1, §3.3.1).

    None for what is no request, or an ACK, or names no way back; and for what is so short that its answer would be
    longer: whoever has sent it may have written another's address on it.
    """
    start_line, lines = read_for_answer(data)
    method, _, rest = start_line.partition(" ")
    if not is_token(method) or method == "ACK" or " SIP/" not in rest.upper():
        return None
    names = [line.partition(":")[0].strip().lower() for line in lines]
    if "via" not in names and "v" not in names:
        return None
    said = [
        _tagged(line, data) if name in ("to", "t") else line for name, line in zip(names, lines, strict=True)
    ]
    text = "\r\n".join((f"SIP/2.0 {status} {reason}", *said, "Content-Length: 0", "", ""))
    answer = text.encode("utf-8", "surrogateescape")
    return answer if len(answer) <= len(data) else None


def _tagged(to: str, data: bytes) -> str:
    """Return a To line with a tag, the same one for a repetition (RFC 3261 §8.2.7)."""
    return to if "tag=" in to.lower() else f"{to};tag={crc32(data):08x}"

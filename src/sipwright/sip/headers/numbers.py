"""Headers that are one number: Expires and its kind (RFC 3261 §20.19), Max-Forwards, Content-Length."""

from __future__ import annotations

from sipwright.sip.errors import ParseError
from sipwright.sip.grammar import read_number

_MOST_SECONDS = 2**32 - 1
_MOST_BYTES = 2**32 - 1


def parse_seconds(text: str | None) -> int | None:
    """Read delta-seconds, cut to 32 bits; None when it is no number."""
    if text is None:
        return None
    if len(text) < 10 and text.isdigit() and text.isascii():
        return int(text)
    seconds = read_number(text, _MOST_SECONDS)
    if seconds is None and text.isascii() and text.isdigit():
        return _MOST_SECONDS
    return seconds


def parse_max_forwards(text: str) -> int:
    """Read Max-Forwards (RFC 3261 §20.22)."""
    hops = read_number(text, 255)
    if hops is None:
        raise ParseError("Max-Forwards is not a number from 0 to 255", "Max-Forwards")
    return hops


def parse_content_length(values: list[str]) -> int:
    """Read Content-Length (RFC 3261 §20.14); more than one must say the same."""
    lengths = {read_number(value, _MOST_BYTES) for value in values}
    length = lengths.pop()
    if lengths:
        raise ParseError("Content-Length is there twice with different values", "Content-Length")
    if length is None:
        raise ParseError("Content-Length is not a number", "Content-Length")
    return length

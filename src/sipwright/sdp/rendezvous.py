"""Media sockets that the switch has seen, put into a session description (docs/rendezvous.md).

A phone that has sent a STUN request from its media socket, with a token for USERNAME, names that token in its
description. The address and the port of that media are then those that were seen, and the token is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sipwright.sdp.address import connection_text

__all__ = ["TOKEN", "has_tokens", "place_sockets"]

TOKEN = r"[A-Za-z0-9._~-]{16,64}"

_MARK = b"\na=x-rendezvous:"
_ATTRIBUTE = re.compile(rb"\na=x-rendezvous:(" + TOKEN.encode() + rb")[ \t]*(?=\r?(?:\n|\Z))")
_LINE = re.compile(rb"\na=x-rendezvous:[^\r\n]*\r?(?=\n|\Z)")
_CONNECTION = re.compile(rb"\nc=[^\r\n]*")
_PORT = re.compile(rb"\Am=([^ \r\n]+) [0-9]+")
_RTCP = re.compile(rb"\na=rtcp:[^\r\n]*\r?(?=\n|\Z)")

Seen = Callable[[str], tuple[str, int] | None]
"""Returns the socket that has named a token, if one has."""


def has_tokens(body: bytes) -> bool:
    """Return whether a description names tokens."""
    return _MARK in body


def place_sockets(body: bytes, seen: Seen) -> bytes:
    """Return a description with the sockets that were seen in the place of those that name a token."""
    session, *sections = re.split(rb"(?<=\n)(?=m=)", body)
    return _LINE.sub(b"", session) + b"".join(_placed(section, seen) for section in sections)


def _placed(section: bytes, seen: Seen) -> bytes:
    named = _ATTRIBUTE.search(section)
    found = seen(named[1].decode()) if named is not None else None
    section = _LINE.sub(b"", section)
    if found is None:
        return section
    host, port = found
    section = _PORT.sub(rb"m=\1 %d" % port, section, count=1)
    connection = b"\nc=IN " + connection_text(host).encode()
    section = _RTCP.sub(b"", section)  # it would be of the socket inside
    if _CONNECTION.search(section) is not None:
        return _CONNECTION.sub(connection, section, count=1)
    end = b"\r" if b"\r\n" in section else b""
    first, newline, rest = section.partition(b"\n")
    return first + (b"" if newline else end) + connection + end + newline + rest

"""What a session description says: its media, where they go and in which direction (RFC 8866, RFC 3264).

Reading is forgiving: a line that makes no sense is passed over, because the description is not ours to
refuse.  Changing one is in `rewrite.py` and `origin.py`.
"""

import re
from dataclasses import dataclass

__all__ = ["Media", "connection_addresses", "is_hold", "is_sdp", "media"]

_CONNECTION = re.compile(rb"\nc=IN IP[46] ([!-.0-~]+)")
_ANYWHERE = frozenset({"0.0.0.0", "::"})  # RFC 2543's way to say hold (RFC 3264 §8.4)
_DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})


@dataclass(frozen=True, slots=True)
class Media:
    """One media description: an m= line with what applies to it."""

    kind: str
    port: int
    protocol: str
    connection: str | None
    direction: str

    @property
    def is_held(self) -> bool:
        """Whether the sender of this description wants to receive nothing here (RFC 3264 §8.4)."""
        return self.direction in ("sendonly", "inactive") or self.connection in _ANYWHERE


def is_sdp(content_type: str | None) -> bool:
    """Return whether a Content-Type names a session description."""
    if content_type is None:
        return False
    return "".join(content_type.partition(";")[0].split()).lower() == "application/sdp"


def connection_addresses(body: bytes) -> list[str]:
    """Return the addresses of all c= lines in order, of the session and of its media, without a TTL."""
    return [address.decode() for address in _CONNECTION.findall(body)]


def is_hold(body: bytes) -> bool:
    """Return whether a description holds the other side: none of its active media wants to receive."""
    active = [one for one in media(body) if one.port]
    return bool(active) and all(one.is_held for one in active)


def media(body: bytes) -> list[Media]:
    """Return the media descriptions in order; those refused or switched off have port 0."""
    connection: str | None = None
    direction = "sendrecv"
    found: list[Media] = []
    session, *sections = _sections(body)
    for kind, value in session:
        if kind == "c":
            connection = _address(value) or connection
        elif kind == "a" and value in _DIRECTIONS:
            direction = value
    for section in sections:
        one = _media(section, connection, direction)
        if one is not None:
            found.append(one)
    return found


def _sections(body: bytes) -> list[list[tuple[str, str]]]:
    """Split a description at its m= lines, each section into (type, value) lines."""
    sections: list[list[tuple[str, str]]] = [[]]
    for line in body.decode("utf-8", "surrogateescape").split("\n"):
        kind, equals, value = line.rstrip("\r ").partition("=")
        if not equals:
            continue
        if kind == "m":
            sections.append([])
        sections[-1].append((kind, value))
    return sections


def _media(lines: list[tuple[str, str]], connection: str | None, direction: str) -> Media | None:
    fields = lines[0][1].split(" ")
    port = fields[1].partition("/")[0] if len(fields) >= 3 else ""
    if not (port.isascii() and port.isdigit() and len(port) <= 5):
        return None
    for kind, value in lines:
        if kind == "c":
            connection = _address(value) or connection
        elif kind == "a" and value in _DIRECTIONS:
            direction = value
    return Media(fields[0], int(port), fields[2], connection, direction)


def _address(value: str) -> str | None:
    network, _, rest = value.partition(" ")
    kind, _, address = rest.partition(" ")
    if network != "IN" or kind not in ("IP4", "IP6") or not address:
        return None
    return address.partition("/")[0]

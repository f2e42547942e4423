"""The o= line: who made a session description, and which version of it this is (RFC 8866 §5.2).

An answer or a new offer to the same peer must keep the session id and raise the version by one when anything
changed (RFC 3264 §8).  A switch that puts another description in front of a peer has to see to that.
"""

import re

__all__ = ["as_version_of", "origin"]

_LINE = re.compile(rb"(?:^|\n)(o=[^ \r\n]+ \d{1,20} )\d{1,20}( IN [^\r\n]*)")
_ORIGIN = re.compile(rb"(?:^|\n)o=[^ \r\n]+ (\d{1,20}) (\d{1,20}) IN ")


def origin(body: bytes) -> tuple[int, int] | None:
    """Return the session id and version of a description, or None if it has no proper o= line."""
    match = _ORIGIN.search(body)
    return (int(match[1]), int(match[2])) if match else None


def as_version_of(body: bytes, first: bytes, version: int) -> bytes:
    """Return a description as a later version of `first`; the same object if either has no proper o= line."""
    match, start = _LINE.search(body), _LINE.search(first)
    if match is None or start is None:
        return body
    return b"%b%b%d%b%b" % (body[: match.start(1)], start[1], version, start[2], body[match.end(2) :])

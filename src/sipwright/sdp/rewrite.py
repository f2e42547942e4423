"""Private addresses in session descriptions, replaced so that media can flow between the two ends.

Only the address (and, if the family changes, its type) of c= lines is touched; every other byte, ICE lines
and the o= line among them, stays as it came.  When to do this is decided by the switch.
"""

import re
from collections.abc import Callable

from sipwright.sdp.address import connection_text, is_private
from sipwright.sdp.description import is_sdp

__all__ = ["rewrite_body", "rewrite_private"]

# A slash after the address begins the TTL of a multicast group: that is left alone.
_CONNECTION = re.compile(rb"\nc=IN (IP[46] ([!-.0-~]+))(?=[ \t]*\r?(?:\n|\Z))")
_BOUNDARY = re.compile(r';\s*boundary="?([^";\s][^";]*)', re.IGNORECASE)
_PART_IS_SDP = re.compile(rb"^content-type[ \t]*:[ \t]*application/sdp[ \t]*(?:;|\r?$)", re.I | re.M)
_PART_IS_ENCODED = re.compile(
    rb"^content-(?:transfer-)?encoding[ \t]*:[ \t]*+(?!(?:7bit|8bit|binary|identity)[ \t]*\r?$)", re.I | re.M
)
_HEAD_END = re.compile(rb"\r?\n\r?\n")

Replaced = list[tuple[str, str]]


def rewrite_private(
    body: bytes, replacement: str, *, is_private: Callable[[str], bool] = is_private
) -> tuple[bytes, Replaced]:
    """Replace the private addresses in a session description.

    Args:
        body: The description.
        replacement: The address that takes their place, IPv4 or IPv6.
        is_private: Which addresses to replace.

    Returns:
        The new description and what was replaced, as (old, new) pairs in order.  If there was nothing to
        replace, the very object that came in and an empty list.

    Raises:
        ValueError: The replacement is not an IP address.
    """
    pieces: list[bytes] = []
    replaced: Replaced = []
    end = 0
    for match in _CONNECTION.finditer(body):
        old = match[2].decode()
        if not is_private(old):
            continue
        text = connection_text(replacement)
        new = text[4:]
        if old == new:
            continue
        pieces += body[end : match.start(1)], text.encode()
        end = match.end(1)
        replaced.append((old, new))
    if not replaced:
        return body, replaced
    pieces.append(body[end:])
    return b"".join(pieces), replaced


def rewrite_body(
    content_type: str | None,
    body: bytes,
    replacement: str,
    *,
    is_private: Callable[[str], bool] = is_private,
) -> tuple[bytes, Replaced]:
    """Do `rewrite_private` to the session descriptions in a message body, alone or parts of a multipart.

    Args:
        content_type: The whole Content-Type of the message, with its boundary.
        body: The body of the message.
        replacement: The address that takes the place of private ones.
        is_private: Which addresses to replace.
    """
    if is_sdp(content_type):
        return rewrite_private(body, replacement, is_private=is_private)
    if content_type is None or content_type.lstrip()[:10].lower() != "multipart/":
        return body, []
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return body, []
    delimiter = b"--" + boundary[1].rstrip().encode("utf-8", "surrogateescape")
    parts = re.split(rb"(^" + re.escape(delimiter) + rb"(?:--)?[ \t]*\r?$)", body, flags=re.MULTILINE)
    replaced: Replaced = []
    for index in range(2, len(parts), 2):
        if parts[index - 1].rstrip().endswith(delimiter + b"--"):
            break
        parts[index], done = _rewrite_part(parts[index], replacement, is_private)
        replaced += done
    return (b"".join(parts) if replaced else body), replaced


def _rewrite_part(part: bytes, replacement: str, is_private: Callable[[str], bool]) -> tuple[bytes, Replaced]:
    # `part` begins with the line end of its delimiter, so a part without headers begins with two.
    head_end = _HEAD_END.search(part)
    if head_end is None:
        return part, []
    head = part[: head_end.start()]
    if not _PART_IS_SDP.search(head) or _PART_IS_ENCODED.search(head):
        return part, []
    content, replaced = rewrite_private(part[head_end.end() :], replacement, is_private=is_private)
    return part[: head_end.end()] + content, replaced

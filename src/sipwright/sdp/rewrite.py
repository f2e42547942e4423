"""Private addresses in session descriptions, replaced so that media can flow between the two ends.

Only the address (and, if the family changes, its type) of c= lines is touched, and what follows them: the address of
`a=rtcp` (RFC 3605), and any other attribute that carries the same address.  Every other byte, ICE lines and the o= line
among them, stays as it came.  When to do this is decided by the switch.
"""

import re
from collections.abc import Callable
from itertools import islice

from sipwright.sdp.address import connection_text, is_private
from sipwright.sdp.description import is_sdp

__all__ = ["rewrite_body", "rewrite_private"]

# A slash after the address begins the TTL of a multicast group: that is left alone.
_CONNECTION = re.compile(rb"\nc=IN (IP[46] ([!-.0-~]+))(?=[ \t]*\r?(?:\n|\Z))")
_ANY_CONNECTION = re.compile(rb"\nc=IN IP[46] ([0-9A-Fa-f:.]+)(?=[ \t]*\r?(?:\n|\Z))")
_RTCP = re.compile(rb"(\na=rtcp:[0-9]+ IN )(IP[46]) ([!-.0-~]+)")
_ANYWHERE = (b"0.0.0.0", b"::")
_AROUND = (rb"(?<![\w.%-])(?<!ffff:)", rb"(?![\w.%-])")
_AROUND_6 = (rb"(?<![\w.:%-])", rb"(?![\w.:%-])")
_ATTRIBUTE = re.compile(rb"(?<=\na=)(?!candidate|remote-candidates|ice-|end-of-candidates)[^\r\n]+")
_BOUNDARY = re.compile(r';\s*boundary="?([^";\s][^";]*)', re.IGNORECASE)
_PART_IS_SDP = re.compile(rb"^content-type[ \t]*:[ \t]*application/sdp[ \t]*(?:;|\r?$)", re.I | re.M)
_PART_IS_ENCODED = re.compile(
    rb"^content-(?:transfer-)?encoding[ \t]*:[ \t]*+(?!(?:7bit|8bit|binary|identity)[ \t]*\r?$)", re.I | re.M
)
_PART_TYPE = re.compile(
    rb"^content-type[ \t]*:[ \t]*(multipart/[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.I | re.M
)
_PART_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*([0-9]{1,9})(?=[ \t]*\r?$)", re.I | re.M)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_DEEPEST = 4  # multiparts inside of each other, of which RFC 5621 §3.1 knows one or two

MOST = 64
"""How many c= lines of a description are looked at, and how many addresses of `a=rtcp`: no call has so many media."""

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
    for match in islice(_CONNECTION.finditer(body), MOST):
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
    if replaced:
        pieces.append(body[end:])
        body = _in_attributes(b"".join(pieces), replaced)
    if b"\na=rtcp:" in body:
        body = _rtcp_with_its_media(body, replacement, is_private, replaced)
    return body, replaced


def _in_attributes(body: bytes, replaced: Replaced) -> bytes:
    """Replace the same addresses in attributes, but in those of ICE, which has addresses of every kind."""
    begin = body.index(b"\nc=")  # the o= line before it has the address too, and keeps it
    written = {old.encode(): connection_text(new).encode() for old, new in replaced}
    there = [old for old in written if body.find(old, begin) >= 0]
    for is_6, (before, after) in enumerate((_AROUND, _AROUND_6)):
        olds = [re.escape(old) for old in there if (b":" in old) is bool(is_6)]
        if not olds:
            continue
        # One expression for all of them, as each look at the attributes costs what the whole description does.
        same = re.compile(rb"(IP[46] )?" + before + b"(" + b"|".join(olds) + b")" + after)

        def follow(match: re.Match[bytes], same: re.Pattern[bytes] = same) -> bytes:
            return same.sub(lambda found: written[found[2]][0 if found[1] else 4 :], match[0])

        body = _ATTRIBUTE.sub(follow, body)
    return body


def _rtcp_with_its_media(
    body: bytes, replacement: str, is_private: Callable[[str], bool], replaced: Replaced
) -> bytes:
    """Let a private address of `a=rtcp` be that of the c= line of its media, else of the session."""

    def follow(match: re.Match[bytes]) -> bytes:
        old = match[3].decode()
        if not is_private(old):
            return match[0]
        begin = body.rfind(b"\nm=", 0, match.start())
        after = body.find(b"\nm=", match.start())
        first = body.find(b"\nm=")
        found = _ANY_CONNECTION.search(body, max(begin, 0), len(body) if after < 0 else after)
        if found is None:
            found = _ANY_CONNECTION.search(body, 0, len(body) if first < 0 else first)
        new = replacement if found is None or found[1] in _ANYWHERE else found[1].decode()
        try:
            text = connection_text(new)
        except ValueError:  # the c= line looks like an address, and is none
            new, text = replacement, connection_text(replacement)
        if new == old:
            return match[0]
        replaced.append((old, new))
        return match[1] + text.encode()

    before = len(replaced)
    changed = _RTCP.sub(follow, body, count=MOST)
    return changed if len(replaced) > before else body


def rewrite_body(
    content_type: str | None,
    body: bytes,
    replacement: str,
    *,
    is_private: Callable[[str], bool] = is_private,
    depth: int = 0,
) -> tuple[bytes, Replaced]:
    """Do `rewrite_private` to the session descriptions in a message body, alone or parts of a multipart.

    What a part says of its own length follows (RFC 2045 §3 allows for that field, and some gateways write it).

    Args:
        content_type: The whole Content-Type of the message, with its boundary.
        body: The body of the message.
        replacement: The address that takes the place of private ones.
        is_private: Which addresses to replace.
        depth: In how many multiparts this one is.
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
        parts[index], done = _rewrite_part(parts[index], replacement, is_private, depth)
        replaced += done
    return (b"".join(parts) if replaced else body), replaced


def _rewrite_part(
    part: bytes, replacement: str, is_private: Callable[[str], bool], depth: int
) -> tuple[bytes, Replaced]:
    # `part` begins with the line end of its delimiter, so a part without headers begins with two.
    head_end = _HEAD_END.search(part)
    if head_end is None:
        return part, []
    head, body = part[: head_end.end()], part[head_end.end() :]
    if _PART_IS_ENCODED.search(head):
        return part, []
    nested = _PART_TYPE.search(head) if depth < _DEEPEST else None
    if nested is not None:
        kind = nested[1].decode("utf-8", "surrogateescape")
        content, replaced = rewrite_body(kind, body, replacement, is_private=is_private, depth=depth + 1)
    elif _PART_IS_SDP.search(head):
        content, replaced = rewrite_private(body, replacement, is_private=is_private)
    else:
        return part, []
    longer = len(content) - len(body)
    if longer:
        head = _PART_LENGTH.sub(lambda found: _with_number(found, int(found[1]) + longer), head)
    return head + content, replaced


def _with_number(found: re.Match[bytes], number: int) -> bytes:
    """Write the number that a match has as its group anew."""
    return found[0][: found.start(1) - found.start()] + b"%d" % max(number, 0)

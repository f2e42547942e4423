"""An ACK known by its bytes: whose it is, and that it is to a certain INVITE.

Of nearly every ACK to a 2xx nobody wants to know more (RFC 3261 §13.2.2.4): it is not answered, has no body and goes
no further. Its Call-ID and From are those of the INVITE (§13.2.2.4, §12.2.1.1), byte for byte if a phone writes it as
nearly all do. Any other is left to the parser.
"""

from __future__ import annotations

from sipwright.sip.message import Request

__all__ = ["is_usual_ack", "usual_ack_tag"]

_END = b"\r\nContent-Length: 0\r\n\r\n"
_START = b" SIP/2.0\r\nVia: "
_TO = b"\r\nTo: "


def usual_ack_tag(data: bytes) -> str:
    """Return the To tag of an ACK without a body that is written as nearly all are, and empty text for any other."""
    if not data.endswith(_END):
        return ""
    start = data.find(_TO)
    end = data.find(b"\r", start + len(_TO))
    address, _, tag = data[start:end].rpartition(b";tag=")
    is_usual = start > 0 and address.endswith(b">") and data.find(_START, 0, start) > 0
    return tag.decode("latin-1") if is_usual else ""


def is_usual_ack(data: bytes, invite: Request) -> bool:
    """Return whether such an ACK is to a 2xx to this INVITE, which has been read."""
    line_of, number = invite.headers.index(), invite.cseq.number
    return (
        f"\r\nCSeq: {number} ACK\r\n".encode() in data
        and f"\r\n{line_of['call-id']}\r\n".encode("utf-8", "surrogateescape") in data
        and f"\r\n{line_of['from']}\r\n".encode("utf-8", "surrogateescape") in data
    )

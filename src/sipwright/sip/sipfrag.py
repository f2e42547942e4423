"""The fragment of a response that a NOTIFY of a transfer carries (RFC 3420, RFC 3515 §2.4.5)."""

from __future__ import annotations

from sipwright.sip.grammar import forbid_breaks
from sipwright.sip.shown import shown

__all__ = ["SIPFRAG", "read_sipfrag", "write_sipfrag"]

SIPFRAG = "message/sipfrag;version=2.0"
"""Its media type."""

_VERSION = "SIP/2.0 "


def write_sipfrag(status: int, reason: str) -> bytes:
    """Write a fragment that is a status line and nothing else."""
    forbid_breaks(reason)
    return f"{_VERSION}{status} {shown(reason)}\r\n".encode("utf-8", "surrogateescape")


def read_sipfrag(body: bytes) -> tuple[int, str]:
    """Return the status and the reason of a fragment that `write_sipfrag` has written."""
    status, _, reason = body.decode("utf-8", "surrogateescape").strip().removeprefix(_VERSION).partition(" ")
    return int(status), reason

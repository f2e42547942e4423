"""The fragment of a response that a NOTIFY of a transfer carries (RFC 3420, RFC 3515 §2.4.5)."""

from __future__ import annotations

from sipwright.sip.grammar import forbid_breaks, shown

__all__ = ["SIPFRAG", "write_sipfrag"]

SIPFRAG = "message/sipfrag;version=2.0"
"""Its media type."""


def write_sipfrag(status: int, reason: str) -> bytes:
    """Write a fragment that is a status line and nothing else."""
    forbid_breaks(reason)
    return f"SIP/2.0 {status} {shown(reason)}\r\n".encode("utf-8", "surrogateescape")

"""How workers hand their batches to the process that keeps an SQLite database: frames over a Unix socket.

A frame is its length, in four bytes, a letter, and what belongs to it; what the keeper answers is a letter alone.
"""

from __future__ import annotations

from struct import Struct

__all__ = [
    "APPLIED",
    "APPLY",
    "BATCH",
    "COMMITTED",
    "FENCE",
    "FENCED",
    "HEAD",
    "SOCKET",
    "frame",
]

SOCKET = "store.sock"
"""The name of the socket in the data folder."""

FENCE, BATCH, APPLY = b"F", b"B", b"A"
"""Who it is, with the fence of its lease; a batch, as the log has it; the wish that all is in the tables by now."""

COMMITTED, APPLIED, FENCED = b"c", b"a", b"f"
"""The batch is in the log; the tables have all of it; somebody else has the lease, and nothing was committed."""

HEAD = Struct("<I")


def frame(kind: bytes, data: bytes = b"") -> bytes:
    """Return a frame as it is sent."""
    return HEAD.pack(len(data) + 1) + kind + data

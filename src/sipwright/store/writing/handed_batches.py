"""How workers hand their batches to the process that keeps an SQLite database: frames over a Unix socket.

A frame is its length, in four bytes, a letter, and what belongs to it; what the keeper answers is a letter alone.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
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
    "connect",
    "frame",
    "listen",
]

SOCKET = "store.sock"
"""The name of the socket in the data folder."""

FENCE, BATCH, APPLY = b"F", b"B", b"A"
"""Who it is, with the fence of its lease; a batch, as the log has it; the wish that all is in the tables by now."""

COMMITTED, APPLIED, FENCED = b"c", b"a", b"f"
"""The batch is in the log; the tables have all of it; somebody else has the lease, and nothing was committed."""

HEAD = Struct("<I")

BACKLOG = 128


def frame(kind: bytes, data: bytes = b"") -> bytes:
    """Return a frame as it is sent."""
    return HEAD.pack(len(data) + 1) + kind + data


def listen(folder: Path) -> socket.socket:
    """Return a socket in a data folder that only our own user can connect to.

    Raises:
        OSError: It cannot be made there.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # By this way the path may be longer than the 107 bytes of an address.
        fresh = f"/proc/self/fd/{handle}/{SOCKET}.new"
        if os.path.lexists(fresh):
            os.unlink(fresh)
        made.setblocking(False)
        made.bind(fresh)
        os.chmod(fresh, 0o600)
        made.listen(BACKLOG)
        os.replace(fresh, f"/proc/self/fd/{handle}/{SOCKET}")
    except BaseException:
        made.close()
        raise
    finally:
        os.close(handle)
    return made


def connect(folder: Path) -> socket.socket:
    """Connect to whoever keeps the database of a data folder.

    Raises:
        OSError: Nobody does.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.connect(f"/proc/self/fd/{handle}/{SOCKET}")
    except BaseException:
        made.close()
        raise
    finally:
        os.close(handle)
    return made

"""Unix sockets in a folder, for processes of our own user, by a path of any length.

An address holds 107 bytes, and data folders lie where people put them: so the folder is opened, and the socket is
named by what `/proc` calls that.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["connect", "is_listening", "listen"]


def listen(folder: Path, name: str, backlog: int) -> socket.socket:
    """Return a socket that listens in a folder, in the place of one that a killed process has left.

    Raises:
        OSError: It cannot be made there.
    """
    with _unix_socket(folder) as (listening, inside):
        fresh = f"{inside}/{name}.new"
        if os.path.lexists(fresh):
            os.unlink(fresh)
        listening.bind(fresh)
        os.chmod(fresh, 0o600)
        listening.listen(backlog)
        os.replace(fresh, f"{inside}/{name}")
    return listening


def connect(folder: Path, name: str) -> socket.socket:
    """Return a socket that is connected to the one in a folder.

    Raises:
        OSError: Nobody listens there.
        BlockingIOError: Somebody does, and does not get round to it.
    """
    with _unix_socket(folder) as (connection, inside):
        connection.connect(f"{inside}/{name}")
    return connection


def is_listening(folder: Path, name: str) -> bool:
    """Return whether somebody listens at the socket in a folder."""
    try:
        connect(folder, name).close()
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


@contextmanager
def _unix_socket(folder: Path) -> Iterator[tuple[socket.socket, str]]:
    """Make a socket that does not block, and a short path to the folder; it is closed when something goes wrong."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        yield made, f"/proc/self/fd/{handle}"
    except BaseException:
        made.close()
        raise
    finally:
        os.close(handle)

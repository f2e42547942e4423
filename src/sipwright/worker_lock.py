"""Whether the process of a worker lives: it has a file in the data folder locked for as long as it does."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

__all__ = ["is_free", "lock_worker"]


LOOKS, PAUSE = 500, 0.01
"""How often it is tried to lock a file, with what pauses: a worker whose supervisor was killed ends within 3 s."""


def lock_worker(folder: Path, number: int) -> int:
    """Lock the file of a worker, and return the open file; the lock ends with the process, also after SIGKILL.

    Raises:
        BlockingIOError: A process has it.
    """
    for _ in range(LOOKS):
        try:
            return _lock(folder, number)
        except BlockingIOError:
            time.sleep(PAUSE)  # somebody may only look
    return _lock(folder, number)


def _lock(folder: Path, number: int) -> int:
    handle = os.open(_path(folder, number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:
        pass  # this file system has no locks
    return handle


def is_free(folder: Path, number: int) -> bool:
    """Return whether no process is that worker."""
    try:
        os.close(_lock(folder, number))
    except OSError:
        return False
    return True


def _path(folder: Path, number: int) -> Path:
    return folder / f"worker{number}.lock"

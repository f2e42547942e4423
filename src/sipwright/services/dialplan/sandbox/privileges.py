"""What the kernel takes from the workers of the sandbox, beside what their interpreter does not give to scripts."""

from __future__ import annotations

import ctypes
import os

__all__ = ["renounce"]

PR_SET_NO_NEW_PRIVS = 38


def renounce() -> str | None:
    """Let this process, and so its workers, gain no privilege by any program that they start (set-uid, capabilities).

    It holds for threads and processes that begin later, so it is done first of all. Returns why it cannot be done, or
    None.
    """
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (AttributeError, OSError, TypeError):
        return "this system has no prctl()"
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        return None
    return os.strerror(ctypes.get_errno())

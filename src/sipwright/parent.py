"""The bond with the switch that has started this process: when the one ends, the other does."""

from __future__ import annotations

import os
import signal
import threading
import time

__all__ = ["end_with_parent"]

PATIENCE = 3.0
"""Seconds to end in an orderly way."""


def end_with_parent() -> None:
    """End when nobody holds the other end of the standard input any more, which also SIGKILL brings about."""
    threading.Thread(target=_wait, name="parent", daemon=True).start()


def _wait() -> None:
    while True:
        try:
            if not os.read(0, 1024):
                break
        except InterruptedError:
            continue
        except OSError:
            break
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)  # whatever holds the loop up

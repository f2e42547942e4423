"""What was found: printed with the place where it was raised, and kept as a file."""

from __future__ import annotations

import hashlib
import signal
import traceback
from pathlib import Path

from .targets import TARGETS

__all__ = ["MOST", "SLOW", "is_finding"]

MOST = 10
"""Findings of a target after which it is left: the rest is most likely the same."""
SLOW = 5
"""Seconds of CPU time after which an input counts as one that hangs; others may have the processor meanwhile."""


def is_finding(name: str, data: bytes, folder: Path, known: set[str] | None = None) -> str:
    """Let a target read; if it should not have raised what it did, print that, keep the input, and say where it was."""

    def hang(*_: object) -> None:
        raise TimeoutError(f"not read within {SLOW} s")

    signal.signal(signal.SIGPROF, hang)
    signal.setitimer(signal.ITIMER_PROF, SLOW)
    error = TARGETS[name].run(data)
    signal.setitimer(signal.ITIMER_PROF, 0)
    if error is None:
        return ""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {frame.name}, {frame.filename}:{frame.lineno}"
    if known is None or where not in known:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        print("".join(traceback.format_exception(error)[-1:]).strip()[:300])
        print(f"  {where}\n  {data[:400]!r}\n  kept as {path}", flush=True)
    return where

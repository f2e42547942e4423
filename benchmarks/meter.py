"""What a process and everything that it has started cost: CPU time and memory, from /proc.

CPU time does not depend on what else the machine is doing, which wall-clock time does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Start(NamedTuple):
    """A start: seconds and CPU seconds until the first answer, and bytes; then those of the pages, which come later."""

    wait: float
    cpu: float
    memory: int
    pages_wait: float = 0.0
    pages_memory: int = 0


def family(pid: int) -> set[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        found.add(current := waiting.pop())
        waiting += children.get(current, [])
    return found


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process and its descendants, those that have ended included."""
    ticks = 0
    for member in family(pid):
        fields = _stat(member)
        if fields is not None:
            ticks += sum(map(int, fields[11:15]))  # its own, and that of its children that have ended
    return ticks / TICK


def own_seconds(pid: int) -> float:
    """Return the user and system time of one process; 0 when it has ended."""
    fields = _stat(pid)
    return 0.0 if fields is None else sum(map(int, fields[11:13])) / TICK


def resident_bytes(pid: int) -> int:
    """Return the resident memory of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None

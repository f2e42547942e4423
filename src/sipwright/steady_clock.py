"""Unix time that goes on evenly: what somebody who sets the machine's clock cannot move.

Deadlines that are stored have to mean the same to the process that reads them. So a switch counts from what the time
was when it started, on the monotonic clock, and writes beside its key what it counts from: the next process of the same
boot counts on, whatever has become of the machine's clock in between.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["NOTICED", "SteadyClock", "clock_file", "machine_start"]

NOTICED = 2.0
"""Seconds by which a clock must have been set for it to count: less is the work of NTP, or of a busy machine."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class SteadyClock:
    """Returns Unix time when it is called; `offset` is what is added to the monotonic clock."""

    __slots__ = ("_monotonic", "_seen", "_unix_time", "offset")

    def __init__(
        self,
        offset: float | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        """Count from `offset`, or from the time of the machine now."""
        self._monotonic = monotonic
        self._unix_time = unix_time
        self._seen = self._offset_now()
        self.offset = self._seen if offset is None else offset

    def __call__(self) -> float:
        """Return the time."""
        return self._monotonic() + self.offset

    @classmethod
    def found(cls, path: Path) -> SteadyClock:
        """Return the clock that a switch keeps in a file, or a new one when it is of another boot."""
        try:
            document = json.loads(path.read_text("utf-8"))
            is_known = document["boot"] == machine_start() != ""
            return cls(float(document["offset"])) if is_known else cls()
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def keep(self, path: Path) -> None:
        """Write down what it counts from.

        Raises:
            OSError: It cannot be written.
        """
        beside = path.with_name(f"{path.name}.new")
        beside.write_text(json.dumps({"boot": machine_start(), "offset": self.offset}) + "\n", "utf-8")
        os.replace(beside, path)

    def ahead(self) -> float:
        """Return by how much the machine's clock is ahead of this one now."""
        return self._offset_now() - self.offset

    def step(self) -> float:
        """Return by how much the machine's clock was set since this was last asked, 0 if by next to nothing."""
        seen, self._seen = self._seen, self._offset_now()
        step = self._seen - seen
        return step if abs(step) >= NOTICED else 0.0

    def _offset_now(self) -> float:
        return self._unix_time() - self._monotonic()


def clock_file(key_file: Path) -> Path:
    """Return where a switch writes down what its clock counts from."""
    return key_file.with_name("sipwright.clock")


def machine_start() -> str:
    """Name this start of the machine, in which the monotonic clock counts on; empty where that is not known."""
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return ""

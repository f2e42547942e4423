"""The SIP ladder: every message of both phones on one time axis, with the switch in the middle.

::

       ms  phone A                        switch                        phone B
     12.1  |------------ INVITE ------------>|                              |
     14.0  |                                 |----------- INVITE ---------->|
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sipwright.monitor.trace.label import label_of
from sipwright.transport import Flow

__all__ = ["Hop", "Ladder"]

Side = Literal["A", "B"]

_NARROWEST, _WIDEST = 30, 60


@dataclass(frozen=True, slots=True)
class Hop:
    """One message between a phone and the switch; `at` is a Unix time."""

    at: float
    phone: Side
    is_to_switch: bool
    label: str
    data: bytes

    @property
    def way(self) -> str:
        """From whom to whom."""
        ends = (f"phone {self.phone}", "switch")
        return " -> ".join(ends if self.is_to_switch else ends[::-1])


class Ladder:
    """The messages in the order in which they were seen."""

    def __init__(self) -> None:
        self.hops: list[Hop] = []

    def __len__(self) -> int:
        return len(self.hops)

    def listener(self, phone: Side) -> Callable[[Literal["in", "out"], float, Flow, bytes], None]:
        """Return what writes down the messages of a phone, for the tap of its stack."""

        def listen(direction: Literal["in", "out"], at: float, flow: Flow, data: bytes) -> None:
            self.hops.append(Hop(at, phone, direction == "out", label_of(data), data))

        return listen

    def forget_from(self, index: int) -> None:
        """Drop the messages from a point on: an attempt that came too early."""
        del self.hops[index:]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the messages with their milliseconds since the first one."""
        return [
            {
                "ms": round((hop.at - self.hops[0].at) * 1000, 1),
                "way": hop.way,
                "message": hop.label,
                "wire": hop.data.decode("utf-8", "replace"),
            }
            for hop in self.hops
        ]

    def lines(self) -> list[str]:
        """Draw the ladder."""
        if not self.hops:
            return []
        longest = max(len(hop.label) for hop in self.hops)
        width = min(max(longest + 8, _NARROWEST), _WIDEST)
        start = self.hops[0].at
        return [_head(width), *(_line(hop, start, width) for hop in self.hops)]


def _head(width: int) -> str:
    """Return the names of the three, over their lines at columns 10, 11 + width and 12 + 2 * width."""
    left = f"{'ms':>8}  phone A".ljust(8 + width) + "switch"
    return left.ljust(6 + 2 * width) + "phone B"


def _line(hop: Hop, start: float, width: int) -> str:
    label = f" {hop.label[: width - 6]} "
    is_rightwards = hop.is_to_switch is (hop.phone == "A")
    arrow = label.center(width - 1, "-")
    arrow = arrow + ">" if is_rightwards else "<" + arrow
    blank = " " * width
    left, right = (arrow, blank) if hop.phone == "A" else (blank, arrow)
    return f"{(hop.at - start) * 1000:8.1f}  |{left}|{right}|"

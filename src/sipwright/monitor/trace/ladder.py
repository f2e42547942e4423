"""The ladder of a call: the caller on the left, the legs that were tried on the right, the script in between.

A message belongs to a leg by its Call-ID; its direction is the one that the switch saw, except on the loop that
joins two parts of a call, where the tags tell who speaks. The legs of the part that is first have the numbers that they
have in its records, those of the others follow; what joins two parts is a leg of the one that dials.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sipwright.sip import Message as SipMessage
from sipwright.sip import ParseError, Request, parse
from sipwright.store.history.calltraces import CallTrace
from sipwright.store.history.trace_messages import Message
from sipwright.transport.flow import shown_flow

from .label import label_of

__all__ = ["LegNumbers", "Rung", "numbered_legs", "rungs", "to_json", "to_lines"]

_NARROWEST, _WIDEST = 30, 52
_TIME = 11
"""Columns before the first line of the ladder."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One message; `leg` is 0 for the caller's side, `at` counts from the start of the call."""

    at: float
    leg: int
    is_to_switch: bool
    label: str
    flow: str
    data: bytes
    peer: str = ""
    """Whom an INVITE is for, or from."""


def rungs(trace: CallTrace) -> list[Rung]:
    """Return the messages of a call with the legs that they belong to."""
    numbers = LegNumbers(trace)
    recorded = {part.id for part in trace.whole if part.messages}
    found = []
    for part in trace.whole:
        for message in part.messages:
            if message.is_restart:
                continue
            read = _parsed(message.data)
            owner, leg = (part.id, 0) if read is None else numbers.find(read, part.id)
            if owner == part.id or owner not in recorded:  # else that part has heard it, too
                found.append(_rung(message, read, owner, leg, trace.started_at))
    return sorted(found, key=lambda rung: rung.at) if trace.parts else found


def _rung(message: Message, read: SipMessage | None, owner: str, leg: int, start: float) -> Rung:
    return Rung(
        max(message.at - start, 0.0),
        leg,
        _is_to_switch(message, read, owner),
        label_of(message.data),
        shown_flow(message.flow),
        message.data,
        _peer(read, leg),
    )


class LegNumbers:
    """Numbers the legs of all parts of a call, as the ladder shows them."""

    def __init__(self, trace: CallTrace) -> None:
        self._first = trace.id
        self._parts = {part.id for part in trace.whole}
        self._numbers: dict[tuple[str, int], int] = {}
        self._next = 1 + max((leg["leg"] for leg in trace.legs), default=0)
        self._by_sip_call_id: dict[str | None, tuple[str, int]] = {}
        for part in trace.whole:
            for leg in part.legs:
                self._by_sip_call_id.setdefault(leg["sip_call_id"], (part.id, leg["leg"]))
        for part in trace.whole:
            for leg in part.legs:
                self.of_leg(part.id, leg)

    def of_leg(self, part: str, leg: dict[str, Any]) -> int:
        """Return the number of a leg; the caller's of a part is the leg of another one that leads to it."""
        place = part, leg["leg"]
        if place[1] == 0:
            place = self._by_sip_call_id.get(leg["sip_call_id"], place)
        return self._of(*place)

    def find(self, read: SipMessage, part: str) -> tuple[str, int]:
        """Return the part that a message belongs to which one has heard, and the number of its leg.

        Our tags are the id of the part and the number of the leg; between two parts that of the one that dials counts.
        """
        found: tuple[str, int] | None = None
        for tag in (read.from_tag, read.to_tag):
            owner, _, number = (tag or "").rpartition(".")
            if owner in self._parts and number.isdigit() and (found is None or found[1] == 0):
                found = owner, int(number)
        place = found or self._by_sip_call_id.get(read.call_id, (part, 0))
        return place[0], self._of(*place)

    def _of(self, part: str, number: int) -> int:
        if part == self._first:
            self._next = max(self._next, number + 1)
            return number
        place = part, number
        if place not in self._numbers:
            self._numbers[place] = self._next
            self._next += 1
        return self._numbers[place]


def _peer(read: SipMessage | None, leg: int) -> str:
    if not isinstance(read, Request) or read.method != "INVITE":
        return ""
    return str((read.to if leg else read.from_).uri)


def _parsed(data: bytes) -> SipMessage | None:
    try:
        return parse(data)
    except ParseError:
        return None


def _is_to_switch(message: Message, read: SipMessage | None, call_id: str) -> bool:
    if not message.flow.startswith("loop/") or read is None:
        return message.direction == "in"
    ours_from = (read.from_tag or "").startswith(f"{call_id}.")
    return not ours_from if isinstance(read, Request) else ours_from


def numbered_legs(trace: CallTrace) -> list[dict[str, Any]]:
    """Return the records of all parts with the numbers that the ladder has for their legs, each leg once."""
    numbers = LegNumbers(trace)
    found: dict[int, dict[str, Any]] = {}
    for part in trace.whole:
        for leg in part.legs:
            if leg["leg"] == 0 and part is not trace and trace.row is not None:
                continue  # the leg that leads to it has no record yet
            number = numbers.of_leg(part.id, leg)
            found.setdefault(number, leg if leg["leg"] == number else {**leg, "leg": number})
    return [found[number] for number in sorted(found)]


def to_lines(
    found: Sequence[Rung], remarks: Iterable[tuple[float, str]], names: dict[int, str], columns: int = 120
) -> list[str]:
    """Draw the ladder, with remarks (the script) between its rungs in the order of time.

    It is as wide as its longest label, but never wider than `columns`, of which it needs 80.
    """
    legs = sorted({rung.leg for rung in found if rung.leg})
    labels = [_label(rung, is_alone=len(legs) < 2) for rung in found]
    most = min(_WIDEST, max(_NARROWEST, (columns - _TIME - 2) // 2))
    width = min(max([_NARROWEST, *(len(label) + 4 for label in labels)]), most)
    right = ", ".join(
        f"({leg}) {names.get(leg, '')}".rstrip() if len(legs) > 1 else names.get(leg, "") for leg in legs
    )
    caller = _cut(names.get(0, "caller"), width - 4)
    head = f"{'s':>8}  {caller}".ljust(8 + width) + "switch".ljust(width - 4) + right
    events = [(rung.at, 1, _drawn(rung, label, width)) for rung, label in zip(found, labels, strict=True)]
    events += [(at, 0, _remark(at, text, width, columns)) for at, text in remarks]
    return [
        _cut(head, columns).rstrip(),
        *(line for _, _, line in sorted(events, key=lambda event: event[:2])),
    ]


def _label(rung: Rung, *, is_alone: bool) -> str:
    return rung.label if is_alone or not rung.leg else f"({rung.leg}) {rung.label}"


def _drawn(rung: Rung, label: str, width: int) -> str:
    arrow = f" {_cut(label, width - 4)} ".center(width - 1, "-")
    arrow = arrow + ">" if rung.is_to_switch is (rung.leg == 0) else "<" + arrow
    blank = " " * width
    return f"{rung.at:8.3f}  |{blank if rung.leg else arrow}|{arrow if rung.leg else blank}|"


def _remark(at: float, text: str, width: int, columns: int) -> str:
    """Write a remark at the switch's line, or further to the left where it would not fit there."""
    text = _cut(f"* {text}", columns - _TIME - 2)
    indent = max(2, min(width, columns - _TIME - len(text)))
    return f"{at:8.3f}  |{' ' * indent}{text}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def to_json(found: Iterable[Rung]) -> list[dict[str, Any]]:
    """Return the messages for other programs."""
    return [
        {
            "at": round(rung.at, 4),
            "leg": rung.leg,
            "to_switch": rung.is_to_switch,
            "message": rung.label,
            "flow": rung.flow,
            "wire": rung.data.decode("utf-8", "replace"),
        }
        for rung in found
    ]

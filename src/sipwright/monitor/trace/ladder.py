"""The ladder of a call: the caller on the left, the legs that were tried on the right, the script in between.

A message belongs to a leg by its Call-ID; its direction is the one that the switch saw, except on the loop that
joins two calls of this switch, where the tags tell who speaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sipwright.sip import Message as SipMessage
from sipwright.sip import ParseError, Request, parse
from sipwright.store.history.calltraces import CallTrace
from sipwright.store.history.trace_messages import Message

from .label import label_of

__all__ = ["Rung", "rungs", "to_json", "to_lines"]

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
    known = {leg["sip_call_id"]: leg["leg"] for leg in trace.legs}
    start = trace.started_at
    found = []
    for message in trace.messages:
        if message.is_restart:
            continue
        read = _parsed(message.data)
        leg = 0 if read is None else _leg_of(read, trace.id, known)
        found.append(
            Rung(
                max(message.at - start, 0.0),
                leg,
                _is_to_switch(message, read, trace.id),
                label_of(message.data),
                message.flow,
                message.data,
                _peer(read, leg),
            )
        )
    return found


def _peer(read: SipMessage | None, leg: int) -> str:
    if not isinstance(read, Request) or read.method != "INVITE":
        return ""
    return str((read.to if leg else read.from_).uri)


def _parsed(data: bytes) -> SipMessage | None:
    try:
        return parse(data)
    except ParseError:
        return None


def _leg_of(read: SipMessage, call_id: str, known: dict[str | None, int]) -> int:
    """Return the leg of a message: our tags are the id of the call and the number of the leg."""
    for tag in (read.from_tag, read.to_tag):
        owner, _, number = (tag or "").rpartition(".")
        if owner == call_id and number.isdigit():
            return int(number)
    return known.get(read.call_id, 0)


def _is_to_switch(message: Message, read: SipMessage | None, call_id: str) -> bool:
    if not message.flow.startswith("loop/") or read is None:
        return message.direction == "in"
    ours_from = (read.from_tag or "").startswith(f"{call_id}.")
    return not ours_from if isinstance(read, Request) else ours_from


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

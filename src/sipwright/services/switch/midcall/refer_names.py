"""Which REFER an event is about: by the CSeq number that it has in each of the two dialogs (RFC 3515 §2.4.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sipwright.sip import Request
from sipwright.sip.headers.names import KEYS

from ..call.leg import Leg

__all__ = ["name_refer", "note_refer"]

MOST = 8
"""The REFERs of one leg whose names are remembered."""

_EVENT_ID = re.compile(r"(?i)(refer[ \t]*;(?:[^;]*;)*?[ \t]*id[ \t]*=[ \t]*)([0-9]{1,10})")


def note_refer(receiver: Leg, sent: int, told: int) -> None:
    """Remember which number a REFER had that crossed, and which one its receiver was told."""
    receiver.refers = (*receiver.refers, (sent, told))[-MOST:]


def name_refer(
    headers: list[tuple[str, str]], request: Request, sender: Leg, receiver: Leg
) -> list[tuple[str, str]]:
    """Return the headers of a request that crosses, with the REFER named as the receiver knows it."""
    known: dict[int, int] = {}
    if request.method == "NOTIFY":
        known = {ours: theirs for theirs, ours in sender.refers}
    elif request.method == "SUBSCRIBE":
        known = dict(receiver.refers)
    if not known:
        return headers
    return [(name, _with_id(value, known) if KEYS[name] == "event" else value) for name, value in headers]


def _with_id(event: str, known: Mapping[int, int]) -> str:
    named = _EVENT_ID.match(event)
    number = None if named is None else known.get(int(named[2]))
    return event if named is None or number is None else f"{named[1]}{number}{event[named.end() :]}"

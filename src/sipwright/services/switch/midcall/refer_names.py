"""Which REFER an event is about: by the CSeq number that it has in each of the two dialogs (RFC 3515 §2.4.6)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sipwright.sip import Request
from sipwright.sip.headers.names import KEYS

from ..call.call import Call
from ..call.leg import Leg
from ..model.stored_processes import StoredReferNames

__all__ = ["ReferNames", "name_refer", "note_refer"]

MOST = 8
"""The REFERs of one leg whose names are remembered."""

_EVENT_ID = re.compile(r"(?i)(refer[ \t]*;(?:[^;]*;)*?[ \t]*id[ \t]*=[ \t]*)([0-9]{1,10})")

Pairs = tuple[tuple[int, int], ...]


class ReferNames:
    """The REFERs that have crossed a call: by the leg that was told, the CSeq numbers there and here."""

    __slots__ = ("_told",)

    timers = ()
    is_awaited = False

    def __init__(self) -> None:
        self._told: dict[int, Pairs] = {}

    def note(self, receiver: Leg, sent: int, told: int) -> None:
        """Remember which number a REFER had, and which one its receiver was told."""
        self._told[receiver.index] = (*self.of(receiver), (sent, told))[-MOST:]

    def of(self, receiver: Leg) -> Pairs:
        """Return those of the REFERs that a leg was told."""
        return self._told.get(receiver.index, ())

    def to_state(self) -> StoredReferNames:
        """Return what another process needs to go on."""
        return StoredReferNames([(leg, *pair) for leg, pairs in self._told.items() for pair in pairs])

    @classmethod
    def from_state(cls, call: Call, state: StoredReferNames) -> ReferNames:
        """Make it again."""
        legs: list[Leg] = [call.caller, *call.legs]
        names = cls()
        for leg, sent, told in state.told:
            names.note(legs[leg], sent, told)
        return names

    def timer(self, name: str) -> None:
        """Do nothing: it has none."""

    def resume(self) -> None:
        """Do nothing: what it knows is all that there is."""

    def abandon(self) -> None:
        """Do nothing: nobody waits for it."""


def note_refer(call: Call, receiver: Leg, sent: int, told: int) -> None:
    """Remember which number a REFER had that crossed, and which one its receiver was told."""
    names = call.find(ReferNames)
    if names is None:
        names = ReferNames()
        call.carry(names)
    names.note(receiver, sent, told)


def name_refer(
    headers: list[tuple[str, str]], request: Request, call: Call, sender: Leg, receiver: Leg
) -> list[tuple[str, str]]:
    """Return the headers of a request that crosses, with the REFER named as the receiver knows it."""
    names = call.find(ReferNames) if request.method in ("NOTIFY", "SUBSCRIBE") else None
    if names is None:
        return headers
    is_told = request.method == "NOTIFY"
    known = {told: sent for sent, told in names.of(sender)} if is_told else dict(names.of(receiver))
    return [(name, _with_id(value, known) if KEYS[name] == "event" else value) for name, value in headers]


def _with_id(event: str, known: Mapping[int, int]) -> str:
    named = _EVENT_ID.match(event)
    number = None if named is None else known.get(int(named[2]))
    return event if named is None or number is None else f"{named[1]}{number}{event[named.end() :]}"

"""`Replaces` (RFC 3891): which leg of ours it names, and how the far end of that leg would write it.

A phone only knows its own dialog with the switch. What it writes into `Refer-To: <...?Replaces=...>` therefore means
nothing to the phone that is to be called, unless it is put into terms of that phone's own dialog with the switch.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from sipwright.sip import ParseError

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..dialling.destinations import LOOP_FLOW, MOST_LOOPS
from ..model.leg_state import LegState

__all__ = ["Replaces", "account_of", "is_same_party", "other_end", "phone_of", "translated"]

_IN_URI = re.compile(r"(?i)([?&]replaces=)([^&>\s]*)")
_TAG = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,256}")


class Replaces(NamedTuple):
    """The dialog that a new call is to take the place of; the tags are those of the one who is to be called."""

    call_id: str
    to_tag: str
    from_tag: str
    is_early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Replaces:
        """Read the value of the header.

        Raises:
            ParseError: It is not one.
        """
        call_id, *params = [part.strip() for part in text.split(";")]
        tags: dict[str, str] = {}
        for param in params:
            name, _, value = param.partition("=")
            if name.strip().lower() in tags:
                raise ParseError("The Replaces header has a parameter twice", "Replaces")
            tags[name.strip().lower()] = value.strip()
        to_tag, from_tag = tags.get("to-tag", ""), tags.get("from-tag", "")
        if not call_id or not _TAG.fullmatch(to_tag) or not _TAG.fullmatch(from_tag):
            raise ParseError("The Replaces header does not name a dialog", "Replaces")
        return cls(call_id, to_tag, from_tag, "early-only" in tags)

    def __str__(self) -> str:
        early_only = ";early-only" if self.is_early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early_only}"

    @classmethod
    def in_uri(cls, text: str) -> Replaces | None:
        """Return what a URI has among its headers, if anything.

        Raises:
            ParseError: It has one that cannot be read.
        """
        found = _IN_URI.search(text)
        return None if found is None else cls.parse(unquote(found[2]))

    def leg(self, ports: CallPorts[Call]) -> Leg | None:
        """Return the leg of this switch that it names: all three parts must match (RFC 3891 §3)."""
        leg = ports.legs.get(self.to_tag)
        if leg is None or leg.sip_call_id != self.call_id or leg.dialog is None:
            return None
        return leg if leg.dialog.remote_tag == self.from_tag else None

    def turned_round(self) -> Replaces:
        """Return it with its tags the other way round, as whoever has such a dialog has written it."""
        return self._replace(to_tag=self.from_tag, from_tag=self.to_tag)

    def ringing(self, ports: CallPorts[Call]) -> Call | None:
        """Return the call that it names while nobody has answered that, by the caller's leg (RFC 5589 §7)."""
        leg = ports.legs.get(self.to_tag)
        call = None if leg is None else ports.calls.get(leg.owner.id)
        if call is None or leg is not call.caller or not leg.is_open or call.originator is not None:
            return None
        is_named = leg.sip_call_id == self.call_id and leg.invite is not None
        return call if is_named and leg.invite is not None and leg.invite.from_tag == self.from_tag else None


def other_end(ports: CallPorts[Call], leg: Leg) -> Leg | None:
    """Return the end that a leg is joined with in its call."""
    call = ports.calls.get(leg.owner.id)
    return None if call is None else call.other(leg)


def translated(ports: CallPorts[Call], refer_to: str) -> str:
    """Return a Refer-To whose Replaces, if it names a leg of ours, is as the far end of that leg knows it."""
    try:
        replaces = Replaces.in_uri(refer_to)
    except ParseError:
        return refer_to
    leg = None if replaces is None else replaces.leg(ports)
    far = None if leg is None else other_end(ports, leg)
    if replaces is None or far is None or far.dialog is None or far.state is LegState.ENDED:
        return refer_to
    dialog = far.dialog
    there = replaces._replace(call_id=dialog.call_id, to_tag=dialog.remote_tag, from_tag=dialog.local_tag)
    return _IN_URI.sub(lambda found: found[1] + quote(str(there), safe=""), refer_to, count=1)


def phone_of(ports: CallPorts[Call], leg: Leg) -> Leg | None:
    """Return the leg of the peer that is behind a leg, which may lead to another call of this switch."""
    for _ in range(MOST_LOOPS + 1):
        if isinstance(leg, Callee):
            if leg.destination.flow != LOOP_FLOW:
                return leg
        elif leg.flow is None or leg.flow.protocol != "loop":
            return leg
        tag = None if leg.dialog is None else leg.dialog.remote_tag
        inner = None if tag is None else ports.legs.get(tag)
        behind = None if inner is None else other_end(ports, inner)
        if behind is None:
            return None
        leg = behind
    return None


def account_of(ports: CallPorts[Call], leg: Leg) -> int | None:
    """Return the account whose phone is behind a leg.

    On the loop that is for the other call to say: the *in* dialplan of an account may ring anybody, who is then no
    phone of that account, and who calls in by the loop has authenticated in the call that it comes from.
    """
    phone = phone_of(ports, leg)
    if phone is None or isinstance(phone, Callee):
        return None if phone is None else phone.destination.account_id
    call = ports.calls.get(phone.owner.id)
    return call.identity.account_id if call is not None and call.identity.direction == "out" else None


def is_same_party(ports: CallPorts[Call], one: Leg, other: Leg) -> bool:
    """Return whether two legs lead to phones of one account, or in calls of one owner to one address.

    That is somebody outside, or a phone with several accounts, which asks back on its second line.
    """
    accounts = account_of(ports, one), account_of(ports, other)
    if accounts[0] == accounts[1] is not None:
        return True
    calls = ports.calls
    owners = {calls[leg.owner.id].identity.user_id for leg in (one, other)}
    are_alike = (accounts[0] is None) is (accounts[1] is None)
    return are_alike and one.source == other.source and len(owners) == 1

"""Calls that a provider brings back: how often one has passed here already (a spiral, RFC 3261 §6).

It may come back with another Call-ID, other tags and another Request-URI, so neither a Via nor Max-Forwards shows it.
What leaves here has the id of its call in several places, of which a provider keeps one or the other: Call-ID, From
tag, and, when somebody else's call is sent on, a header of ours and History-Info. To come back once or twice is no
fault: two accounts here may have numbers at the same provider.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sipwright.sip import Reject, Request
from sipwright.sip.headers.names import KEYS

from ..call.call import Call
from ..call.callee import Callee
from ..model.header_table import CALL_HEADER

__all__ = ["MOST_PASSES", "marks", "origin_of", "passes_of"]

MOST_PASSES = 3
"""How often a call may come back."""

SHORTEST = 16
"""Characters of the id of a call."""

_ID = re.compile(f"[0-9a-f]{{{SHORTEST},40}}")
_KEPT = ("history-info", CALL_HEADER.lower())


def marks(call: Call, leg: Callee, relayed: Iterable[str]) -> list[tuple[str, str]]:
    """Return the headers by which a call is known that is sent on to somebody who is no phone of ours.

    `relayed` are the lines that cross from the caller: what has happened before stands there (RFC 4244 §4.3.3.1).
    """
    if leg.is_phone or call.identity.direction != "in" or call.originator is not None:
        return []
    named = [(CALL_HEADER, call.id)]
    invite = call.caller.invite
    if invite is not None and "privacy" not in invite.headers.index():
        before = sum(KEYS[line.partition(":")[0]] == "history-info" for line in relayed)
        to = leg.destination
        is_told = "history-info" in to.caller.split() and to.number
        forwarder = f"sip:{to.number}@{to.uri.rpartition('@')[2]}" if is_told else call.to_text
        named.append(("History-Info", f"<{forwarder}>;index=1{'.1' * before};call={call.id}"))
    return named


def passes_of(origin: Call | None, *, is_internal: bool) -> int:
    """Return how often a call has come back here that `origin` has led to.

    Raises:
        Reject: Once too often.
    """
    if origin is None:
        return 0
    if is_internal:  # from one account of this switch to the next, which `loops` counts
        return origin.passes
    passes = origin.passes + 1
    if passes > MOST_PASSES:
        dials = ", ".join(leg.destination.target for leg in origin.legs if leg.is_open) or "somebody"
        why = (
            f"the call has come back {passes} times: whoever has {origin.to_text} dials {dials}, which leads here "
            "again; change that dialplan, or what the provider forwards"
        )
        raise Reject(482, "Loop Detected", why=why)
    return passes


def origin_of(calls: Mapping[str, Call], request: Request, *, is_internal: bool) -> Call | None:
    """Return the call of ours that has led to this one; of several the one that has passed here most often.

    On the loop the switch itself has written the tag, which is asked first, so nothing that a script has set counts.
    """
    if is_internal and (call := calls.get((request.from_tag or "").partition(".")[0])) is not None:
        return call
    found: Call | None = None
    index = request.headers.index()
    texts = [request.from_tag or "", request.call_id]
    for name in _KEPT:
        if name in index:
            texts += request.headers.get_all(name)
    for text in texts:
        for call_id in _ID.findall(text) if len(text) >= SHORTEST else ():
            call = calls.get(call_id)
            if call is not None and (found is None or call.passes > found.passes):
                found = call
    return found

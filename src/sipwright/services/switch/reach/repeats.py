"""Where a request goes that is repeated: its phone may have registered from elsewhere since it was sent first.

A NAT has given it another port, or its registration at another node is heard of only now (RFC 3261 §17.1.1.2 repeats
for 32 s, and to where nobody listens any more for nothing). It is looked up when it is repeated, not when a phone
registers, so that nothing is kept for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sipwright.transport import Flow

from ..call.leg import Leg
from .reconnect import Reconnects

__all__ = ["Repeats"]

_FROM_TAG = re.compile(rb"\r\nFrom:[^\r\n]*;tag=([^;\r\n]+)")


class Repeats:
    """Finds the phones of legs, by the tag that a request to one has in its From."""

    __slots__ = ("_legs", "_reconnects")

    def __init__(self, legs: Mapping[str, Leg], reconnects: Reconnects) -> None:
        self._legs = legs
        self._reconnects = reconnects

    def way(self, request: bytes, before: Flow) -> Flow:
        """Return the flow for a request that is repeated, and went over another one before, or over the same."""
        found = _FROM_TAG.search(request)
        leg = None if found is None else self._legs.get(found[1].decode(errors="replace"))
        if leg is None or not leg.is_phone or before.is_reliable:
            return before
        known = leg.flow
        if known is None or known.is_reliable or known.protocol == "loop":
            return before
        if "!" not in before.key and before.key not in (known.key, leg.left):
            return before  # to a fork that is elsewhere
        now = self._reconnects.where_registered(leg, known)
        # One that is where it was knows the edge that it has heard the request by, or not, and no other (§17.2.3).
        return before if now.remote == before.remote else self._reconnects.same_way(now, before) or now

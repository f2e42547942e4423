"""What was said before a call was one: the INVITE that was challenged, the challenge, and the ACK to it.

It is kept for as long as a caller takes to come back with credentials, a few hundred callers at once, and costs one
entry in a dictionary for each challenge. `Recorder` puts it in front of the call that comes of it.
"""

from __future__ import annotations

from sipwright.sip import Message as SipMessage
from sipwright.stack import Incoming
from sipwright.store.history.trace_messages import Message

__all__ = ["EarlyMessages"]

_LASTS = 40.0
"""Seconds: a client transaction has given up by then."""

_MOST = 1000
_MOST_MESSAGES = 12


class EarlyMessages:
    """Challenges that nobody has answered yet, by Call-ID, the oldest first."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[str, float, str, SipMessage | bytes]]] = {}

    def __len__(self) -> int:
        return len(self._found)

    def challenged(self, incoming: Incoming, at: float) -> None:
        """Keep an INVITE and what it was answered with."""
        call_id, key = incoming.request.call_id, incoming.flow.key
        said = self._found.pop(call_id, [])
        if len(said) + 2 > _MOST_MESSAGES:
            return
        said.append(("in", at, key, incoming.request))
        if incoming.reply is not None:
            said.append(("out", at, key, incoming.reply))
        self._found[call_id] = said
        self._forget(at)

    def acknowledged(self, incoming: Incoming, at: float) -> None:
        """Keep the ACK to a challenge; any other is none of ours."""
        said = self._found.get(incoming.request.call_id)
        if said is not None and len(said) < _MOST_MESSAGES:
            said.append(("in", at, incoming.flow.key, incoming.request))

    def take(self, call_id: str) -> list[Message]:
        """Return what was said before the INVITE that became a call."""
        said = self._found.pop(call_id, None) or ()
        return [Message(at, direction, key, bytes(message)) for direction, at, key, message in said]

    def _forget(self, now: float) -> None:
        while self._found:
            oldest = next(iter(self._found))
            if len(self._found) <= _MOST and self._found[oldest][-1][1] > now - _LASTS:
                return
            del self._found[oldest]

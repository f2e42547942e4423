"""An offer that came in a 2xx, and waits for its answer in our ACK (RFC 3261 §13.2.2.4)."""

from __future__ import annotations

from typing import NamedTuple

from sipwright.sip import Response

from ..model.stored_processes import StoredOffer

__all__ = ["ACK_WITHIN", "PendingOffer"]

ACK_WITHIN = 24.0
"""Seconds in which a 2xx with an offer is acknowledged, whatever the other end says to that.

Who hears no ACK for 64*T1 hangs up (RFC 3261 §13.3.1.4).
"""


class PendingOffer(NamedTuple):
    """What an end has offered, as the other one is told it, and by when (Unix time) it is to be answered."""

    body: bytes
    content_type: str | None
    answer_by: float

    @classmethod
    def of(cls, response: Response, body: bytes, now: float) -> PendingOffer:
        """Take the offer of a 2xx that has come at `now`, with the body that the other end is told."""
        return cls(body, response.headers.get("content-type"), now + ACK_WITHIN)

    def time_left(self, now: float) -> float:
        """Return in how many seconds it is to be answered."""
        return self.answer_by - now

    def to_state(self) -> StoredOffer:
        """Return what another process needs to go on."""
        return StoredOffer(self.body.decode("latin-1"), self.content_type, self.answer_by)

    @classmethod
    def from_state(cls, state: StoredOffer, now: float) -> PendingOffer:
        """Make it again; an older version has not stored by when it is to be answered."""
        return cls(state.body.encode("latin-1"), state.content_type, state.answer_by or now + ACK_WITHIN)

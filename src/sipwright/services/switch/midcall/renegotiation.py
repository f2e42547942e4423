"""Two ends of a call that get each other's media again, since one of them was told of somebody else's meanwhile.

That is left behind by a transfer that failed when the target had made its offer, which had to be answered, and by one,
or a takeover, that was given up when an end had already taken an offer. Neither end knows, and only a phone that
changes the call would mend it. So the other end is asked for an offer, which that one is told (RFC 3725 §4.4).

::

    other end           switch                leg
        |<- re-INVITE -----|                   |
        |-- 200, offer --->|-- re-INVITE ----->|
        |                  |<-- 200, answer ---|
        |<- ACK, answer ---|-- ACK ----------->|
"""

from __future__ import annotations

from sipwright.sdp import refuse_streams
from sipwright.sip import Response

from ..call.call import Call
from ..call.leg import Leg
from ..model.call_state import CallState
from ..model.leg_state import LegState
from ..model.stored_processes import StoredReInvite, StoredRenegotiation
from .pending_offer import PendingOffer
from .reinvite import ReInvite, after_glare

__all__ = ["Renegotiation", "renegotiate"]

TIMER = "renegotiation"
PATIENCE = 32.0
"""Seconds in which an end must say whether it wants to (64*T1)."""

BUSY = 0.5
"""Seconds after which a leg is looked at again whose last change is not over yet."""

MOST_TRIES = 10
"""How often an end may say that it changes something itself right now."""

_OVER = (408, 481)


def renegotiate(leg: Leg) -> None:
    """Let a leg get the media of the other end of its call again, inside the event of that; no other call needs it."""
    call = leg.owner
    if not isinstance(call, Call) or call.state is not CallState.TALKING:
        return
    other = call.other(leg)
    if other is None or {leg.state, other.state} != {LegState.ANSWERED}:
        return
    if call.find(Renegotiation) is None:
        renegotiation = Renegotiation(call, leg)
        call.carry(renegotiation)
        renegotiation.begin()


class Renegotiation:
    """A renegotiation that is under way; `leg` was told of somebody else's media."""

    __slots__ = ("_invite", "_offer", "_stored", "_tries", "call", "leg")

    timers = (TIMER,)
    is_awaited = False

    def __init__(self, call: Call, leg: Leg) -> None:
        self.call = call
        self.leg = leg
        self._offer: PendingOffer | None = None
        self._invite: ReInvite | None = None
        self._stored: StoredReInvite | None = None
        self._tries = 0

    def to_state(self) -> StoredRenegotiation:
        """Return what another process needs to go on."""
        return StoredRenegotiation(
            leg=self.leg.index,
            offer=None if self._offer is None else self._offer.to_state(),
            invite=self._stored if self._invite is None else self._invite.to_state(),
        )

    @classmethod
    def from_state(cls, call: Call, state: StoredRenegotiation) -> Renegotiation:
        """Make it again; `resume` sets it going."""
        legs: list[Leg] = [call.caller, *call.legs]
        one = cls(call, legs[state.leg])
        if state.offer is not None:
            one._offer = PendingOffer.from_state(state.offer, call.ports.wall_clock())
        one._stored = state.invite
        return one

    def resume(self) -> None:
        """Go on in a new process."""
        stored, self._stored = self._stored, None
        asked, other = self._asked(), self.call.other(self.leg)
        if self._offer is not None and other is not None:
            ReInvite(self.call, other, self._answered).keep_out()
        if asked is None:
            self._end()
        elif stored is not None:
            self._invite = ReInvite(self.call, asked, self._answered)
            self._invite.resume(stored)

    def begin(self) -> None:
        """Ask whose turn it is, as soon as nothing else changes that leg."""
        asked, call = self._asked(), self.call
        if asked is None:
            self._end()
        elif ReInvite.may_begin(asked):
            self._invite = ReInvite(call, asked, self._answered)
            if self._offer is None:
                call.arm(TIMER, PATIENCE)
                self._invite.send(b"", None)
            else:
                call.arm(TIMER, max(self._offer.time_left(call.ports.wall_clock()), 0.0))
                self._invite.send(self._offer.body, self._offer.content_type)
        else:
            self._wait(BUSY)

    def _wait(self, seconds: float) -> None:
        """Ask again later; an end that has made an offer is acknowledged in time, and then asked for another one."""
        if self._offer is not None and seconds > self._offer.time_left(self.call.ports.wall_clock()):
            self._refuse_offer()
        self.call.arm(TIMER, seconds)

    def _asked(self) -> Leg | None:
        """Return the end that is asked: the other one for its offer, then the leg for its answer."""
        asked = self.call.other(self.leg) if self._offer is None else self.leg
        return asked if asked is not None and asked.state is LegState.ANSWERED else None

    def _answered(self, response: Response | None) -> None:
        self._invite, asked = None, self._asked()
        if response is None or asked is None:
            self._end()
        elif response.status == 491 and self._tries < MOST_TRIES:
            self._tries += 1
            self._wait(after_glare(asked))
        elif not response.is_success:
            self._end()
            if response.status in _OVER:  # it is gone, or knows the call no more (RFC 3261 §12.2.1.2)
                self.call.hang_up("switch", f'SIP;cause={response.status};text="Re-INVITE failed"')
        elif self._offer is None:
            self._take_offer(asked, response)
        else:
            self._join(response)

    def _take_offer(self, other: Leg, response: Response) -> None:
        body = self.call.body_for(response, other, self.leg)
        if body:
            self._offer = PendingOffer.of(response, body, self.call.ports.wall_clock())
            self.call.changed()
            self.begin()
        else:
            other.acknowledge()
            self._end()

    def _join(self, response: Response) -> None:
        """Each end has what it needs of the other."""
        call, leg = self.call, self.leg
        leg.acknowledge()
        other = call.other(leg)
        self._offer = None
        if other is not None and other.state is LegState.ANSWERED:
            other.acknowledge(call.body_for(response, leg, other), response.headers.get("content-type"))
        self._end()

    def _end(self) -> None:
        """Leave it at that; an offer that was made is answered."""
        self.call.disarm(TIMER)
        self.call.drop(self)
        self.call.changed()
        self._refuse_offer()

    def _refuse_offer(self) -> None:
        offer, other = self._offer, self.call.other(self.leg)
        self._offer = None
        if offer is not None and other is not None and other.state is LegState.ANSWERED:
            other.acknowledge(refuse_streams(offer.body), "application/sdp")

    def abandon(self) -> None:
        """Stop: the call is over."""
        invite, self._invite = self._invite, None
        self._end()
        if invite is not None:
            invite.give_up()

    def timer(self, name: str) -> None:
        """Try again after a collision, or stop waiting for an end that does not say anything."""
        if self._invite is not None:
            self._invite.cancel()
        else:
            self.begin()

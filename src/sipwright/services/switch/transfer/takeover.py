"""An INVITE with Replaces that names a leg of ours: its caller takes the place of that leg (RFC 3891 §3).

::

    new caller          switch           replaced        other end
        |-- INVITE ------->|                |                |
        |                  |-- re-INVITE, the new caller's offer -->|
        |                  |<------------------ 200, answer --------|
        |<- 200, answer ---|-- ACK ----------------------------->|
        |                  |-- BYE -------->|                |

The new call is one like any other, whose callee has come from the old one.
"""

from __future__ import annotations

from sipwright.sip import ParseError, Reject, Request, Response

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..dialling.router import Decision
from ..midcall.reinvite import ReInvite, after_glare
from ..midcall.renegotiation import renegotiate
from ..model.leg_state import LegState
from ..model.outcome import PHONE_GONE, Outcome, for_caller
from ..model.stored_processes import StoredReInvite, StoredTakeover
from .moved_leg import move
from .pickup import is_ringing, ringing_leg
from .replaces import Replaces, account_of, other_end
from .target_call import REASON
from .transfer import BUSY, PATIENCE, Transfer

__all__ = ["Takeover", "refuse_others", "replaced_leg"]

GONE = Outcome(481, "Call Does Not Exist")


def replaced_leg(
    ports: CallPorts[Call], request: Request, decision: Decision, dialled: int | None = None
) -> Leg | None:
    """Return the leg of this switch that an INVITE is to take the place of.

    A dialog that is none of ours is the business of whoever is called, which is the account `dialled` where that is
    one here: the header crosses.

    Raises:
        Reject: It may not be replaced: 400, 403, 481, 486, 491.
    """
    if "replaces" not in request.headers.index():
        return None
    values = request.headers.get_all("replaces")
    if len(values) > 1 or request.headers.get("join") is not None:
        raise Reject(400, "One Replaces And No Join")
    try:
        replaces = Replaces.parse(values[0])
    except ParseError as error:
        raise Reject(400, error.reason) from None
    ringing = ringing_leg(ports, replaces)
    if ringing is not None:
        return _picked_up(ports, ringing, decision)
    leg = replaces.leg(ports) or _of_another(ports, replaces, dialled)
    if leg is None:
        if replaces.to_tag in ports.legs:
            raise Reject(481, why="Replaces has a tag of ours, and does not name its dialog otherwise")
        return None
    call = ports.calls.get(leg.owner.id)
    other = call.other(leg) if call is not None and call.peer is not None else None
    if call is None or other is None or LegState.ANSWERED not in (leg.state, other.state):
        raise Reject(481)
    refuse_others(ports, call, leg, decision)
    if leg.state is not LegState.ANSWERED or other.state is not LegState.ANSWERED:
        raise Reject(603)
    if replaces.is_early_only:
        raise Reject(486)
    if call.find(Transfer) is not None:
        raise Reject(491)
    return leg


def refuse_others(ports: CallPorts[Call], call: Call, leg: Leg, decision: Decision) -> None:
    """Let only those go on whose call it is.

    Raises:
        Reject: 403.
    """
    is_own = decision.direction == "out" and (
        decision.user_id == call.identity.user_id
        or (decision.account is not None and decision.account.id == account_of(ports, leg))
    )
    may_replace = decision.may("replace", ports.settings.policy, call.identity.domain)
    if not may_replace or (decision.direction == "out" and not is_own):
        raise Reject(403, "Not A Call Of Yours")


def _of_another(ports: CallPorts[Call], replaces: Replaces, dialled: int | None) -> Leg | None:
    """Return the leg that is named as its own phone knows it, where another account is called (as in RFC 5359 §2.6).

    That one could not know what is meant; a phone that is called itself does.
    """
    leg = None if dialled is None else replaces.turned_round().leg(ports)
    return None if leg is None or dialled == account_of(ports, leg) else leg


def _picked_up(ports: CallPorts[Call], leg: Callee, decision: Decision) -> Leg:
    """Return a leg that rings, and is to ring no more as the call is answered elsewhere: we have begun that dialog.

    Raises:
        Reject: It may not be picked up, or rings no more: 403, 481.
    """
    call = ports.calls.get(leg.owner.id)
    if call is None or not is_ringing(call):
        raise Reject(481)
    account, rings = decision.account, leg.destination.account_id
    is_own = (
        decision.direction == "out"
        and account is not None
        and (
            account.user_id == call.identity.user_id
            or account.id == rings
            or ports.dialling.may_pick_up(rings, account.id)
        )
    )
    if not is_own or not decision.may("replace", ports.settings.policy, call.identity.domain):
        raise Reject(403, "Not A Call Of Yours")
    return leg


class Takeover:
    """A takeover that is under way, kept by the call of the new caller."""

    __slots__ = ("_invite", "_other_id", "_place", "_stored", "call")

    timers = ("replacement",)
    is_awaited = False

    def __init__(self, call: Call, other_id: str, place: int) -> None:
        """Begin one; `place` is the leg of the call `other_id` that the new caller is to be joined with."""
        self.call = call
        self._other_id = other_id
        self._place = place
        self._invite: ReInvite | None = None
        self._stored: StoredReInvite | None = None

    @classmethod
    def of(cls, call: Call, replaced: Leg) -> Takeover:
        """Put the caller of `call` into the place of a leg."""
        other = other_end(call.ports, replaced)
        assert other is not None
        return cls(call, other.owner.id, other.index)

    def to_state(self) -> StoredTakeover:
        """Return what another process needs to go on."""
        invite = self._stored if self._invite is None else self._invite.to_state()
        return StoredTakeover(self._other_id, self._place, invite)

    @classmethod
    def from_state(cls, call: Call, state: StoredTakeover) -> Takeover:
        """Make it again; `resume` sets it going."""
        takeover = cls(call, state.other_id, state.place)
        takeover._stored = state.invite
        return takeover

    def resume(self) -> None:
        """Go on in a new process."""
        leg, stored = self._leg(), self._stored
        self._stored = None
        if leg is None:
            self._fail(GONE)
        elif stored is not None:
            self._invite = ReInvite(self.call, leg, self._answered)
            self._invite.resume(stored)

    def begin(self) -> None:
        """Offer the other end what the new caller offers, as soon as nothing else changes its leg."""
        call, leg = self.call, self._leg()
        if leg is None:
            self._fail(GONE)
            return
        request = call.caller.invite
        assert request is not None
        if ReInvite.may_begin(leg):
            self._invite = ReInvite(call, leg, self._answered)
            call.arm("replacement", PATIENCE)
            body = call.body_for(request, call.caller, leg)
            self._invite.send(body, request.headers.get("content-type"))
        else:
            call.arm("replacement", BUSY)

    def _answered(self, response: Response | None) -> None:
        call, leg = self.call, self._leg()
        self._invite = None
        if response is None or leg is None:
            self._fail(GONE)
        elif response.status == 491:
            call.arm("replacement", after_glare(leg))
        elif not response.is_success:
            is_gone = response.local and response.status == 503 and leg.is_phone
            self._fail(PHONE_GONE if is_gone else Outcome(response.status, response.reason))
        else:
            other = call.ports.calls[self._other_id]
            call.drop(self)
            time_left = other.time_left
            call.join(move(leg, other, call), response)  # as if it had just answered
            call.end_within((time_left,))
            with other.event():
                other.hang_up("transfer", REASON, already=leg, has_left=True)

    def _fail(self, outcome: Outcome) -> None:
        self.call.drop(self)
        self.call.reject(for_caller(outcome))

    def abandon(self) -> None:
        """Stop: the new caller has given up."""
        self.call.drop(self)
        if self._invite is not None:
            self._invite.give_up(renegotiate)

    def timer(self, name: str) -> None:
        """Try again after a collision, or stop waiting for an end that does not say anything."""
        if self._invite is not None:
            self._invite.cancel()
        else:
            self.begin()

    def _leg(self) -> Leg | None:
        """Return the leg of the other end while it is there."""
        other = self.call.ports.calls.get(self._other_id)
        if other is None:
            return None
        leg = other.caller if self._place == 0 else other.legs[self._place - 1]
        return leg if leg.state is LegState.ANSWERED else None

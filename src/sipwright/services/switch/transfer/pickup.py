"""A call that rings at one phone, picked up at another: by a code, or by an INVITE with Replaces (RFC 3891 §3).

::

    picker             switch               caller          phone that rings
      |                  |<-- INVITE, offer ---|                 |
      |                  |--- INVITE --------------------------->|
      |-- INVITE, offer->|                     |                 |
      |<- 200, silence --|                     |                 |
      |-- ACK ---------->|                     |                 |
      |<- re-INVITE, the caller's offer        |                 |
      |-- 200, answer -->|--- 200, answer ---->|                 |
      |<- ACK -----------|--- CANCEL --------------------------->|

Both have made an offer, and neither is an answer to the other; so the picker is answered first, with silence, and is
then offered what the caller offers. Until it has taken that the phone rings on, and should it not, nothing has happened
to the caller. The call of the picker ends there, and its leg goes on in the other one.
"""

from __future__ import annotations

from functools import partial

from sipwright.sdp import answer_silently, cut_streams, pad_streams
from sipwright.sip import Response
from sipwright.sip.dialog import Dialog
from sipwright.sip.headers.collection import write_lines

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..midcall.reinvite import ReInvite, after_glare
from ..model.call_state import CallEvent, CallState
from ..model.leg_state import LegEvent, LegState
from ..model.outcome import CANCELLED, ELSEWHERE, Outcome
from ..model.stored_processes import StoredPicker, StoredReInvite
from .moved_leg import move
from .replaces import Replaces

__all__ = ["Picker", "is_ringing", "ringing_at", "ringing_leg"]

ACKNOWLEDGED = 0.05
"""Seconds after which it is looked again whether the picker has acknowledged its 200."""

PATIENCE = 32.0
"""Seconds in which the picker must take what the caller offers."""

GONE = Outcome(480, "No Call Rings There")
PICKED_UP = Outcome(200, "OK")
REASON = 'SIP;cause=200;text="Picked up"'
SDP = "application/sdp"


def is_ringing(call: Call) -> bool:
    """Return whether a call may be picked up: nobody has answered, and it rings somewhere."""
    return call.state is CallState.SETTING_UP and call.hunt is not None


def ringing_leg(ports: CallPorts[Call], replaces: Replaces) -> Callee | None:
    """Return the leg that still rings which a Replaces names; some phones have the two tags the other way round."""
    for ours, theirs in ((replaces.to_tag, replaces.from_tag), (replaces.from_tag, replaces.to_tag)):
        leg = ports.legs.get(ours)
        if isinstance(leg, Callee) and leg.sip_call_id == replaces.call_id and leg.is_open:
            is_named = leg.dialog is not None and (leg.dialog.remote_tag == theirs or theirs in leg.early)
            if is_named:
                return leg
    return None


def ringing_at(ports: CallPorts[Call], account_id: int) -> Call | None:
    """Return the call that has been ringing for longest at the phones of an account."""
    for call in ports.calls.values():
        if is_ringing(call) and any(
            leg.is_open and leg.destination.account_id == account_id for leg in call.legs
        ):
            return call
    return None


class Picker:
    """The originator of the call of whoever picks up: `other_id` is the call that rings."""

    __slots__ = ("_invite", "_offer", "_stored", "call", "other_id")

    kind = "picker"
    timers = ("pickup",)

    def __init__(self, call: Call, other_id: str) -> None:
        self.call = call
        self.other_id = other_id
        self._offer = b""
        self._invite: ReInvite | None = None
        self._stored: StoredReInvite | None = None

    def to_state(self) -> StoredPicker:
        """Return what another process needs to go on."""
        invite = self._stored if self._invite is None else self._invite.to_state()
        return StoredPicker(self.other_id, self._offer.decode("latin-1"), invite)

    @classmethod
    def from_state(cls, call: Call, state: StoredPicker) -> Picker:
        """Make it again; `resume` sets it going."""
        picker = cls(call, state.other_id)
        picker._offer, picker._stored = state.offer.encode("latin-1"), state.invite
        return picker

    def resume(self) -> None:
        """Go on in a new process."""
        stored, self._stored = self._stored, None
        if self.call.state is not CallState.SETTING_UP:
            return
        if stored is not None:
            self._invite = ReInvite(self.call, self.call.caller, self._answered)
            self._invite.resume(stored)
        elif "pickup" not in self.call.timers:
            self.call.arm("pickup", ACKNOWLEDGED)

    @classmethod
    def begin(cls, call: Call, other: Call) -> bool:
        """Answer the caller of `call`, to put it into the place of whoever `other` rings; False if that cannot be done.

        What the call has done up to now is over: its script, and whoever it rings.
        """
        caller = call.caller
        invite = caller.invite
        if invite is None or not invite.body or call.state is not CallState.SETTING_UP or not caller.is_open:
            return False
        script, call.script, call.execution_id = call.script, None, None
        call.stop_hunt()
        picker = call.originator = cls(call, other.id)
        picker._offer = invite.body
        now = call.ports.wall_clock()
        caller.transition(LegEvent.ANSWER)
        caller.answered_at = now
        if caller.dialog is None:
            caller.dialog = Dialog.as_uas(invite, caller.local_tag)
        answer = answer_silently(invite.body, picker._others_offer(other))
        lines = write_lines(call.ports.sessions.accepted(caller, invite, answer))
        final = caller.reply(200, None, lines, answer, SDP)
        call.changed()
        call.when_stored(partial(caller.respond, 200, final))
        caller.tell(invite, final, now)
        call.arm("pickup", ACKNOWLEDGED)
        if script is not None:
            script.caller_gone(PICKED_UP)
        return True

    def _others_offer(self, other: Call) -> bytes:
        """Return what the caller of the other call offers, as the picker is to see it; nothing if it wants an offer."""
        invite = other.caller.invite
        if invite is None or not invite.body:
            return b""
        return pad_streams(self.call.body_for(invite, other.caller, self.call.caller), self._offer)

    # What happens.

    def timer(self, name: str) -> None:
        """Offer the picker what the caller offers, once it has acknowledged; or stop waiting for it."""
        call, other = self.call, self._other()
        if self._invite is not None:
            self._invite.cancel()
        elif other is None:
            self._give_up(GONE, "switch")
        elif ReInvite.may_begin(call.caller):
            self._invite = ReInvite(call, call.caller, self._answered)
            call.arm("pickup", PATIENCE)
            offer = self._others_offer(other)
            self._invite.send(offer, SDP if offer else None)
        else:
            call.arm("pickup", ACKNOWLEDGED)

    def _answered(self, response: Response | None) -> None:
        call, other = self.call, self._other()
        self._invite = None
        if response is not None and response.status == 491:
            call.arm("pickup", after_glare(call.caller))
        elif response is None or not response.is_success or other is None:
            if response is not None and response.is_success:
                call.caller.acknowledge()
            status = 480 if response is None or response.is_success else response.status
            self._give_up(Outcome(status, "Not Picked Up"), "switch")
        else:
            self._hand_over(other, response)

    def _hand_over(self, other: Call, response: Response) -> None:
        """Let the leg of the picker go on in the call that rang, as if it had just answered there."""
        call, invite = self.call, other.caller.invite
        call.disarm_all()
        if invite is not None and invite.body and response.body:
            response.body = cut_streams(response.body, invite.body)
        with other.event():
            hunt, other.hunt = other.hunt, None
            assert hunt is not None
            hunt.stop(ELSEWHERE)
            other.join(move(call.caller, call, other), response)
        now, caller = call.ports.wall_clock(), call.caller
        caller.transition(LegEvent.END)
        caller.end(PICKED_UP, now, "transfer")
        call.answered_at = now
        call.transition(CallEvent.END)
        call.close()

    def _give_up(self, outcome: Outcome, by: str, already: Leg | None = None) -> None:
        call, caller = self.call, self.call.caller
        if call.state is not CallState.SETTING_UP:
            return
        if self._invite is not None:
            self._invite.give_up()
            self._invite = None
        caller.end(outcome, call.ports.wall_clock(), by)
        if caller is already:
            caller.acked()
            caller.transition(LegEvent.END)
        else:
            caller.say_goodbye((("Reason", f'SIP;cause={outcome.status};text="{outcome.reason}"'),))
        call.end_setup(outcome, by)
        call.forget_if_finished()

    def _other(self) -> Call | None:
        other = self.call.ports.calls.get(self.other_id)
        return other if other is not None and is_ringing(other) else None

    # What an originator hears.

    def progressed(self, status: int, reason: str) -> None:
        """Tell nobody: the picker has its answer."""

    def rejected(self, outcome: Outcome) -> None:
        """End it."""
        self._give_up(outcome, "switch")

    def answered(self, leg: Callee, response: Response) -> None:
        """Hang up on whoever answers: nobody is rung in this call any more."""
        self.call.hang_up_late(leg, response)

    def hung_up(self, by: str, already: Leg | None, status: int) -> bool:
        """End it: whoever picks up has changed its mind."""
        self._give_up(CANCELLED, by, already)
        return True

    def ends(self) -> tuple[Leg, ...]:
        """Return the picker."""
        return (self.call.caller,) if self.call.caller.state is LegState.ANSWERED else ()

    def other(self, leg: Leg) -> Leg | None:
        """Return nobody: the two are not joined here."""
        return None

    def rejoined(self, remaining: Leg) -> None:
        """Do nothing: nobody comes into this call."""

    def adapted(self, body: bytes, receiver: Leg) -> bytes:
        """Return the body as it is."""
        return body

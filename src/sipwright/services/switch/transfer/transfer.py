"""A transfer that the switch places itself (`transfer=place`): REFER, RFC 3515; attended, with Replaces, RFC 3891.

::

    remaining            switch            transferor          target
        |<======= talking, media direct =======>|                 |
        |                   |<-- REFER ---------|                 |
        |                   |--- 202 ---------->|                 |
        |                   |--- NOTIFY 100 --->|                 |
        |                   |--- INVITE, no offer --------------->|   blind: a call of a `Target`
        |                   |--- NOTIFY 180 --->|<-- 180 ---------|   attended: a re-INVITE to the other
        |                   |<-- 200, offer ----------------------|   end of the call that Replaces names
        |<- re-INVITE, offer|                   |                 |
        |-- 200, answer --->|                   |                 |
        |<- ACK ------------|--- ACK, answer -------------------->|
        |<============== talking, media direct ==================>|
        |                   |--- NOTIFY 200, then BYE ->|         |

Until the last ACK everybody is where they were: when the target does not answer, or the remaining end does not want
its offer, the transferor is told so and the old call goes on; a transferor who has hung up meanwhile leaves nobody to
go back to, so the remaining end is hung up. Then the leg of the target moves: its part in the call that it was in
ends there, with a CDR, and a new leg in this call goes on with its dialog.
"""

from __future__ import annotations

from dataclasses import replace

from sipwright.sdp import refuse_streams
from sipwright.sip import Response, reason_for

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg
from ..midcall.pending_offer import PendingOffer
from ..midcall.reinvite import ReInvite, after_glare
from ..midcall.renegotiation import renegotiate
from ..model.leg_state import LegEvent, LegState
from ..model.outcome import Outcome
from ..model.stored_processes import StoredReInvite, StoredTransfer
from .moved_leg import move
from .refer_notify import ReferNotifier
from .stage import TABLE, Stage, StageEvent
from .target_call import REASON, Referrer, Target

__all__ = ["Transfer"]

PATIENCE = 32.0
"""Seconds in which an end must say whether it takes the offer of the other one."""

NOT_ACCEPTED = Outcome(488, "Not Acceptable Here")
BUSY = 0.5
"""Seconds after which a leg is looked at again whose last change is not over yet."""

MOST_TRIES = 10
"""How often an end may say that it changes something itself right now."""

GONE = Outcome(480, "Temporarily Unavailable")
TRANSFERRED = Outcome(200, "OK")


class Transfer(Referrer):
    """A transfer, kept by the call in which the REFER came in.

    `other_id` and `target` say where the target is: its call, and its leg there (0 until it has answered).
    """

    __slots__ = (
        "_asked",
        "_invite",
        "_offer",
        "_stored",
        "_tries",
        "failure",
        "remaining",
        "report",
        "stage",
        "target",
        "transferor",
    )

    timers = ("transfer", "report")
    is_awaited = False

    def __init__(self, call: Call, transferor: Leg, remaining: Leg, name: int, *, is_reported: bool) -> None:
        self.call = call
        self.transferor = transferor
        self.remaining = remaining
        self.report = ReferNotifier(call, transferor, name, self._reported, is_wanted=is_reported)
        self.stage = Stage.DIALLING
        self.other_id = ""
        self.target = 0
        self.failure = GONE
        self._offer: PendingOffer | None = None
        self._invite: ReInvite | None = None
        self._asked: ReInvite | None = None
        self._stored: StoredReInvite | None = None
        self._tries = 0

    # Written down, and read again.

    def to_state(self) -> StoredTransfer:
        """Return what another process needs to go on."""
        return StoredTransfer(
            transferor=self.transferor.index,
            remaining=self.remaining.index,
            report=self.report.to_state(),
            stage=self.stage.value,
            other_id=self.other_id,
            target=self.target,
            failure=self.failure.to_state(),
            offer=None if self._offer is None else self._offer.to_state(),
            invite=self._stored if self._invite is None else self._invite.to_state(),
        )

    @classmethod
    def from_state(cls, call: Call, state: StoredTransfer) -> Transfer:
        """Make it again; `resume` sets it going, when all calls are there."""
        legs: list[Leg] = [call.caller, *call.legs]
        transfer = cls(call, legs[state.transferor], legs[state.remaining], 0, is_reported=True)
        transfer.report = ReferNotifier.from_state(
            call, transfer.transferor, transfer._reported, state.report
        )
        transfer.stage, transfer.other_id = Stage(state.stage), state.other_id
        transfer.target, transfer.failure = state.target, Outcome.from_state(state.failure)
        if state.offer is not None:
            transfer._offer = PendingOffer.from_state(state.offer, call.ports.wall_clock())
        transfer._stored = state.invite
        return transfer

    def resume(self) -> None:
        """Go on in a new process."""
        self.report.resume()
        other = self._other
        if self.stage in (Stage.DONE, Stage.FAILED):
            return
        target = None if other is None else other.originator
        is_dialled = isinstance(target, Target)
        second = target.second if self.stage is Stage.DIALLING and isinstance(target, Target) else None
        if other is None or (second is not None and isinstance(target, Target) and not target.is_adopted):
            self.fail(GONE)  # its offer is lost
            return
        if second is not None:
            self.picked_up_before(second)
            return
        if not is_dialled:
            other.claimed_by = self
        stored, self._stored = self._stored, None
        if self.stage is Stage.OFFERING and (offering := self._target()) is not None:
            ReInvite(self.call, offering, self._offered).keep_out()
        if stored is not None:
            asks = self.stage is Stage.ASKING
            leg = self._target() if asks else self.remaining
            if leg is None:
                self.fail(GONE)
                return
            self._invite = ReInvite(self.call, leg, self._offered if asks else self._answered)
            self._invite.resume(stored)

    def _transition(self, event: StageEvent) -> None:
        """Go on to the stage that an event leads to; nothing else changes it."""
        self.stage = TABLE.after(self.stage, event, self.call.id)
        self.call.changed()

    # What happens.

    def dialled(self, other: Call) -> None:
        """Note which call dials the target; one of the transferor's own may ring already."""
        self.other_id = other.id
        self.report.tell(100, "Trying")
        if other.caller.progress >= 180:
            self.report.tell(other.caller.progress, reason_for(other.caller.progress))

    def consult(self, target: Leg) -> None:
        """Fetch the end of another call of the transferor that it is to be joined with."""
        self.other_id, self.target = target.owner.id, target.index
        other = self._other
        assert other is not None
        other.claimed_by = self
        self.report.tell(100, "Trying")
        self._ask()

    def progressed(self, status: int, reason: str) -> None:
        """Tell the transferor that the target rings."""
        if self.stage is Stage.DIALLING:
            self.report.tell(status, reason)

    def picked_up(self, leg: Callee, response: Response) -> None:
        """Take the answer of a target that was dialled: its offer goes to the remaining end."""
        self.target = leg.index
        self._take_offer(leg, response)

    def picked_up_before(self, leg: Callee) -> None:
        """Ask a target for an offer that has answered one of the transferor's."""
        if self.stage is Stage.DIALLING:
            self.target = leg.index
            self._ask()

    def _ask(self) -> None:
        """Ask the target for an offer, as soon as nothing else changes its leg."""
        target = self._target()
        self._transition(StageEvent.ASK)
        if target is None:
            self.fail(GONE)
        elif ReInvite.may_begin(target):
            self._invite = ReInvite(self.call, target, self._offered)
            self.call.arm("transfer", PATIENCE)
            self._invite.send(b"", None)
        else:
            self.call.arm("transfer", BUSY)

    def _try_again(self, leg: Leg) -> None:
        self._tries += 1
        wait = after_glare(leg)
        if self._tries < MOST_TRIES and (self._offer is None or wait < self._time_left(self._offer)):
            self.call.arm("transfer", wait)
        else:
            self.fail(Outcome(491, "Request Pending"))

    def _offered(self, response: Response | None) -> None:
        """Take the target's answer to the re-INVITE that asked for an offer."""
        self._asked, self._invite = self._invite, None
        target = self._target()
        if response is None or target is None:
            self.fail(GONE)
        elif response.status == 491:
            self._try_again(target)
        elif response.is_success:
            self._take_offer(target, response)
        else:
            self.fail(Outcome(response.status, response.reason))

    def _take_offer(self, target: Leg, response: Response) -> None:
        body = self.call.body_for(response, target, self.remaining)
        self._offer = PendingOffer.of(response, body, self.call.ports.wall_clock())
        self._transition(StageEvent.OFFER)
        if body:
            self._offer_it()
        else:
            self.fail(NOT_ACCEPTED)

    def _offer_it(self) -> None:
        assert self._offer is not None
        left = self._time_left(self._offer)
        if ReInvite.may_begin(self.remaining):
            self._invite = ReInvite(self.call, self.remaining, self._answered)
            self.call.arm("transfer", max(left, 0.0))
            self._invite.send(self._offer.body, self._offer.content_type)
        elif left < BUSY:
            self.fail(Outcome(491, "Request Pending"))
        else:
            self.call.arm("transfer", BUSY)

    def _time_left(self, offer: PendingOffer) -> float:
        return offer.time_left(self.call.ports.wall_clock())

    def _answered(self, response: Response | None) -> None:
        """Take what the remaining end says to the offer of the target."""
        self._invite = None
        if response is None:
            self.fail(GONE)
        elif response.status == 491:
            self._try_again(self.remaining)
        elif not response.is_success:
            self.fail(Outcome(response.status, response.reason))
            if response.status in (408, 481):  # it is gone, or does not know the call any more
                self.call.hang_up("switch", f'SIP;cause={response.status};text="Re-INVITE failed"')
        else:
            self.remaining.acknowledge()
            target = self._target()
            if target is not None:
                self._join(target, response)
            else:  # it hung up meanwhile, and the remaining end has forgotten the transferor's address
                self.fail(GONE)
                self.call.hang_up("switch", 'SIP;cause=480;text="The other end has gone"')

    def _join(self, target: Leg, response: Response) -> None:
        """Both ends have what they need of each other: the leg of the target comes into this call."""
        call, other = self.call, self._other
        assert other is not None
        self._transition(StageEvent.JOIN)
        self._offer = None
        call.disarm("transfer")
        answer = call.body_for(response, self.remaining, target)
        moved = move(target, other, call)
        if self._asked is not None:
            self._asked.leg = moved
        options, agreed = (
            moved.destination.options,
            None if call.peer is None else call.peer.destination.options,
        )
        if options.transfer != "refuse" and agreed is not None and agreed.transfer == "place":
            # What the dialplan of this call has allowed goes on being so.
            moved.destination.options = replace(options, transfer="place")
        moved.acknowledge(answer, response.headers.get("content-type"))
        call.rejoin(self.remaining, moved)
        # A limit that has begun to run goes on; that of a target that was dialled begins now.
        dialled = (options.limit, other.limit) if isinstance(other.originator, Target) else ()
        call.end_within((*dialled, other.time_left, call.longest))
        self.transferor.end(TRANSFERRED, moved.started_at, "transfer")
        with other.event():
            other.claimed_by = None
            other.hang_up("transfer", REASON, already=target, has_left=True)
        self.report.tell(200, "OK", is_last=True)

    def fail(self, outcome: Outcome) -> None:
        """Leave everything as it was, and say why."""
        if self.stage in (Stage.DONE, Stage.FAILED):
            return
        stage, self.failure = self.stage, outcome
        self._transition(StageEvent.FAIL)
        self.call.disarm("transfer")
        self._drop(stage)
        self.report.tell(outcome.status, outcome.reason, is_last=True)

    def _drop(self, stage: Stage) -> None:
        """Give up what is under way with the target."""
        invite, self._invite = self._invite, None
        if invite is not None:
            invite.give_up(renegotiate)
        other, target, offer = self._other, self._target(), self._offer
        if other is None:
            return
        with other.event():
            other.claimed_by = None
            if target is not None and stage is Stage.OFFERING and offer is not None:
                # Its offer must be answered; then it goes on talking to the transferor, if that is still there.
                target.acknowledge(refuse_streams(offer.body), "application/sdp")
            if isinstance(other.originator, Target) or any(leg.is_finished for leg in other.ends()):
                other.hang_up("switch", f"SIP;cause={self.failure.status}")
            elif target is not None and stage is Stage.OFFERING:
                renegotiate(target)

    def _reported(self) -> None:
        """Go on when the transferor knows how it ended."""
        call, transferor = self.call, self.transferor
        call.drop(self)
        call.changed()
        if self.stage is Stage.DONE:
            if transferor.state is LegState.ANSWERED:
                transferor.say_goodbye((("Reason", REASON),))
        elif transferor.state is not LegState.ANSWERED:
            reason = f'SIP;cause={self.failure.status};text="Transfer failed"'
            call.hang_up("switch", reason)

    def take_leave(self, leg: Leg, by: str) -> bool:
        """Take the BYE of the transferor, in either call, for which it need not wait; False when it is not its own."""
        call = self.call
        is_here = leg is self.transferor
        if not is_here and (leg.owner is call or leg is self._target()):
            return False
        leg.transition(LegEvent.END)
        leg.end(TRANSFERRED, call.ports.wall_clock(), by)
        if is_here and self.stage in (Stage.DONE, Stage.FAILED):
            self._reported()
        return True

    def abandon(self) -> None:
        """Stop: the call is over."""
        stage = self.stage
        self._transition(StageEvent.STOP)
        self.call.drop(self)
        if stage is Stage.DONE:
            if self.transferor.state is LegState.ANSWERED:
                self.transferor.say_goodbye((("Reason", REASON),))
        elif stage is not Stage.FAILED:
            self._drop(stage)

    def timer(self, name: str) -> None:
        """Try again after a collision, or stop waiting for an end that does not say anything."""
        if name == "report":
            self.report.advance()
        elif self._invite is not None:
            self._invite.cancel()
        elif self.stage is Stage.ASKING:
            self._ask()
        elif self.stage is Stage.OFFERING:
            self._offer_it()

    # Where the target is.

    @property
    def _other(self) -> Call | None:
        return self.call.ports.calls.get(self.other_id)

    def _target(self) -> Leg | None:
        """Return the leg of the target while it is there."""
        other = self._other
        if other is None or (self.target == 0 and isinstance(other.originator, Target)):
            return None
        leg = other.caller if self.target == 0 else other.legs[self.target - 1]
        return leg if leg.state is LegState.ANSWERED else None

"""The call that a REFER asks for: the switch dials its target for whoever has asked.

It is a call of its own: the transferor's script decides it, with all budgets and CDRs, and nobody is its caller. Who
answers is told nothing but a wish for an offer; the rest is up to the `Transfer` that this call was made for.
"""

from __future__ import annotations

from functools import partial

from sipwright.sip import NameAddr, ParseError, Reject, Response, Uri
from sipwright.sip.build import make_draft

from ..call.call import EXPIRES, Call
from ..call.callee import Callee
from ..call.caller import Caller
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..call.script_runner import ScriptRunner
from ..call.table import CallTable
from ..dialling.admission import RETRY_AFTER
from ..dialling.destinations import Destinations
from ..dialling.hunt import Hunt
from ..dialling.router import Router
from ..model.call_state import CallEvent, CallState
from ..model.identity import Identity
from ..model.leg_state import LegEvent
from ..model.outcome import CANCELLED, Outcome
from ..model.stored_processes import StoredTarget
from .replaces import account_of

__all__ = ["REASON", "Referrer", "Target", "TargetDialler", "adopt"]

DIRECTION = "transfer"
REASON = 'SIP;cause=200;text="Transferred"'


class Referrer:
    """The one who had a target called, and hears what becomes of that: the transfer."""

    __slots__ = ("call", "other_id")

    call: Call
    other_id: str

    def progressed(self, status: int, reason: str) -> None:
        """Take note that the target rings."""
        raise NotImplementedError

    def picked_up(self, leg: Callee, response: Response) -> None:
        """Take the answer of the target."""
        raise NotImplementedError

    def picked_up_before(self, leg: Callee) -> None:
        """Take note that a target has answered whom the transferor had called."""
        raise NotImplementedError

    def fail(self, outcome: Outcome) -> None:
        """Take note that nobody answered."""
        raise NotImplementedError


class Target:
    """The originator of a call to the target of a transfer: whoever answers waits to hear from the other end.

    `origin_id` is the call that is to be transferred, `second` who has answered. When the transferor had the target
    called (`is_adopted`), whoever answers has answered an offer of the transferor, and is asked for one of its own.
    """

    __slots__ = ("call", "is_adopted", "origin_id", "second")

    kind = "target"
    timers = ()

    def __init__(self, call: Call, origin_id: str, *, is_adopted: bool = False) -> None:
        self.call = call
        self.origin_id = origin_id
        self.is_adopted = is_adopted
        self.second: Callee | None = None

    def to_state(self) -> StoredTarget:
        """Return what another process needs to go on."""
        return StoredTarget(
            self.origin_id, None if self.second is None else self.second.index, self.is_adopted
        )

    @classmethod
    def from_state(cls, call: Call, state: StoredTarget) -> Target:
        """Make it again; `resume` sets it going."""
        target = cls(call, state.origin_id, is_adopted=state.is_adopted)
        target.second = None if state.second is None else call.legs[state.second - 1]
        return target

    def resume(self) -> None:
        """Fail when there is nothing left that could go on."""
        call = self.call
        is_undecided = call.hunt is None and call.script is None and self.second is None
        if call.state is not CallState.SETTING_UP:
            return
        if self._transfer is None or (is_undecided and call.legs):
            call.reject(Outcome(500, "Dialplan Lost"))
        elif is_undecided:  # its script had done nothing yet, so that nothing of it was stored
            call.ports.dialling.decide(call)

    @property
    def _transfer(self) -> Referrer | None:
        origin = self.call.ports.calls.get(self.origin_id)
        transfer = None if origin is None else origin.find(Referrer)
        return transfer if transfer is not None and transfer.other_id == self.call.id else None

    def timer(self, name: str) -> None:
        """Do nothing: it has none."""

    def progressed(self, status: int, reason: str) -> None:
        """Tell the transferor."""
        call, transfer = self.call, self._transfer
        if call.state is CallState.SETTING_UP and transfer is not None and call.caller.progress != status:
            call.caller.progress = status
            call.changed()
            with transfer.call.event():
                transfer.progressed(status, reason)

    def rejected(self, outcome: Outcome) -> None:
        """End it: nobody answered, or the script does not want to."""
        self._give_up(outcome, "switch")

    def hung_up(self, by: str, already: Leg | None, status: int) -> bool:
        """End it: the transfer is done (`by` it) or dropped, or who has answered says good-bye."""
        if by == "transfer":
            self._hand_over()
        else:
            self._give_up(CANCELLED, by, already)
        return True

    def ends(self) -> tuple[Leg, ...]:
        """Return who has answered."""
        return () if self.second is None else (self.second,)

    def other(self, leg: Leg) -> Leg | None:
        """Return nobody: the two are not joined here."""
        return None

    def rejoined(self, remaining: Leg) -> None:
        """Do nothing: the leg of the target leaves this call, and nobody comes into it."""

    def adapted(self, body: bytes, receiver: Leg) -> bytes:
        """Return the body as it is."""
        return body

    def answered(self, leg: Callee, response: Response) -> None:
        """Take the answer of the target, and let the other end hear of it."""
        call, transfer = self.call, self._transfer
        if transfer is None:
            call.hang_up_late(leg, response)
            call.reject(CANCELLED)
            return
        if leg.is_open:  # and has not picked up, coming from a call of its own
            leg.transition(LegEvent.ANSWER)
        leg.answered_at = call.ports.wall_clock()
        self.second, call.hunt = leg, None
        call.disarm_all()
        call.changed()
        if call.script is not None:
            call.script.answered(leg.destination.target)
        if self.is_adopted:
            leg.acknowledge()
            call.when_stored(self._picked_up_before)  # what it is asked then comes after that ACK
            return
        with transfer.call.event():
            transfer.picked_up(leg, response)

    def _picked_up_before(self) -> None:
        transfer, second = self._transfer, self.second
        if transfer is not None and second is not None:
            with transfer.call.event():
                transfer.picked_up_before(second)

    def _hand_over(self) -> None:
        """Let go of who has answered: that leg goes on in the call that was transferred."""
        call = self.call
        now = call.ports.wall_clock()
        done = Outcome(200, "OK")
        for leg in (call.caller, *self.ends()):
            leg.transition(LegEvent.END)
            leg.answered_at = leg.answered_at or now
            leg.end(done, now, "transfer")
        call.answered_at = now
        call.transition(CallEvent.END)
        call.close()
        if call.script is not None:
            call.script.call_ended(0.0)

    def _give_up(self, outcome: Outcome, by: str, already: Leg | None = None) -> None:
        call, second = self.call, self.second
        if call.state is not CallState.SETTING_UP:
            return
        call.stop_hunt()
        if second is not None:
            second.end(outcome, call.ports.wall_clock(), by)
            if second is already:
                second.transition(LegEvent.END)
            else:
                if second.ack is None:
                    second.acknowledge()
                second.say_goodbye((("Reason", f"SIP;cause={outcome.status}"),))
        transfer = self._transfer
        call.caller.transition(LegEvent.END)
        call.end_setup(outcome, by)
        call.forget_if_finished()
        if transfer is not None:
            with transfer.call.event():
                transfer.fail(outcome)


def adopt(call: Call, origin_id: str) -> None:
    """Let a call of the transferor's that still rings go on without it, as that to the target of its transfer.

    The transferor need not wait for the answer: its INVITE is over, as if it had given up (RFC 5589 §7.3).
    """
    caller = call.caller
    assert caller.invite is not None
    with call.event():
        call.disarm(EXPIRES)
        call.originator = Target(call, origin_id, is_adopted=True)
        now = call.ports.wall_clock()
        response = caller.reply(487, None, (f"Reason: {REASON}",))
        caller.end(Outcome(487, "Transferred"), now, "transfer")
        caller.transition(LegEvent.REFUSE)
        caller.tell(caller.invite, response, now)
        call.when_stored(partial(caller.respond, 487, response))


class TargetDialler:
    """Has the targets of transfers called, for those who ask for them."""

    __slots__ = ("_destinations", "_table", "ports", "router", "scripts")

    def __init__(
        self, ports: CallPorts[Call], table: CallTable, router: Router, destinations: Destinations,
        scripts: ScriptRunner | None,
    ) -> None:  # fmt: skip
        self.ports = ports
        self._table = table
        self.router = router
        self._destinations = destinations
        self.scripts = scripts

    def dial(
        self, origin: Call, transferor: Leg, remaining: Leg, target: Uri, referred_by: str | None, *,
        account_id: int | None = None,
    ) -> Call:  # fmt: skip
        """Make the call to the target on behalf of the transferor, for the end that remains.

        It dials as the account with that id, else as the one whose phone it is; who has no account here dials as the
        owner of `origin`. Nothing has been sent when this returns; `begin` lets a script decide.

        Raises:
            Reject: There are too many calls.
        """
        ports = origin.ports
        if not ports.settings.admits(len(ports.calls), DIRECTION, target.user):
            raise Reject(503, "Too Many Calls", RETRY_AFTER)
        now, account_id = ports.wall_clock(), account_id or account_of(ports, transferor)
        identity = self._identity(origin, account_id)
        call = Call(ports, ports.token(), identity, now)
        call.originator = Target(call, origin.id)
        caller = call.caller = Caller(call, f"{call.id}.0", ports.token(), now)
        sender = _address_of(remaining)
        by = referred_by or self._name_of(account_id) or str(NameAddr(_address_of(transferor).uri))
        caller.invite = make_draft(
            str(NameAddr(sender.uri, sender.display_name)), target, (("Referred-By", by),)
        )
        caller.source = remaining.source
        call.from_text, call.to_text = str(sender.uri), str(target)
        call.dialled_user, call.loops = target.user or "", origin.loops + 1
        call.passes = origin.passes
        if self.scripts is not None:
            identity.dialplan_id = self.scripts.transfer_plan(identity, account_id)
        self._table.link(call, origin)
        self._table.begin(call, is_scripted=identity.dialplan_id is not None)
        return call

    def _identity(self, origin: Call, account_id: int | None) -> Identity:
        """Return on whose behalf the target is called: of the account whose phone asks, else of the call's owner."""
        account = None if account_id is None else self.router.accounts.account_by_id(account_id)
        if account is None:
            owner = origin.identity
            return Identity(DIRECTION, owner.account_id, owner.user_id, owner.domain)
        if not account.is_enabled:
            raise Reject(403, "Account Disabled")
        return Identity(DIRECTION, account.id, account.user_id, account.domain)

    def _name_of(self, account_id: int | None) -> str | None:
        """Return the account that asks, for a phone that does not say who it is (RFC 3892 §2.1)."""
        account = None if account_id is None else self.router.accounts.account_by_id(account_id)
        return None if account is None else f"<{Uri(host=account.domain, user=account.username)}>"

    def begin(self, call: Call) -> None:
        """Let the transferor's script decide who rings; without one, only accounts of this switch can be reached."""
        plan = call.identity.dialplan_id
        with call.event():
            if plan is None or self.scripts is None:
                self._ring_account(call)
                return
            call.script = self.scripts.start(call, plan)
            if call.script is None:
                call.reject(Outcome(500, "Dialplan Not Found"))
            else:
                call.execution_id = call.script.execution_id
                call.changed()

    def _ring_account(self, call: Call) -> None:
        assert call.caller.invite is not None
        dialled, router = call.caller.invite.request_uri, self.router
        domain = router.accounts.served_domain(dialled.host, dialled.port)
        found = router.find(dialled.user or "", domain) if domain is not None else None
        destinations = [] if found is None else self._destinations.of_account(call, found)
        if destinations:
            call.hunt = hunt = Hunt(call, (), call.ports.settings.ring)
            hunt.start(destinations)
        else:
            call.reject(Outcome(404, "Not Found") if found is None else Outcome(480, "Not Registered"))


def _address_of(leg: Leg) -> NameAddr:
    """Return whom the peer of a leg says it is."""
    try:
        return NameAddr.parse("" if leg.dialog is None else leg.dialog.remote_uri)
    except ParseError:
        return NameAddr("sip:anonymous@anonymous.invalid")

"""The switch: the pipeline step that every request which is not for the registrar ends at, and what it is made of.

A new INVITE becomes a `Call` (`new_calls.py`); a request with a To tag finds its leg by that tag, which is ours and
cannot be guessed (`requests.py`). What a call needs of the world around it (flows, credentials, timers, the database)
it finds in its `CallPorts`, which are put together here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial

import structlog

from sipwright.services.dialstring import DialLeg, Groups
from sipwright.services.ports import AccountView, CallLater, Writer
from sipwright.services.refusals import no_such_call
from sipwright.services.trust import trust_in
from sipwright.sip import Reject, Response
from sipwright.stack import Incoming, Stack
from sipwright.transport import Flow

from .call.call import Call
from .call.ended import EndedCall
from .call.entity import Timers
from .call.leg_ports import LegPorts
from .call.observer import CallObserver
from .call.ports import (
    CallListeners,
    CallPorts,
    CallStore,
    Dialling,
    LegGuard,
    NoGuard,
    NoOwnLimits,
    OwnLimits,
    SwitchSettings,
)
from .call.script_runner import ScriptRunner
from .call.table import CallTable
from .dialling.admission import Admission, CallLimits, MostFrom, Share
from .dialling.credentials import Credentials
from .dialling.dead_servers import DeadServers
from .dialling.destinations import Destinations
from .dialling.redirects import Redirects
from .dialling.router import Router
from .dialling.unreachable import Unreachable
from .messages import Messages
from .midcall.late_answers import LateAnswers
from .midcall.late_responses import acknowledge_late
from .midcall.liveness import PROBE, Sessions, probe_ends, probe_later
from .midcall.provisionals import Provisionals
from .midcall.unwanted_answer import UnwantedAnswer
from .model.header_table import ALLOW, TOLD, TOLD_WITHOUT_TIMER
from .model.identity import Identity
from .model.stopped import WhyStopped, nothing_stopped
from .new_calls import NewCalls
from .reach.origin import Origin
from .reach.reconnect import Reconnects
from .reach.repeats import Repeats
from .reach.routes import PeerRoutes
from .recovery.document import UnreadableError
from .recovery.recover import CallRow, Recovered, recover, restore
from .recovery.rows import call_row, cdr_row
from .requests import Requests
from .steering import Steering
from .text_identity import TextIdentities
from .transfer.handing import Handing
from .transfer.moving import Moving
from .transfer.orbit import PARK, ring_back_later
from .transfer.parking import Parking
from .transfer.pickup import Picker, ringing_at
from .transfer.target_call import TargetDialler
from .transfer.third_party_call import ThirdParty

log = structlog.get_logger(__name__)

__all__ = ["ALLOW", "Switch", "SwitchSettings", "SwitchSnapshot"]


@dataclass(frozen=True, slots=True)
class SwitchSnapshot:
    """How many calls there are, by state, and how many legs."""

    calls: dict[str, int]
    legs: int


class Switch:
    """All calls of this node."""

    allow, told = ALLOW, f"{TOLD}, 100rel"
    told_without_timer = f"{TOLD_WITHOUT_TIMER}, 100rel"

    def __init__(  # noqa: PLR0913 (wiring: one argument for each neighbour)
        self, stack: Stack, router: Router, destinations: Destinations, writer: Writer, settings: SwitchSettings, *,
        node: str, clock: Callable[[], float], wall_clock: Callable[[], float],
        call_later: CallLater, token: Callable[[], str], scripts: ScriptRunner | None = None,
        observer: CallObserver | None = None, is_store_away: Callable[[], bool] = bool,
        most_from: MostFrom = lambda user_id, source: Share(20, 60), own_limits: OwnLimits | None = None,
        runs_on: Callable[[str], bool] = lambda execution_id: False,
        why_no_run: Callable[[int, str], str | None] = lambda user_id, direction: None,
        why_stopped: WhyStopped = nothing_stopped,
        may_pick_up: Callable[[int | None, int], bool] = lambda rings, picks: False,
        guard: LegGuard[Call] | None = None, identities: TextIdentities | None = None,
    ) -> None:  # fmt: skip
        self.router = router
        self.finder = destinations
        self.calls: dict[str, Call] = {}
        trust = partial(trust_in, router.accounts)
        self.reconnects = Reconnects(
            stack,
            destinations.locations,
            self.calls,
            clock=clock,
            wall_clock=wall_clock,
            call_later=call_later,
            trust=trust,
            node=node,
        )
        self.reconnects.is_store_away = is_store_away
        self.servers = DeadServers(stack, trust)
        routes = PeerRoutes(stack, self.reconnects, trust, why_stopped, destinations.next_flow)
        timers = Timers(clock, call_later, self.calls.get, lambda: stack.backlog.unread_since)
        credentials = Credentials(router.accounts, token)
        ended = EndedCall(
            LegPorts(stack=stack, clock=clock, wall_clock=wall_clock, routes=routes, credentials=credentials),
            UnwantedAnswer.begin,
        )
        self.table = CallTable(self.calls, timers, ended, observer)
        stack.layer.way_again = Repeats(self.table.legs, self.reconnects).way
        unreachable, sessions = Unreachable(stack, clock, why_stopped), Sessions()
        self.ports: CallPorts[Call] = CallPorts(
            node=node, settings=settings, stack=stack, clock=clock, wall_clock=wall_clock, token=token,
            timers=timers, routes=routes, servers=self.servers, credentials=credentials, calls=self.calls,
            legs=self.table.legs, table=self.table,
            store=CallStore(writer=writer, call_row=call_row, cdr_row=cdr_row, is_away=is_store_away),
            dialling=Dialling(
                destinations=destinations.of_leg, redirected=Redirects(router.accounts, destinations).lead_to,
                unreachable=unreachable.outcome, decide=lambda call: self.dialler.begin(call),
                may_pick_up=may_pick_up,
            ),
            listeners=CallListeners(
                joined=(ring_back_later, probe_later, sessions.rearm),
                on_timer={PROBE: probe_ends, PARK: lambda call: self.parking.ring_back(call)},
                in_doubt=probe_ends, further_answer=UnwantedAnswer.begin,
            ),
            sessions=sessions, provisionals=Provisionals.of,
            own_limits=own_limits or NoOwnLimits(), guard=guard or NoGuard(),
        )  # fmt: skip
        limits = CallLimits(self.calls, settings.calls_per_account, most_from, runs_on)
        self.admission = Admission(
            self.ports,
            self.table,
            limits,
            lambda user_id: self.new_calls.are_runs_behind(user_id),
            why_no_run,
        )
        self._origins = router.origins
        self.new_calls = NewCalls(self.ports, self.table, router, destinations, self.admission, scripts)
        self.dialler = TargetDialler(self.ports, self.table, router, destinations, scripts)
        self.parking = Parking(self.ports, router.accounts, self.dialler)
        self.handing = Handing(
            self.ports,
            self.table,
            router.accounts,
            self.parking,
            self.admission,
            self.new_calls.take_caller,
            self.pick_up,
        )
        self.moving = Moving(self.ports, self.table)
        self.steering = Steering(self.table, router, destinations, self.dialler, self.admission)
        self._requests = Requests(
            self.ports,
            self.dialler,
            Origin(router.accounts, router.authenticator, destinations.locations, clock),
            self.moving,
        )
        stack.receiver.on_ack = self._requests.take_ack
        stack.receiver.on_usual_ack = self._requests.take_usual_ack
        self._messages = Messages(
            self.ports, router, destinations, unreachable.of_text, identities or TextIdentities()
        )
        self.late_answers = LateAnswers(stack, clock)
        self._recovered: dict[str, Recovered] = {}
        self.unread: set[str] = set()
        """Calls in the database that this version cannot go on with; perhaps another one can."""

    # The pipeline step.

    def __call__(self, incoming: Incoming) -> bool | Coroutine[None, None, None]:
        """Take what belongs to calls: everything inside a dialog, and INVITE, ACK, CANCEL, BYE, MESSAGE outside."""
        request = incoming.request
        to_tag = request.to_tag
        method = request.method
        if method == "ACK":
            return True  # what it may be of has not taken it, and nobody answers it
        if to_tag is not None:
            self._requests.take(incoming, to_tag)
        elif method in ("INVITE", "MESSAGE"):
            begin = self.new_calls.invite if method == "INVITE" else self._messages.deliver
            unknown = self._origins.wait_for(incoming)
            if unknown is not None:
                if not self._cannot_wait(incoming):
                    return _after(unknown, begin, incoming)
                unknown.close()
            begin(incoming)
        elif method == "SUBSCRIBE":  # the events of calls are those of REFERs (RFC 6665 §4.2.1.1)
            raise Reject(489, None, (("Allow-Events", "refer"),), why="nothing here tells of that event")
        elif method == "REFER":
            # Also one that names the dialog it is about: we do not say that we know that (RFC 4538).
            raise Reject(
                403, "Transfers Only Inside A Call", why="it belongs to no call, so nobody can be transferred"
            )
        elif method == "NOTIFY":  # what phones send all the time to keep their NATs open
            incoming.reply_statelessly(481)
        elif method in ("BYE", "CANCEL", "INFO", "UPDATE", "PRACK"):
            raise no_such_call()
        else:
            return False
        return True

    def _cannot_wait(self, incoming: Incoming) -> bool:
        """Return whether a request need not wait for the addresses of providers, or must not, as it is for help."""
        dialled = incoming.request.request_uri.user or ""
        return self.ports.settings.is_emergency("out", dialled) or self.router.senders.is_phone(incoming)

    # What scripts ask for.

    def forget(self, call: Call) -> None:
        """Drop a call that is over."""
        self.table.forget(call)

    def call_back(
        self,
        identity: Identity,
        sender: str,
        a: Groups,
        b: Groups,
        *,
        delay: float,
        ring: float,
    ) -> str:
        """Call `a`, then `b`, and join them; returns the id of that call, which is in the database with what else
        is written in this turn of the event loop.

        Raises:
            Reject: There are too many calls.
        """
        self.admission.admit_another()
        call = ThirdParty.between(self.ports, identity, sender, a, b, delay=delay, ring=ring)
        with call.event():
            self.table.begin(call, is_scripted=True)
            call.changed()
        return call.id

    def pick_up(self, call_id: str, account_id: int) -> bool:
        """Let the caller of a call have the one that rings at an account, or is parked there; False when none is.

        Whoever asks has made sure that the account is of the same owner.
        """
        call, rings = self.calls.get(call_id), ringing_at(self.ports, account_id)
        if call is None or rings is call:
            return False
        if rings is None:
            return self.parking.pick_up(call, account_id)
        with call.event():
            return Picker.begin(call, rings)

    def park(self, call_id: str, slot: AccountView, seconds: float, back: int | None) -> bool:
        """Let the caller of a call wait at a slot; False if another one does. Whoever asks has looked whose it is.

        Raises:
            ValueError: There is nobody that it could ring back to.
        """
        call = self.calls.get(call_id)
        return call is not None and self.parking.park(call, slot, seconds, back)

    def send_text(
        self,
        identity: Identity,
        sender: str,
        legs: Iterable[DialLeg],
        text: str,
        then: Callable[[bool], None],
    ) -> None:
        """Send a text to every phone that `legs` lead to; `then` is told whether somebody took it."""
        self._messages.send(identity, sender, legs, text, then)

    def store_is_away(self) -> None:
        """Refuse whoever has heard nothing yet, and let what ends a call leave; to be called while that lasts."""
        for call in list(self.calls.values()):
            call.store_is_away()

    # The calls of an earlier process.

    def recover(self, rows: Iterable[CallRow]) -> dict[str, Call]:
        """Go on with the calls of an earlier process; returns those whose script waits, by execution id.

        The scripts must be attached before time goes on. A call that cannot be read stays in the database as it is.
        """
        recovered = []
        for row in rows:
            try:
                recovered.append(restore(self.ports, row))
            except UnreadableError as error:
                self.unread.add(row.id)
                log.error(
                    "a call of an earlier process stays in the database", call_id=row.id, error=str(error)
                )
        waiting = {}
        for one in recovered:
            call = one.call
            self.table.add(call)
            for leg in (call.caller, *call.legs):
                # One that a transfer has fetched is over in the call that it was in, and goes on in another one.
                if not (leg.is_finished and leg.local_tag in self.ports.legs):
                    self.table.remember(leg)
            self.ports.legs.update(dict.fromkeys(call.caller.tags.values(), call.caller))
            if self.table.observer is not None:
                is_scripted = call.identity.dialplan_id is not None
                self.table.observer.call_begins(call, is_scripted=is_scripted, is_recovered=True)
            self.ports.guard.recovered(call)
            if call.execution_id is not None:
                waiting[call.execution_id] = call
            self._recovered[call.id] = one
        return waiting

    def resume(self, calls: Iterable[Call] | None = None) -> None:
        """Set recovered calls going, all or some of them; the transports must be open, and all calls be there."""
        self.reconnects.began()
        ids = list(self._recovered) if calls is None else [call.id for call in calls]
        for one in [self._recovered.pop(each) for each in ids if each in self._recovered]:
            try:
                with one.call.event():
                    recover(one)
            except Exception:  # one call must not cost the others
                log.exception("call not recovered", call_id=one.call.id)

    def late_response(self, response: Response, flow: Flow) -> None:
        """Take a response that belongs to no transaction."""
        if response.is_final and response.cseq.method == "INVITE" and response.from_tag is not None:
            tag = response.from_tag
            leg = self.ports.legs.get(tag) or self.reconnects.taken_back.get(tag)
            if leg is None and response.is_success and len(response.vias) == 1:
                self.late_answers.take(response, flow)
            else:
                acknowledge_late(self.ports.routes, leg, response, flow)

    def snapshot(self) -> SwitchSnapshot:
        """Return the numbers that the faces show; each part of a call counts."""
        return SwitchSnapshot(
            dict(Counter(call.state.value for call in self.calls.values())), len(self.ports.legs)
        )


async def _after(
    known: Coroutine[None, None, None], begin: Callable[[Incoming], None], incoming: Incoming
) -> None:
    """Begin with a request when it is known who has sent it."""
    await known
    begin(incoming)

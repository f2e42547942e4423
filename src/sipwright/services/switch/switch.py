"""The switch: the table of calls, and the pipeline step that every request which is not for the registrar ends at.

A new INVITE becomes a `Call`; a request with a To tag finds its leg by that tag, which is ours and cannot be
guessed. What a call needs of the world around it (flows, credentials, timers, the database) it asks of the
switch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar, cast

import structlog

from sipwright.services.ports import CallLater, Writer
from sipwright.sip import Reject, Request, Response
from sipwright.sip.transaction import ServerInvite
from sipwright.stack import Incoming, Stack, answer_challenge
from sipwright.transport import Flow

from .admission import admit
from .alarms import Alarms
from .call import Call
from .callback import ThirdPartyCall
from .choosing import Outcome
from .crossing import take_ack, take_request
from .crossing_headers import SOURCE_HEADER
from .destinations import Destinations
from .ended import EndedCall
from .hunt import RING_TIME, Hunt
from .identity import Identity
from .leg import Callee, Caller, Destination, Leg
from .message import deliver_message, send_text
from .replacing import Replacement, replaced_leg
from .returns import Returns
from .revival import Revived, StoredCall, read_document, revive
from .router import Decision, Router
from .script import ScriptRunner
from .stray import acknowledge_stray
from .unreachable import Unreachable
from .watching import CallWatcher
from .ways import Ways

T = TypeVar("T")

log = structlog.get_logger(__name__)

__all__ = ["ALLOW", "Switch", "SwitchSettings", "SwitchSnapshot"]

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, MESSAGE, NOTIFY, REFER, SUBSCRIBE, REGISTER, PRACK"


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """What can be set: `public_address` for phones beside the switch, legs per call, calls at once.

    `ring` is Timer C and `probe` how often the ends of a talking call are asked whether they are there, in seconds.
    """

    public_address: str | None = None
    max_legs: int = 40
    max_calls: int = 100_000
    ring: float = RING_TIME
    probe: float = 900.0


@dataclass(frozen=True, slots=True)
class SwitchSnapshot:
    """How many calls there are, by state, and how many legs."""

    calls: dict[str, int]
    legs: int


class Switch:
    """All calls of this node."""

    allow = ALLOW

    def __init__(  # noqa: PLR0913 (wiring: one argument for each neighbour)
        self, stack: Stack, router: Router, destinations: Destinations, writer: Writer, settings: SwitchSettings, *,
        node: str, clock: Callable[[], float], wall_clock: Callable[[], float],
        call_later: CallLater, token: Callable[[], str], scripts: ScriptRunner | None = None,
        watcher: CallWatcher | None = None,
    ) -> None:  # fmt: skip
        self.stack = stack
        self.router = router
        self.finder = destinations
        self.writer = writer
        self.settings = settings
        self.node = node
        self.clock = clock
        self.wall_clock = wall_clock
        self.call_later = call_later
        self.token = token
        self.scripts = scripts
        self.watcher = watcher
        self.calls: dict[str, Call] = {}
        self.alarms = Alarms(clock, call_later, self.calls.get)
        self._legs: dict[str, Leg] = {}
        self._active: Counter[int] = Counter()
        self._revived: list[Revived] = []
        self.returns = Returns(self, destinations.locations)
        self.ways = Ways(stack, self.returns)
        self.unreachable = Unreachable(self)
        # A leg asks its call for more than this one knows, but only while requests can still find the leg.
        self._ended = cast(Call, EndedCall(self))

    # The pipeline step.

    def __call__(self, incoming: Incoming) -> bool:
        """Take what belongs to calls: everything inside a dialog, and INVITE, ACK, CANCEL, BYE, MESSAGE outside."""
        request = incoming.request
        to_tag = request.to_tag
        method = request.method
        if to_tag is not None:
            self._in_dialog(incoming, to_tag)
        elif method == "INVITE":
            self._invite(incoming)
        elif method == "MESSAGE":
            deliver_message(self, incoming)
        elif method in ("BYE", "CANCEL", "INFO", "UPDATE", "PRACK", "NOTIFY", "REFER"):
            incoming.reply_statelessly(481)
        else:
            return method == "ACK"
        return True

    def _in_dialog(self, incoming: Incoming, to_tag: str) -> None:
        request = incoming.request
        leg = self._legs.get(to_tag)
        if leg is None or not self._is_of(leg, request):
            if request.method != "ACK":
                incoming.reply_statelessly(481)
        elif request.method == "ACK":
            take_ack(leg.call, leg, request)
        else:
            take_request(leg.call, leg, incoming)

    @staticmethod
    def _is_of(leg: Leg, request: Request) -> bool:
        """Claim that all three parts of the dialog ID match (RFC 3261 §12.2.2), never just one."""
        if leg.sip_call_id != request.headers.get("call-id"):
            return False
        if leg.dialog is not None:
            return leg.dialog.remote_tag == request.from_tag
        return leg.invite is not None and isinstance(leg, Caller) and leg.invite.from_tag == request.from_tag

    def _invite(self, incoming: Incoming) -> None:
        request = incoming.request
        admit(self.stack, request)
        is_internal = self.is_loop(incoming.flow)
        decision = self.router.decide(incoming, is_internal=is_internal)
        if decision is None:
            if self.watcher is not None:
                self.watcher.challenged(incoming)
            return
        if len(self.calls) >= self.settings.max_calls:
            raise Reject(503, "Too Many Calls", (("Retry-After", "10"),))
        replaced = replaced_leg(self, request, decision)
        call = self._new_call(incoming, decision, is_internal=is_internal)
        if self.watcher is not None:
            self._tell_watcher(call, self.watcher, is_scripted=decision.dialplan_id is not None)
        if replaced is not None:
            call.replacement = Replacement.of(call, replaced)
            call.changed()
            call.replacement.begin()
        elif decision.dialplan_id is not None and self.scripts is not None:
            call.script = self.scripts.start(call, decision.dialplan_id)
            if call.script is None:
                call.reject(Outcome(500, "Dialplan Not Found"))
            else:
                # It has the call stored when it is stored itself.
                call.execution_id = call.script.execution_id
        else:
            self._call_without_script(call, decision)
        call.settle()
        if not call.is_stored_soon:
            self.forget(call)
            raise Reject(503, "Storage Unavailable", (("Retry-After", "10"),))

    def _tell_watcher(self, call: Call, watcher: CallWatcher, *, is_scripted: bool) -> None:
        invite = call.caller.invite
        if is_scripted and call.loops and invite is not None:
            # Half of what happens to the caller of this call is said in the call that it came from.
            outer = self._legs.get(invite.from_tag or "")
            if outer is not None:
                watcher.call_begins(outer.call, is_scripted=True)
        watcher.call_begins(call, is_scripted=is_scripted)

    def _new_call(self, incoming: Incoming, decision: Decision, *, is_internal: bool) -> Call:
        request = incoming.request
        now = self.wall_clock()
        account = decision.account
        call = Call(
            self, self.token(), Identity(decision.direction, account.id, account.user_id, account.domain), now
        )
        caller = call.caller = Caller(call, request.call_id, f"{call.id}.0", now)
        caller.invite = request
        caller.flow = incoming.flow
        caller.source = incoming.flow.remote[0]
        if is_internal:
            source, _, loops = (request.headers.get(SOURCE_HEADER) or "").partition(";loops=")
            caller.source, call.loops = source or caller.source, int(loops or 0)
        caller.is_phone = decision.direction == "out"
        if incoming.flow.is_reliable:
            caller.instance = request.contacts[0].param("+sip.instance")
        caller.transaction = incoming.open(caller)
        caller.transaction.local_tag = caller.local_tag
        if isinstance(caller.transaction, ServerInvite):
            caller.transaction.promise_nothing()
        call.from_text = str(request.from_uri)
        call.to_text = request.uri_text
        call.dialled_user = decision.dialled.user or ""
        call.max_forwards = (request.max_forwards or 70) - 1 if request.max_forwards is not None else 70
        self.calls[call.id] = call
        self._active[account.user_id] += 1
        self.remember(caller)
        return call

    def _call_without_script(self, call: Call, decision: Decision) -> None:
        """Ring the phones of a local account: without a dialplan nobody else can be called."""
        account = decision.account
        if decision.direction == "out":
            dialled = decision.dialled
            domain = self.router.accounts.served_domain(dialled.host, dialled.port)
            found = self.router.find(dialled.user or "", domain) if domain is not None else None
            if found is None:
                call.reject(Outcome(404, "Not Found"))
                return
            destinations = self.finder.of_account(call, found)
        else:
            destinations = self.finder.phones(account)
        if destinations:
            call.hunt = Hunt(call, (), self.settings.ring)
            call.hunt.start(destinations)
        else:
            call.reject(Outcome(480, "Not Registered"))

    # What calls ask for.

    def remember(self, leg: Leg) -> None:
        """Let requests find a leg by its tag."""
        self._legs[leg.local_tag] = leg
        if self.watcher is not None:
            self.watcher.leg_begins(leg)

    def forget(self, call: Call) -> None:
        """Drop a call that is over."""
        if self.calls.pop(call.id, None) is None:
            return
        if self.watcher is not None:
            self.watcher.call_ends(call)
        call.rest()
        for leg in (call.caller, *call.legs):
            if self._legs.get(leg.local_tag) is leg:  # and did not go on in another call
                del self._legs[leg.local_tag]
            leg.call = self._ended
        call.script = None
        user_id = call.identity.user_id
        self._active[user_id] -= 1
        if not self._active[user_id]:
            del self._active[user_id]
        if not self.calls:
            self.alarms.clear()

    def call_back(
        self,
        identity: Identity,
        sender: str,
        a: list[list[str]],
        b: list[list[str]],
        *,
        delay: float,
        ring: float,
    ) -> str:
        """Call `a`, then `b`, and join them; returns the id of that call, which is in the database with what else
        is written in this turn of the event loop.

        Raises:
            Reject: There are too many calls.
        """
        if len(self.calls) >= self.settings.max_calls:
            raise Reject(503, "Too Many Calls")
        call = ThirdPartyCall.between(self, identity, sender, a, b, delay=delay, ring=ring)
        self.take_in(call, is_scripted=True)
        call.settle()
        return call.id

    def take_in(self, call: Call, *, is_scripted: bool) -> None:
        """Take a call that nobody has sent us an INVITE for into the table."""
        self.calls[call.id] = call
        self._active[call.identity.user_id] += 1
        self.remember(call.caller)
        if self.watcher is not None:
            self.watcher.call_begins(call, is_scripted=is_scripted)

    def leg(self, local_tag: str) -> Leg | None:
        """Return the leg that we gave this tag."""
        return self._legs.get(local_tag)

    def send_text(
        self, identity: Identity, sender: str, legs: list[str], text: str, then: Callable[[bool], None]
    ) -> None:
        """Send a text to every phone that `legs` lead to; `then` is told whether somebody took it."""
        send_text(self, identity, sender, legs, text, then)

    def active_calls(self, user_id: int) -> int:
        """Return how many calls of a user are in progress."""
        return self._active[user_id]

    def destinations(self, call: Call, text: str) -> list[Destination]:
        """Return what one leg of a dial string rings."""
        return self.finder.of_text(call, text)

    def answer_challenge(self, leg: Leg, request: Request, response: Response) -> tuple[str, str] | None:
        """Return the header that answers a provider's challenge with that provider's credentials.

        Nobody but a provider gets an answer, and only for its own leg (RFC 3261 §22).
        """
        return self.credentials_for(leg.destination, request, response) if isinstance(leg, Callee) else None

    def credentials_for(
        self, destination: Destination, request: Request, response: Response
    ) -> tuple[str, str] | None:
        """Return the header that answers the challenge of a destination, if it is a provider with that realm."""
        if response.status not in (401, 407) or destination.provider is None:
            return None
        provider = self.router.accounts.provider(*destination.provider)
        if provider is None:
            return None
        return answer_challenge(provider, request.method, request.uri_text, response, self.token())

    def new_via(self, flow: Flow) -> str:
        """Return a Via for a new request on a flow."""
        return self.stack.via_for(flow, self.stack.new_branch())

    def revive(self, rows: Iterable[StoredCall]) -> dict[str, Call]:
        """Go on with the calls of an earlier process; returns those whose script waits, by execution id.

        The scripts must be attached before time goes on. A call that cannot be read is left in the database and logged.
        """
        revived = []
        for row in rows:
            try:
                revived.append(read_document(self, row.id, row.document))
            except (ValueError, TypeError, IndexError, KeyError) as error:
                log.error("call lost", call=row.id, error=str(error))
        waiting = {}
        for one in revived:
            call = one.call
            self.calls[call.id] = call
            self._active[call.identity.user_id] += 1
            for leg in (call.caller, *call.legs):
                self.remember(leg)
            if self.watcher is not None:
                is_scripted = call.identity.dialplan_id is not None
                self.watcher.call_begins(call, is_scripted=is_scripted, is_revived=True)
            if call.execution_id is not None:
                waiting[call.execution_id] = call
        self._revived = revived
        return waiting

    def resume(self) -> None:
        """Set the revived calls going; the transports must be open."""
        self.returns.began()
        revived, self._revived = self._revived, []
        for one in revived:
            try:
                revive(one)
            except Exception:  # one call must not cost the others
                log.exception("call not revived", call=one.call.id)

    def stray_response(self, response: Response, flow: Flow) -> None:
        """Take a response that belongs to no transaction."""
        if response.is_final and response.cseq.method == "INVITE" and response.from_tag is not None:
            acknowledge_stray(self, self._legs.get(response.from_tag), response, flow)

    def is_loop(self, flow: Flow) -> bool:
        """Claim that a flow joins two calls of this switch."""
        return flow.protocol == "loop"

    def snapshot(self) -> SwitchSnapshot:
        """Return the numbers that the faces show."""
        return SwitchSnapshot(
            dict(Counter(call.state.value for call in self.calls.values())), len(self._legs)
        )

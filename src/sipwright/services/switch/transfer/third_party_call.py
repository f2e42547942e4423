"""A call that the switch makes by itself: it calls `a`, then `b`, and joins them (RFC 3725 §4.4, flow IV).

::

    a                 switch                  b
    |<-- INVITE, nothing to hear --|          |
    |--- 200 --------------------->|          |
    |<-- ACK ----------------------|-- INVITE, no offer -->|
    |                              |<-- 200, offer --------|
    |<-- re-INVITE, b's offer -----|          |
    |--- 200, answer ------------->|          |
    |<-- ACK ----------------------|-- ACK, a's answer --->|
    |<================ media, without us ================>|

Leg 0, the caller, is nobody here: it only carries the INVITE that both legs are made from. Everything else is a
`Call`, so it is stored, limited, probed and ended like any other, and goes on after a restart.
"""

from __future__ import annotations

import zlib
from functools import partial

from sipwright.sdp import as_version_of, origin
from sipwright.services.dialstring import Groups, read_groups, write_groups
from sipwright.sip import NameAddr, Request, Response, Uri, parse
from sipwright.sip.build import make_draft
from sipwright.sip.transaction import ClientTransaction

from ..call.call import Call
from ..call.callee import Callee
from ..call.caller import Caller
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..dialling.hunt import Hunt
from ..midcall.pending_offer import ACK_WITHIN
from ..midcall.reinvite import after_glare
from ..model.call_state import CallEvent, CallState
from ..model.identity import Identity
from ..model.leg_state import LegEvent, LegState
from ..model.outcome import CANCELLED, Outcome
from ..model.stored_processes import StoredThirdParty

__all__ = ["ThirdParty"]

DIRECTION = "callback"
OFFERED = 2
"""The version of the session description that `a` is offered; the silence before it was the first."""

NOWHERE = Uri(host="callback.invalid")

# One inactive stream rather than none at all, as the flow has it: phones refuse an offer without a stream.
SILENCE = (
    b"v=0\r\no=sipwright %d 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=inactive\r\n"
)


class ThirdParty:
    """The originator of a call with two legs that the switch calls one after the other.

    `first` is `a` once it has answered. While `a` is offered what `b` wants, `second` is `b` and `offer` that
    re-INVITE. Where it `is_planned`, a dialplan decides who is `b`. To `a`, every session description of `b` is a later
    version of the silence that it was offered first; `versions` is how far apart they are.
    """

    __slots__ = ("call", "first", "is_planned", "offer", "ring", "second", "then", "versions")

    kind = "third_party"
    timers = ("begin", "offer")

    def __init__(self, call: Call, then: Groups, ring: float) -> None:
        """Make one that calls `then`, each for `ring` seconds, when the first has answered."""
        self.call = call
        self.first: Callee | None = None
        self.second: Callee | None = None
        self.offer: bytes | None = None
        self.then = then
        self.ring = ring
        self.versions: int | None = None
        self.is_planned = False

    @classmethod
    def for_account(
        cls, ports: CallPorts[Call], call_id: str, identity: Identity, sender: str, target: Uri
    ) -> Call:
        """Make a call of an account that is to ring its phones first, and then to go where its dialplan says.

        The phones are told whom they are to call; that one is told who calls.
        """
        now = ports.wall_clock()
        call = Call(ports, call_id, identity, now)
        call.caller = Caller(call, f"{call.id}.0", ports.token(), now)
        call.from_text, call.to_text, call.dialled_user = sender, str(target), target.user or ""
        call.originator = party = cls(call, (), ports.settings.ring)
        party.is_planned = True
        call.caller.invite = _draft(str(target), _silence(call))
        return call

    @classmethod
    def between(
        cls, ports: CallPorts[Call], identity: Identity, sender: str, a: Groups, b: Groups, *,
        delay: float, ring: float,
    ) -> Call:  # fmt: skip
        """Make a call between the groups `a` and `b` of two dial strings; it begins after `delay` seconds."""
        now = ports.wall_clock()
        call = Call(ports, ports.token(), identity, now)
        call.caller = Caller(call, f"{call.id}.0", ports.token(), now)
        call.from_text, call.to_text = sender, str(b[0][0])
        call.originator = cls(call, b, ring)
        call.caller.invite = _draft(sender, _silence(call))
        call.hunt = Hunt(call, a, ring)
        call.arm("begin", delay)
        return call

    def to_state(self) -> StoredThirdParty:
        """Return what another process needs to go on."""
        return StoredThirdParty(
            first=None if self.first is None else self.first.index,
            second=None if self.second is None else self.second.index,
            offer=None if self.offer is None else self.offer.decode("latin-1"),
            then=write_groups(self.then),
            ring=self.ring,
            versions=self.versions,
            is_planned=self.is_planned,
        )

    @classmethod
    def from_state(cls, call: Call, state: StoredThirdParty) -> ThirdParty:
        """Make it again; `resume` sets it going."""
        party = cls(call, read_groups(state.then), state.ring)
        party.versions, party.is_planned = state.versions, state.is_planned
        party.first = None if state.first is None else call.legs[state.first - 1]
        party.second = None if state.second is None else call.legs[state.second - 1]
        party.offer = None if state.offer is None else state.offer.encode("latin-1")
        return party

    def adapted(self, body: bytes, receiver: Leg) -> bytes:
        """Return the body, with an origin line that `a` can take for a later version (RFC 3725 §4.4, RFC 3264 §8)."""
        now = origin(body) if receiver is self.first else None
        if now is None:
            return body
        if self.versions is None:
            self.versions = OFFERED - now[1]
        return as_version_of(body, _silence(self.call), now[1] + self.versions)

    def resume(self) -> None:
        """Repeat the re-INVITE that was under way: `a` takes it for a retransmission."""
        first, call = self.first, self.call
        is_undecided = call.hunt is None and call.script is None and self.second is None
        if self.is_planned and first is not None and is_undecided and call.state is CallState.SETTING_UP:
            # A script that had done anything would be there; only an end of a leg has been stored since.
            if any(leg is not first and leg.started_at >= (first.answered_at or 0.0) for leg in call.legs):
                call.reject(Outcome(500, "Dialplan Lost"))
            else:
                call.ports.dialling.decide(call)
            return
        if self.offer is not None and first is not None and first.flow is not None:
            self.call.ports.routes.repeat_request(first, self.offer, _Joining(self))

    # What happens.

    def timer(self, name: str) -> None:
        """Take the time to begin, or to send a re-INVITE again."""
        if name == "offer again":
            self._offer_again()
        elif isinstance(self.call.hunt, Hunt):
            self.call.hunt.start()

    def progressed(self, status: int, reason: str) -> None:
        """Tell nobody: there is no caller who waits."""

    def rejected(self, outcome: Outcome) -> None:
        """End it: one of the two did not answer."""
        self._give_up(outcome, "switch")

    def hung_up(self, by: str, already: Leg | None, status: int) -> bool:
        """End it, joined or not; `already` is the end that said good-bye."""
        call = self.call
        if call.state is CallState.SETTING_UP:
            self._give_up(CANCELLED, by, already)
            return True
        if call.state is CallState.TALKING:
            call.caller.transition(LegEvent.END)
            call.caller.end(Outcome(status, "OK"), call.ports.wall_clock(), by)
        return False

    def ends(self) -> tuple[Leg, ...]:
        """Return those of the two that have answered."""
        return tuple(leg for leg in (self.first, self.call.peer) if leg is not None)

    def other(self, leg: Leg) -> Leg | None:
        """Return the end that `leg` is joined with."""
        return self.call.peer if leg is self.first else self.first

    def rejoined(self, remaining: Leg) -> None:
        """Take note of which of the two has been joined with a third."""
        assert isinstance(remaining, Callee)
        self.first = remaining

    def answered(self, leg: Callee, response: Response) -> None:
        """Take the answer of `a`, and call `b`; or that of `b`, and let `a` hear of it."""
        call = self.call
        if leg.is_open:  # and has not picked up, coming from a call of its own
            leg.transition(LegEvent.ANSWER)
        leg.answered_at = call.ports.wall_clock()
        if leg.dialog is None:
            leg.begin_dialog(response)
        call.disarm_all()
        call.ports.sessions.rearm(call)
        call.early_leg = None
        call.changed()
        if self.first is None:
            self.first = leg
            leg.acknowledge()
            if self.is_planned:
                call.hunt = None
                call.caller.invite = _draft(call.from_text, b"", Uri.parse(call.to_text))
                call.ports.dialling.decide(call)
                return
            call.caller.invite = _draft(call.from_text, b"")
            call.hunt = hunt = Hunt(call, self.then, self.ring)
            hunt.start()
        else:
            self.second, call.hunt = leg, None
            if call.script is not None:
                call.script.answered(leg.destination.target)
            body = call.body_for(response, leg, self.first)
            if body:
                self.first.rounds = 0
                self._offer(body, response.headers.get("content-type"))
            else:
                self._give_up(Outcome(488, "Answer Without Offer"), "callee")

    # Joining the two.

    def _offer(self, body: bytes, content_type: str | None) -> None:
        first = self.first
        assert first is not None
        dialog, flow = first.dialog, first.flow
        if dialog is None or flow is None:
            self._give_up(Outcome(480, "First End Not Reached"), "switch")
            return
        ports = self.call.ports
        request = dialog.make_request(
            "INVITE", via=ports.stack.new_via(flow), contact=first.contact_on(flow),
            body=body, content_type=content_type,
            headers=(("Supported", ports.settings.extensions), *ports.sessions.headers(first)),
        )  # fmt: skip
        first.sign(request)
        first.invite_cseq = dialog.local_cseq
        self.offer = bytes(request)
        self.call.changed()
        self.call.when_stored(partial(self.call.ports.routes.send_request, first, request, _Joining(self)))

    def _offer_again(self) -> None:
        if self.offer is not None and self.call.state is CallState.SETTING_UP:
            earlier = parse(self.offer)
            self._offer(earlier.body, earlier.headers.get("content-type"))

    def offer_answered(self, transaction: ClientTransaction, response: Response) -> None:
        """Take what `a` says to the re-INVITE with the offer of `b`."""
        first, second = self.first, self.second
        if first is None or not response.is_final:
            return
        first.note_credentials(response)
        if response.is_success and (self.offer is None or second is None):
            first.acknowledge_again(response)
        elif response.is_success and second is not None and first.dialog is not None:
            self.call.ports.routes.refreshed(first, response)
            self.call.ports.sessions.settled(first, response, transaction.request.body)
            first.acknowledge()
            body = self.call.body_for(response, first, second)
            second.acknowledge(body, response.headers.get("content-type"))
            self._talk(second)
        elif self.offer is not None:
            self._refused(transaction, response)

    def _refused(self, transaction: ClientTransaction, response: Response) -> None:
        first, second = self.first, self.second
        assert first is not None
        assert second is not None
        wait, answered_at = after_glare(first), second.answered_at or 0.0
        if first.is_challenged(transaction.request, response, first.rounds):
            first.rounds += 1
            self._offer_again()
        elif self.call.ports.sessions.is_raised(first, response):
            self._offer_again()
        elif response.status == 491 and self.call.ports.wall_clock() + wait < answered_at + ACK_WITHIN:
            self.call.arm("offer again", wait)
        else:
            by = "switch" if response.local else "callee"
            self._give_up(Outcome(response.status, response.reason), by)

    def _talk(self, second: Callee) -> None:
        call, caller = self.call, self.call.caller
        self.second = self.offer = None
        call.peer = second
        call.transition(CallEvent.JOIN)
        caller.transition(LegEvent.ANSWER)
        caller.invite = None
        caller.answered_at = call.answered_at = call.ports.wall_clock()
        call.start_clocks(second)
        call.changed()

    def _give_up(self, outcome: Outcome, by: str, already: Leg | None = None) -> None:
        """End a call whose two ends were not joined yet."""
        call = self.call
        if call.state is not CallState.SETTING_UP:
            return
        now = call.ports.wall_clock()
        call.stop_hunt()
        for leg in (self.first, self.second):
            if leg is None or leg.state is not LegState.ANSWERED:
                continue
            leg.end(outcome, now, by)
            if leg is already:
                leg.transition(LegEvent.END)
                continue
            if leg is self.second and leg.ack is None:
                leg.acknowledge()
            leg.say_goodbye((("Reason", f"SIP;cause={outcome.status}"),))
        self.offer = None
        call.caller.transition(LegEvent.END)
        call.end_setup(outcome, by)
        call.forget_if_finished()


class _Joining:
    """The user of the re-INVITE."""

    __slots__ = ("_party",)

    def __init__(self, party: ThirdParty) -> None:
        self._party = party

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Hand it to the originator of the call."""
        with self._party.call.event():
            self._party.offer_answered(transaction, response)


def _silence(call: Call) -> bytes:
    return SILENCE % zlib.crc32(call.id.encode())


def _draft(sender: str, body: bytes, target: Uri = NOWHERE) -> Request:
    """Return what the legs are made from, which is From and body; each knows by itself where it leads."""
    address = str(NameAddr(Uri.parse(sender), None))
    return make_draft(address, target, body=body, content_type="application/sdp" if body else None)

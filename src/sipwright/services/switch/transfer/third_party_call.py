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
from collections.abc import Iterable
from functools import partial
from typing import Any

from sipwright.sdp import as_version_of, origin
from sipwright.services.dialstring import Groups, read_groups, write_groups
from sipwright.sip import NameAddr, Request, Response, Uri, parse
from sipwright.sip.build import make_draft
from sipwright.sip.transaction import CALLING, ClientTransaction

from ..call.call import Call, CallState
from ..call.callee import Callee
from ..call.caller import Caller
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..dialling.hunt import Hunt
from ..midcall.reinvite import GLARE
from ..model.identity import Identity
from ..model.leg_state import LegEvent, LegState
from ..model.outcome import CANCELLED, Outcome

__all__ = ["ThirdPartyCall"]

DIRECTION = "callback"
OFFERED = 2
"""The version of the session description that `a` is offered; the silence before it was the first."""

NOWHERE = Uri(host="callback.invalid")

# One inactive stream rather than none at all, as the flow has it: phones refuse an offer without a stream.
SILENCE = (
    b"v=0\r\no=sipwright %d 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=inactive\r\n"
)


class ThirdPartyCall(Call):
    """Two legs that the switch calls one after the other; `first` is `a` once it has answered.

    While `a` is offered what `b` wants, `second` is `b` and `offer` that re-INVITE. To `a`, every session description
    of `b` is a later version of the silence that it was offered first; `versions` is how far apart they are.
    """

    __slots__ = ("first", "offer", "ring", "second", "then", "versions")

    def __init__(self, ports: CallPorts[Call], call_id: str, identity: Identity, started_at: float) -> None:
        super().__init__(ports, call_id, identity, started_at)
        self.first: Callee | None = None
        self.second: Callee | None = None
        self.offer: bytes | None = None
        self.then: Groups = ()
        self.ring = 60.0
        self.versions: int | None = None

    @classmethod
    def between(
        cls, ports: CallPorts[Call], identity: Identity, sender: str, a: Groups, b: Groups, *,
        delay: float, ring: float,
    ) -> ThirdPartyCall:  # fmt: skip
        """Make a call between the groups `a` and `b` of two dial strings; it begins after `delay` seconds."""
        now = ports.wall_clock()
        call = cls(ports, ports.token(), identity, now)
        call.caller = Caller(call, f"{call.id}.0", ports.token(), now)
        call.from_text, call.to_text = sender, str(b[0][0])
        call.then, call.ring = b, ring
        call.caller.invite = _draft(sender, call._silence())
        call.hunt = Hunt(call, a, ring)
        call.arm("begin", delay)
        return call

    def to_state(self) -> dict[str, Any]:
        """Return what its document has beyond that of other calls."""
        return {
            "first": None if self.first is None else self.first.index,
            "second": None if self.second is None else self.second.index,
            "offer": None if self.offer is None else self.offer.decode("latin-1"),
            "then": write_groups(self.then),
            "ring": self.ring,
            "versions": self.versions,
        }

    def read_state(self, state: dict[str, Any]) -> None:
        """Read what `to_state` gave."""
        first, second, offer = state["first"], state["second"], state["offer"]
        self.then, self.ring, self.versions = read_groups(state["then"]), state["ring"], state["versions"]
        self.first = None if first is None else self.legs[first - 1]
        self.second = None if second is None else self.legs[second - 1]
        self.offer = None if offer is None else offer.encode("latin-1")

    def body_for(self, message: Request | Response, sender: Leg, receiver: Leg) -> bytes:
        """Return the body, with an origin line that `a` can take for a later version (RFC 3725 §4.4, RFC 3264 §8)."""
        body = super().body_for(message, sender, receiver)
        now = origin(body) if receiver is self.first else None
        if now is None:
            return body
        if self.versions is None:
            self.versions = OFFERED - now[1]
        return as_version_of(body, self._silence(), now[1] + self.versions)

    def _silence(self) -> bytes:
        return SILENCE % zlib.crc32(self.id.encode())

    def recovered(self) -> None:
        """Repeat the re-INVITE that was under way: `a` takes it for a retransmission."""
        super().recovered()
        first = self.first
        if self.offer is not None and first is not None and first.flow is not None:
            request = parse(self.offer)
            assert isinstance(request, Request)
            self.ports.stack.restore_client(request, first.flow, _Joining(self), CALLING)

    # What happens.

    def timer(self, name: str) -> None:
        """Take a timer: the time to begin, or to send a re-INVITE again, or those that every call has."""
        if name == "begin":
            if isinstance(self.hunt, Hunt):
                self.hunt.start()
        elif name == "offer again":
            self._offer_again(())
        else:
            super().timer(name)

    def progress(self, status: int, reason: str | None, lines: Iterable[str] = (), body: bytes = b"",
                 content_type: str | None = None) -> None:  # fmt: skip
        """Tell nobody: there is no caller who waits."""

    def reject(self, outcome: Outcome, headers: Iterable[tuple[str, str]] = ()) -> None:
        """End it: one of the two did not answer."""
        self._give_up(outcome, "callee")

    def hang_up(self, by: str, reason: str | None, *, already: Leg | None = None, status: int = 200) -> None:
        """End it, joined or not; `already` is the end that said good-bye."""
        if self.state is CallState.SETTING_UP:
            self._give_up(CANCELLED, by, already)
        elif self.state is CallState.TALKING:
            self.caller.transition(LegEvent.END)
            self.caller.end(Outcome(status, "OK"), self.ports.wall_clock(), by)
            super().hang_up(by, reason, already=already, status=status)

    def ends(self) -> tuple[Leg, ...]:
        """Return those of the two that have answered."""
        return tuple(leg for leg in (self.first, self.peer) if leg is not None)

    def other(self, leg: Leg) -> Leg | None:
        """Return the end that `leg` is joined with."""
        return super().other(leg) if self.near else self.peer if leg is self.first else self.first

    def transferred(self, remaining: Leg, joined: Callee) -> None:
        """Join one of the two with a third."""
        super().transferred(remaining, joined)
        assert isinstance(remaining, Callee)
        self.first = remaining

    def join(self, leg: Callee, response: Response) -> None:
        """Take the answer of `a`, and call `b`; or that of `b`, and let `a` hear of it."""
        leg.transition(LegEvent.ANSWER)
        leg.answered_at = self.ports.wall_clock()
        if leg.dialog is None:
            leg.begin_dialog(response)
        self.disarm_all()
        self.early_leg = None
        self.changed()
        if self.first is None:
            self.first = leg
            leg.acknowledge()
            self.caller.invite = _draft(self.from_text, b"")
            self.hunt = hunt = Hunt(self, self.then, self.ring)
            hunt.start()
        else:
            self.second, self.hunt = leg, None
            body = self.body_for(response, leg, self.first)
            if body:
                self._offer(body, response.headers.get("content-type"), ())
            else:
                self._give_up(Outcome(488, "Answer Without Offer"), "callee")

    # Joining the two.

    def _offer(self, body: bytes, content_type: str | None, headers: tuple[tuple[str, str], ...]) -> None:
        first = self.first
        assert first is not None
        dialog, flow = first.dialog, first.flow
        if dialog is None or flow is None:
            self._give_up(Outcome(480, "First End Not Reached"), "switch")
            return
        contact = self.ports.stack.local_contact(flow)
        request = dialog.make_request(
            "INVITE", via=self.ports.new_via(flow), contact=contact, headers=headers, body=body,
            content_type=content_type,
        )  # fmt: skip
        first.invite_cseq = dialog.local_cseq
        self.offer = bytes(request)
        self.changed()
        self.when_stored(partial(self.ports.routes.send_request, first, request, _Joining(self)))

    def _offer_again(self, headers: tuple[tuple[str, str], ...]) -> None:
        if self.offer is not None and self.state is CallState.SETTING_UP:
            earlier = parse(self.offer)
            self._offer(earlier.body, earlier.headers.get("content-type"), headers)

    def offer_answered(self, transaction: ClientTransaction, response: Response) -> None:
        """Take what `a` says to the re-INVITE with the offer of `b`."""
        first, second = self.first, self.second
        if first is None or not response.is_final:
            return
        if response.is_success and (self.offer is None or second is None):
            first.acknowledge_again(response)
        elif response.is_success and second is not None and first.dialog is not None:
            first.dialog.refresh_target(response)
            first.acknowledge()
            body = self.body_for(response, first, second)
            second.acknowledge(body, response.headers.get("content-type"))
            self._talk(second)
        elif self.offer is not None:
            self._refused(transaction, response)

    def _refused(self, transaction: ClientTransaction, response: Response) -> None:
        first = self.first
        assert first is not None
        asked = transaction.request.headers
        has_answered = "authorization" in asked or "proxy-authorization" in asked
        answer = (
            None if has_answered else self.ports.credentials.for_leg(first, transaction.request, response)
        )
        if answer is not None:
            self._offer_again((answer,))
        elif response.status == 491:
            self.arm("offer again", GLARE)
        else:
            self._give_up(Outcome(response.status, response.reason), "callee")

    def _talk(self, second: Callee) -> None:
        now = self.ports.wall_clock()
        caller = self.caller
        self.peer, self.second, self.offer, self.state = second, None, None, CallState.TALKING
        caller.transition(LegEvent.ANSWER)
        caller.invite = None
        caller.answered_at = self.answered_at = now
        self.disarm_all()
        self._limit_duration(second)
        if self.ports.settings.probe:
            self.arm("probe", self.ports.settings.probe)
        self.changed()

    def _give_up(self, outcome: Outcome, by: str, already: Leg | None = None) -> None:
        """End a call whose two ends were not joined yet."""
        if self.state is not CallState.SETTING_UP:
            return
        now = self.ports.wall_clock()
        self.stop_hunt()
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
        self.caller.transition(LegEvent.END)
        self._end_setup(outcome, by)
        self.forget_if_finished()


class _Joining:
    """The user of the re-INVITE."""

    __slots__ = ("_call",)

    def __init__(self, call: ThirdPartyCall) -> None:
        self._call = call

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Hand it to the call."""
        with self._call.event():
            self._call.offer_answered(transaction, response)


def _draft(sender: str, body: bytes) -> Request:
    """Return what the legs are made from, which is From and body; each knows by itself where it leads."""
    address = str(NameAddr(Uri.parse(sender), None))
    return make_draft(address, NOWHERE, body=body, content_type="application/sdp" if body else None)

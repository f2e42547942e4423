"""A re-INVITE that the switch sends by itself, on one leg of a call (RFC 3261 §14.1).

It takes the place of a relayed one, so nothing that the two ends want to change meanwhile gets in between. Its ACK is
the business of who sent it, since that may have to carry an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable
from zlib import crc32

from sipwright.sdp import refuse_streams
from sipwright.sip import Request, Response, parse
from sipwright.sip.transaction import ClientInvite, ClientTransaction

from ..call.call import Call
from ..call.callee import Callee
from ..call.leg import Leg
from ..model.leg_state import LegState
from ..model.stored_processes import StoredReInvite
from .cut_off import is_away, is_said_again, withdraw

__all__ = ["ReInvite", "after_glare"]


@runtime_checkable
class Offering(Protocol):
    """A request that crosses a call, and may carry an offer."""

    @property
    def has_open_offer(self) -> bool:
        """What it offers is not answered yet."""


class ReInvite:
    """A re-INVITE of ours; `call` keeps it in its document, and `leg` may be of another call.

    `then` is told the final response once, or None when there is nobody to send it to.
    """

    __slots__ = (
        "_accepted_late",
        "_client",
        "_is_cancelled",
        "_is_cut",
        "_is_done",
        "_rounds",
        "_then",
        "call",
        "leg",
        "owes_ack",
        "wire",
    )

    def __init__(self, call: Call, leg: Leg, then: Callable[[Response | None], None]) -> None:
        self.call = call
        self.leg = leg
        self.wire = b""
        self._then = then
        self._client: ClientTransaction | None = None
        self._rounds = 0
        self._is_done = self._is_cut = self._is_cancelled = self.owes_ack = False
        self._accepted_late: Callable[[Leg], None] | None = None

    @staticmethod
    def may_begin(leg: Leg) -> bool:
        """Return whether no other change of this leg is under way (RFC 3261 §14.1, RFC 3311 §5.1)."""
        if leg.reinvite is not None or leg.unacked_response is not None:
            return False
        call = leg.owner
        processes = call.processes if isinstance(call, Call) else ()
        return not any(isinstance(each, Offering) and each.has_open_offer for each in processes)

    def keep_out(self) -> None:
        """Let nothing else change the leg until its 2xx has our ACK (RFC 3261 §14.1); nothing more is to be heard."""
        self._is_done = self.owes_ack = True
        self.leg.reinvite = self

    def to_state(self) -> StoredReInvite:
        """Return what another process needs to go on."""
        return StoredReInvite(self.wire.decode("latin-1"), self._rounds)

    def resume(self, state: StoredReInvite) -> None:
        """Go on in a new process: the peer takes it for a retransmission."""
        self.wire, self._rounds = state.wire.encode("latin-1"), state.rounds
        self.leg.reinvite = self
        self._client = self.call.ports.routes.repeat_request(self.leg, self.wire, self)

    def send(self, body: bytes, content_type: str | None) -> None:
        """Send it once its new CSeq is stored; without a body it asks for an offer."""
        call, leg, ports = self.call, self.leg, self.call.ports
        dialog, flow = leg.dialog, leg.flow
        if dialog is None or flow is None or leg.state is not LegState.ANSWERED:
            self._is_done = True
            self._then(None)
            return
        told = ("Supported", ports.settings.extensions)
        request = dialog.make_request(
            "INVITE", via=ports.stack.new_via(flow), contact=leg.contact_on(flow), body=body,
            headers=(told, *ports.sessions.headers(leg)), content_type=content_type if body else None,
        )  # fmt: skip
        leg.sign(request)
        leg.invite_cseq = dialog.local_cseq
        leg.reinvite = self
        self.wire = bytes(request)
        call.changed()
        if leg.owner is not call:
            with leg.owner.event():
                leg.owner.changed()
        call.when_stored(self._send)

    def _send(self) -> None:
        request = parse(self.wire)
        assert isinstance(request, Request)
        self._client = self.call.ports.routes.send_request(self.leg, request, self)

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take a response; a challenge is answered with the credentials of the leg's provider."""
        if self._client is None or self._client.key == transaction.key:
            self._client = transaction  # it was sent again, as its phone was away
        if not response.is_final:
            return
        if self._is_done:
            with self.leg.owner.event():
                self._take_late(response)
            return
        with self.call.event():
            if not self._is_cancelled and is_said_again(transaction, response, was_before=self._is_cut):
                self._say_again(transaction)
            else:
                self._take(transaction.request, response)

    def _say_again(self, transaction: ClientTransaction) -> None:
        self._is_cut = True
        self.call.ports.stack.layer.drop(transaction)
        self._client = self.call.ports.routes.repeat_request(self.leg, self.wire, self)

    def _take(self, request: Request, response: Response) -> None:
        leg, sessions = self.leg, self.call.ports.sessions
        is_challenged = leg.is_challenged(request, response, self._rounds)
        self._rounds += is_challenged
        if is_challenged or sessions.is_raised(leg, response):
            self.send(request.body, request.headers.get("content-type"))
        else:
            self._finish()
            leg.note_credentials(response)
            if response.is_success:
                leg.ack = None
                if not request.body:
                    self.keep_out()  # the ACK has the answer to its offer, and may take its time
                with leg.owner.event():
                    self.call.ports.routes.refreshed(leg, response)
                    sessions.settled(leg, response, request.body)
            self._then(response)

    def _finish(self) -> None:
        self._is_done = True
        if self.leg.reinvite is self:
            self.leg.reinvite = None

    def _take_late(self, response: Response) -> None:
        """Acknowledge a 2xx again, or for the first time when nobody waits for it any more."""
        leg = self.leg
        if not response.is_success or leg.state is not LegState.ANSWERED or leg.flow is None:
            return
        # That of a callee may be for an earlier INVITE still, and would be none for this one (RFC 3261 §13.2.2.4).
        if leg.ack is not None and parse(leg.ack).cseq.number == response.cseq.number:
            self.call.ports.routes.send_ack(leg, leg.ack)
        elif self._then is _forgotten:
            body = refuse_streams(response.body) if response.body and not self._had_offer else b""
            leg.acknowledge(body, "application/sdp" if body else None)
            if self._accepted_late is not None:
                self._accepted_late(leg)

    @property
    def _had_offer(self) -> bool:
        return bool(parse(self.wire).body)

    def cancel(self) -> None:
        """Cancel it: it has been open for too long, and will be answered 487."""
        self.call.when_stored(self._cancel)

    def give_up(self, accepted_late: Callable[[Leg], None] | None = None) -> None:
        """Cancel it, and wait for nothing more; `accepted_late` is told the leg if its peer has accepted it."""
        if not self._is_done:
            self._finish()
            self._then, self._accepted_late = _forgotten, accepted_late
            self.cancel()

    def _cancel(self) -> None:
        client, ports = self._client, self.call.ports
        if not isinstance(client, ClientInvite):
            return
        self._is_cancelled = True
        client.cancel(ports.clock())
        if is_away(client):  # it is told nothing of it any more, and that is no reason to end the call
            withdraw(client)
            client.fail(ports.clock())

    def is_acknowledged_by(self, leg: Leg, ack: Request) -> bool:
        """Return False: it is we who acknowledge its 2xx."""
        return False

    def go_on(self) -> None:
        """Do nothing: it has waited before it began (`may_begin`)."""

    def acknowledged(self, ack: Request) -> None:
        """Take no notice of an ACK of the peer: nothing of this was sent by it."""


def after_glare(leg: Leg, salt: int = 0) -> float:
    """Return after how many seconds to try again a change that has crossed one of the peer (RFC 3261 §14.1).

    As chance will have it: from 2.1 to 4 where the Call-ID is ours, up to 2 where it is the peer's. So the two meet no
    more.
    """
    number = 0 if leg.dialog is None else leg.dialog.local_cseq
    chance = crc32(f"{leg.sip_call_id}{number}{salt}".encode())
    return 2.1 + chance % 191 / 100 if isinstance(leg, Callee) else 0.01 + chance % 200 / 100


def _forgotten(response: Response | None) -> None:
    """Tell nobody."""

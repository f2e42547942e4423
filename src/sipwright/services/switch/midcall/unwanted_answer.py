"""A 2xx of one more phone behind the same proxy, when the leg has been answered: only one of them can be talked to.

A proxy passes on every 2xx (RFC 3261 §16.7 step 10). Each has a To tag of its own, is a dialog of its own, with its
own route set and remote target, and gets its own ACK; those that are not wanted then get a BYE (§13.2.2.4).
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from sipwright.sip import ParseError, Request, Response, parse
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientNonInvite, ClientTransaction
from sipwright.transport import Flow

from ..call.callee import MOST_EARLY, Callee
from ..call.leg import Leg
from ..call.leg_ports import LegOwner, LegPorts
from ..call.process import CallProcess
from ..model.outcome import ELSEWHERE_HEADERS
from ..model.stored_processes import StoredUnwantedAnswer

__all__ = ["AnsweredCall", "UnwantedAnswer"]


class AnsweredCall(LegOwner[Leg], Protocol):
    """The call whose leg it is."""

    def carry(self, process: CallProcess) -> None:
        """Let a process go on in this call until it is dropped."""

    def drop(self, process: CallProcess) -> None:
        """Carry a process no more."""

    def forget_if_finished(self) -> None:
        """Drop the call when nothing is left to do."""


class RestoredCall(AnsweredCall, Protocol):
    """A call of an earlier process."""

    legs: list[Callee]


def _farewell(ports: LegPorts[Leg], leg: Callee, response: Response) -> tuple[Dialog, bytes, Request] | None:
    """Return the dialog of an answer that nobody wants, its ACK and its BYE; the leg keeps the ACK for its copies.

    There are no more of them than phones may ring behind one INVITE: any other hears nothing, and hangs up after 64*T1
    (RFC 3261 §13.3.1.4).
    """
    flow = leg.flow
    if flow is None or len(leg.unwanted) >= MOST_EARLY:
        return None
    try:
        dialog = Dialog.of_answer(response, leg.destination.uri)
    except ParseError:
        return None
    body, content_type = leg.refusal_of(response)
    number = response.cseq.number
    headers = () if leg.auth is None else leg.auth.of_invite(number)
    ack = dialog.write_request(
        "ACK", ports.stack.new_via(flow), headers=headers, body=body, content_type=content_type, cseq=number
    ).wire
    leg.unwanted = {**leg.unwanted, dialog.remote_tag: ack}
    return dialog, ack, _goodbye(ports, leg, flow, dialog)


def _goodbye(ports: LegPorts[Leg], leg: Callee, flow: Flow, dialog: Dialog) -> Request:
    bye = dialog.make_request("BYE", via=ports.stack.new_via(flow), headers=ELSEWHERE_HEADERS)
    leg.sign(bye)
    return bye


class UnwantedAnswer:
    """One such answer, until its sender has heard our BYE."""

    __slots__ = ("_ack", "_bye", "_dialog", "_rounds", "call", "leg")

    timers = ()
    is_awaited = True

    def __init__(self, call: AnsweredCall, leg: Callee, dialog: Dialog, ack: bytes, bye: bytes) -> None:
        self.call = call
        self.leg = leg
        self._dialog = dialog
        self._ack = ack
        self._bye = bye
        self._rounds = 0

    @classmethod
    def begin(cls, call: AnsweredCall, leg: Callee, response: Response) -> None:
        """Acknowledge an answer and hang up."""
        made = _farewell(call.ports, leg, response)
        if made is not None:
            dialog, ack, bye = made
            unwanted = cls(call, leg, dialog, ack, bytes(bye))
            call.carry(unwanted)
            call.changed()
            call.when_stored(partial(unwanted._send, bye))

    def to_state(self) -> StoredUnwantedAnswer:
        """Return what another process needs to go on."""
        ack, bye = self._ack.decode("latin-1"), self._bye.decode("latin-1")
        return StoredUnwantedAnswer(self.leg.index, self._dialog.to_state(), ack, bye, self._rounds)

    @classmethod
    def from_state(cls, call: RestoredCall, state: StoredUnwantedAnswer) -> UnwantedAnswer:
        """Make it again; `resume` sets it going."""
        leg = call.legs[state.leg - 1]
        dialog = Dialog.from_state(leg.sip_call_id, leg.local_tag, state.dialog)
        ack = state.ack.encode("latin-1")
        leg.unwanted = {**leg.unwanted, dialog.remote_tag: ack}
        answer = cls(call, leg, dialog, ack, state.bye.encode("latin-1"))
        answer._rounds = state.rounds
        return answer

    def resume(self) -> None:
        """Say both once more: who has heard them takes them for retransmissions."""
        bye = parse(self._bye)
        assert isinstance(bye, Request)
        self._send(bye, is_again=True)

    def _send(self, bye: Request, *, is_again: bool = False) -> None:
        """Send the ACK and the BYE; nobody waits for this one to end, so that it is not repeated in haste."""
        ports = self.call.ports
        ports.routes.send_ack(self.leg, self._ack, self._dialog)
        transaction = ports.routes.send_request(self.leg, bye, self, self._dialog, is_again=is_again)
        if isinstance(transaction, ClientNonInvite):
            transaction.hold_back(ports.clock())

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take the response to the BYE; but for a challenge, the answer is dealt with then (RFC 3261 §15.1.1)."""
        if response.is_final:
            self.call.handle(self._answered, transaction.request, response)

    def _answered(self, asked: Request, response: Response) -> None:
        leg, flow = self.leg, self.leg.flow
        if flow is not None and leg.is_challenged(asked, response, self._rounds):
            self._rounds += 1
            bye = _goodbye(self.call.ports, leg, flow, self._dialog)
            self._bye = bytes(bye)
            self.call.when_stored(partial(self._send, bye))
            return
        self.call.drop(self)
        self.call.changed()
        self.call.forget_if_finished()

    def timer(self, name: str) -> None:
        """Do nothing: it has no timers."""

    def abandon(self) -> None:
        """Go on: the phone must hear the BYE, whatever becomes of the call."""

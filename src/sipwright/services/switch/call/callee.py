"""A leg that is tried: a phone, a provider or somebody elsewhere whom the switch has sent an INVITE."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, Protocol, cast

from sipwright.sip import Response
from sipwright.sip.dialog import Dialog
from sipwright.sip.transaction import ClientInvite, ClientTransaction
from sipwright.stack import ReconnectingFlow
from sipwright.transport import Flow

from ..model.destination import Destination
from ..model.header_table import OUTSIDER
from ..model.leg_state import CANCEL, END, LegState
from ..model.outcome import ELSEWHERE, ELSEWHERE_HEADERS, SILENT, Outcome
from ..model.relayed import refuse_offer
from .leg import Leg
from .leg_ports import LegOwner

__all__ = ["Callee", "CalleeOwner", "Carried"]


NONE: dict[str, bytes] = {}

MOST_EARLY = 16
"""How many early dialogs one INVITE may have: as many phones as ring behind a proxy."""


class Carried(NamedTuple):
    """What a leg brings along from the call that it comes from: who pays for it, 0 for nobody, its seconds there."""

    user_id: int
    account_id: int
    seconds: float


class CalleeOwner(LegOwner[Leg], Protocol):
    """Whose callee it is."""

    def callee_responded(self, leg: Callee, response: Response) -> None:
        """Take a response to the INVITE of a leg."""


class Callee(Leg):
    """A leg that is tried: the switch sent its INVITE.

    `unwanted` has the ACKs to the 2xx of further phones behind the same proxy, by their To tags. One that has come from
    another call has what it has `carried` along.
    """

    __slots__ = ("carried", "destination", "transaction", "unwanted")

    owner: CalleeOwner
    neighbour = OUTSIDER

    def __init__(
        self,
        owner: CalleeOwner,
        index: int,
        sip_call_id: str,
        local_tag: str,
        started_at: float,
        destination: Destination,
    ) -> None:
        self._begin(owner, index, sip_call_id, local_tag, started_at)
        self.destination = destination
        self.provider = destination.provider
        self.is_phone, self.is_neighbour = destination.flow is not None, destination.is_neighbour
        self.transaction: ClientTransaction | None = None
        self.unwanted: dict[str, bytes] = NONE
        self.carried: Carried | None = None

    def begin_dialog(self, response: Response) -> None:
        """Note the dialog that the peer's response to our INVITE makes, or confirms (RFC 3261 §12.1.2, §13.2.2.4)."""
        dialog, invite, transaction = self.dialog, self.invite, self.transaction
        tag = response.to_tag or ""
        if dialog is not None and dialog.remote_tag != tag:
            dialog = self.early.get(tag)
        if dialog is not None and response.is_success:
            self.dialog = dialog
            dialog.confirm(response)
        elif invite is not None:
            self.dialog = Dialog.as_uac(invite, response)
        elif transaction is not None:  # another phone behind the same proxy, when this leg is over
            self.dialog = Dialog.as_uac(transaction.request, response)
        if response.is_success:
            self.early = {}
            self.invite = None  # it is as large as everything else of a call together, and not sent again

    def begin_early(self, response: Response) -> None:
        """Note the early dialog of a provisional response: each To tag has one of its own (RFC 3261 §12.1.2)."""
        first, tag, invite = self.dialog, response.to_tag or "", self.invite
        if first is None:
            self.begin_dialog(response)
        elif (
            first.remote_tag != tag
            and tag not in self.early
            and len(self.early) < MOST_EARLY
            and invite is not None
        ):
            early = self.early or {first.remote_tag: first}
            self.early = {**early, tag: Dialog.as_uac(invite, response)}

    def leave_early(self, tag: str) -> bool:
        """Forget one of the early dialogs; False when it is the last."""
        others = {each: dialog for each, dialog in self.early.items() if each != tag}
        if not others:
            return False
        self.early = others
        if self.dialog is not None and self.dialog.remote_tag == tag:
            self.dialog = next(iter(others.values()))
        return True

    def turn_to(self, tag: str) -> None:
        """Go on in the early dialog with that tag."""
        self.dialog = self.early.get(tag, self.dialog)

    def refusal_of(self, response: Response) -> tuple[bytes, str | None]:
        """Return the body of the ACK to a 2xx that nobody wants.

        Where our INVITE had no offer it is in the 2xx, and answered all the same (RFC 3261 §13.2.2.4).
        """
        invite = self.invite or (None if self.transaction is None else self.transaction.request)
        return (b"", None) if invite is None or invite.body else refuse_offer(response)

    def acknowledge_copy(self, response: Response) -> bool:
        """Repeat the ACK to a 2xx that comes again; False when it is that of another phone (RFC 3261 §13.2.2.4)."""
        tag, dialog = response.to_tag or "", self.dialog
        if dialog is not None and dialog.remote_tag == tag:
            self.acknowledge_again(response)
        elif tag in self.unwanted:
            dialog = Dialog.of_answer(response, self.destination.uri)
            self.owner.ports.routes.send_ack(self, self.unwanted[tag], dialog)
        else:
            return False
        return True

    def cancel(self, outcome: Outcome) -> None:
        """Stop trying this leg; its record says why."""
        owner, was_sent = self.owner, self.transaction is not None
        self.transition(CANCEL if was_sent else END)
        self.end(outcome, owner.ports.wall_clock(), "switch")
        if was_sent:
            owner.when_stored(self._send_cancel, is_urgent=True)

    def cancel_again(self) -> None:
        """Send the CANCEL that an earlier process may not have got round to."""
        self.owner.when_stored(self._send_cancel)

    def _send_cancel(self) -> None:
        # A phone that hears why counts no missed call (RFC 3326). It is told by its reason, as a stored outcome is not
        # the same object: the next process says the same words.
        is_elsewhere = self.outcome is not None and self.outcome.reason == ELSEWHERE.reason
        headers: tuple[tuple[str, str], ...] = ELSEWHERE_HEADERS if is_elsewhere else ()
        if self.outcome is not None and self.outcome.headers:
            headers = self.outcome.headers  # why the caller gave up
        transaction, flow, ports = self.transaction, self.flow, self.owner.ports
        if isinstance(transaction, ClientInvite) and self.state is LegState.CANCELLED:
            if flow is not None and (flow.is_reliable or self.is_phone):
                transaction.flow = ports.routes.usable(self, flow)
            is_silent = self.outcome is not None and self.outcome.reason == SILENT.reason
            (transaction.give_up if is_silent else transaction.cancel)(ports.clock(), headers)
            if isinstance(transaction.flow, ReconnectingFlow) and transaction.flow.is_lost:
                # It is not to hear the INVITE, but only that it rings no more.
                transaction.fail(ports.clock())

    def on_response(self, transaction: ClientTransaction, response: Response) -> None:
        """Take a response to the INVITE, or to the BYE."""
        owner = self.owner
        if transaction is self.transaction:
            owner.handle(self._responded, transaction, response)
        elif isinstance(transaction, ClientInvite):
            owner.handle(self._late_server, transaction, response)
        else:
            owner.handle(owner.farewell_answered, self, transaction, response)

    def _late_server(self, transaction: ClientInvite, response: Response) -> None:
        """Take what a server says after all that was given up for the next one: its answer is as good as any."""
        owner, current = self.owner, self.transaction
        if not response.is_success:
            if response.is_final:
                owner.when_stored(partial(transaction.acknowledge, owner.ports.clock()))
            return
        if self.is_open and isinstance(current, ClientInvite):
            current.give_up(owner.ports.clock())
            # The core asks less of a flow than we do; it only ever gets ours.
            self.transaction, self.flow = transaction, cast(Flow, transaction.flow)
            self.source = self.flow.remote[0]
            owner.changed()
        owner.callee_responded(self, response)

    def _is_by_edge(self, response: Response) -> bool:
        """Return whether the edge of a node says that a connection has ended (RFC 5626 §5.3.1).

        That keeps no state and says it once. An ACK might come to the phone by its next connection, and be one to what
        that has answered.
        """
        return response.status == 430 and self.flow is not None and "!" in self.flow.key

    def _responded(self, transaction: ClientTransaction, response: Response) -> None:
        owner = self.owner
        if self.auth is not None and response.is_final:
            self.note_credentials(response)
        if response.is_final and self.flow is not None:
            self.flow.withdraw(transaction.wire)
        if (
            response.status >= 300
            and isinstance(transaction, ClientInvite)
            and not self._is_by_edge(response)
        ):
            # Until the ACK the peer repeats itself, so it comes when what it said is stored.
            owner.when_stored(partial(transaction.acknowledge, owner.ports.clock()))
        owner.callee_responded(self, response)
        is_gone = response.local and response.status == 503 and self.is_phone
        if is_gone and self.state is LegState.ENDED and isinstance(transaction, ClientInvite):
            owner.ports.routes.take_back(self, transaction.request)

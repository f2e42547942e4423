"""A caller who picks up what rings, or is parked, at another node: the call goes there.

Two legs can be joined in one process alone, and the one that rings, or is parked, is known to peers that talk to its
node. So it is the caller whose call goes: what the other node needs of it is the INVITE, and the way that this came by.
It takes that as if the phone had said it there, and answers, which leads back over the edge of this node. Here the call
ends without a word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sipwright.services.ports import Directory
from sipwright.sip import ParseError, Reject, Request, parse
from sipwright.stack import Incoming
from sipwright.transport import Flow

from ..call.call import Call
from ..call.ports import CallPorts
from ..call.table import CallTable
from ..dialling.admission import Admission
from ..dialling.router import Decision
from ..model.call_state import CallEvent, CallState
from ..model.leg_state import LegEvent, LegState
from .parking import Parking
from .pickup import PICKED_UP, ringing_at

__all__ = ["HandedCaller", "Handing", "Waiting"]

NewCall = Callable[[str, Incoming, Decision, str], Call]
"""Makes a call with an id for an INVITE that has come in, as a part of what has another id."""


class Waiting(NamedTuple):
    """What may be picked up at an account: since when it has rung there, and whether it is parked."""

    since: float
    is_parked: bool


class HandedCaller(NamedTuple):
    """What another node needs: the INVITE, the key of the flow here, whose it is, and the id that all parts share."""

    invite: str
    flow: str
    direction: str
    account_id: int
    common_id: str


class Handing:
    """Hands callers over to other nodes, and takes those of others."""

    def __init__(
        self, ports: CallPorts[Call], table: CallTable, accounts: Directory, parking: Parking, admission: Admission,
        new_call: NewCall, pick_up: Callable[[str, int], bool],
    ) -> None:  # fmt: skip
        """Get ready; `pick_up` lets the caller of a call have what waits at an account of this node."""
        self._ports = ports
        self._table = table
        self._accounts = accounts
        self._parking = parking
        self._admission = admission
        self._new_call = new_call
        self._pick_up = pick_up

    def waiting_at(self, account_id: int) -> Waiting | None:
        """Return what may be picked up at an account here."""
        rings = ringing_at(self._ports, account_id)
        if rings is not None:
            return Waiting(rings.started_at, is_parked=False)
        leg = self._parking.at(account_id)
        if leg is None or leg.state is not LegState.ANSWERED:
            return None
        return Waiting(leg.started_at, is_parked=True)

    # A caller of this node.

    def offer(self, call_id: str) -> HandedCaller | None:
        """Return what another node needs to take a caller over; None where that cannot be done."""
        call = self._ports.calls.get(call_id)
        if call is None or call.state is not CallState.SETTING_UP or call.originator is not None:
            return None
        caller, account_id = call.caller, call.identity.account_id
        invite, flow = caller.invite, caller.flow
        if invite is None or not invite.body or not caller.is_open or account_id is None:
            return None
        # What was told reliably is acknowledged here, and on the loop is no phone but a call of this node.
        if (
            call.provisionals is not None
            or flow is None
            or flow.protocol == "loop"
            or caller.provider is not None
        ):
            return None
        text = bytes(invite).decode("latin-1")
        return HandedCaller(text, flow.key, call.identity.direction, account_id, call.common_id)

    def let_go(self, call_id: str) -> Request | None:
        """End a call whose caller another node has; returns the INVITE, of which nothing is known here any more."""
        call = self._ports.calls.get(call_id)
        if call is None or call.state is not CallState.SETTING_UP or not call.caller.is_open:
            return None
        caller, now = call.caller, self._ports.wall_clock()
        invite, transaction = caller.invite, caller.transaction
        with call.event():
            script, call.script, call.execution_id = call.script, None, None
            call.stop_hunt()
            call.disarm_all()
            caller.transition(LegEvent.ANSWER)
            caller.answered_at = call.answered_at = now
            caller.transition(LegEvent.END)
            caller.end(PICKED_UP, now, "transfer")
            call.transition(CallEvent.END)
            call.close()
            if transaction is not None:
                caller.transaction = None
                self._ports.stack.layer.forget(transaction)
            if script is not None:
                script.caller_gone(PICKED_UP)
        return invite

    # A caller of another node.

    def take(self, handed: HandedCaller, flow: Flow, account_id: int, then: Callable[[], object]) -> bool:
        """Let a caller of another node have what waits at an account here; `then` is called when that is stored.

        Returns False when nothing waits there any more, or it cannot be done; then nothing was said.
        """
        account = self._accounts.account_by_id(handed.account_id)
        if account is None or self.waiting_at(account_id) is None or self._ports.store.is_away():
            return False
        try:
            invite = parse(handed.invite.encode("latin-1"))
            assert isinstance(invite, Request)
            decision = Decision(handed.direction, account, None, invite.request_uri)
            incoming = Incoming(self._ports.stack, invite, flow, flow, self._ports.clock())
            if self._is_known(invite):
                return False
            call_id = self._admission.admit(decision, incoming)
        except (ParseError, Reject):
            return False
        call = self._new_call(call_id, incoming, decision, handed.common_id)
        with call.event():
            is_taken = self._pick_up(call.id, account_id)
            if is_taken:
                call.when_stored(then)
        if not is_taken:
            self._table.forget(call)
            self._ports.stack.layer.forget(incoming.transaction)
        return is_taken

    def _is_known(self, invite: Request) -> bool:
        layer = self._ports.stack.layer
        return layer.find_server(invite) is not None or layer.is_merged(invite)

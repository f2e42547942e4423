"""Calls that are parked at a slot: whoever is called waits there until somebody picks the call up, or it rings back.

::

    caller                switch                 slot (orbit.py)
      |<-- re-INVITE, silence |                     |
      |<==== talking =======>|<==== talking ======>|     parked: a lamp that watches the slot's account is lit
      |                      |                      |
      |   picked up: a takeover of the slot's leg   |
      |   `park` runs out: a transfer to whoever has parked it, as if the slot had sent a REFER

A slot is an account, which may be dialled and watched like any other. All of it is made of what peers can ask for, too,
and is as durable: the slot's leg is one of the call, and the time runs in a timer of the call.
"""

from __future__ import annotations

from sipwright.services.ports import AccountView, Directory
from sipwright.sip import NameAddr, ParseError, Reject, Uri

from ..call.call import Call
from ..call.leg import Leg
from ..call.ports import CallPorts
from ..dialling.hunt import Hunt
from ..model.call_state import CallState
from ..model.leg_state import LegState
from ..model.outcome import Outcome
from .orbit import PARK, slot_of
from .pickup import PICKED_UP
from .replaces import account_of
from .takeover import Takeover
from .target_call import TargetDialler
from .transfer import Transfer

__all__ = ["Parking"]

ANSWERED_WITHIN = 5.0
"""Seconds for a slot to answer, which is inside of this process."""

PARKED = Outcome(200, "Parked")
TAKEN = Outcome(487, "Picked Up")


class Parking:
    """Parks calls, lets them be picked up, and rings back."""

    def __init__(self, ports: CallPorts[Call], accounts: Directory, dialler: TargetDialler) -> None:
        self._ports = ports
        self._accounts = accounts
        self._dialler = dialler

    def at(self, account_id: int) -> Leg | None:
        """Return the slot's leg of the call that is parked there, or about to be."""
        for call in self._ports.calls.values():
            for leg in call.legs:
                is_there = leg.destination.parked is not None and leg.destination.account_id == account_id
                if is_there and (leg.is_open or leg.state is LegState.ANSWERED):
                    return leg
        return None

    def park(self, call: Call, slot: AccountView, seconds: float, back: int | None) -> bool:
        """Let the caller of a call wait at a slot, in the place of what its script does; False if that is taken.

        Unless somebody is named it rings back to whoever has sent the caller there, or else whose script it is. A phone
        that carries out a transfer itself does not always say who wants that: then it talks to that one still.

        Raises:
            ValueError: There is nobody that it could ring back to.
        """
        own = call.identity.account_id
        back = back or self._referrer(call, slot) or self._talks_to(own, slot.user_id) or own
        if back is None:
            raise ValueError("it rings back to nobody here; name an account with back=")
        if call.state is not CallState.SETTING_UP or self.at(slot.id) is not None:
            return False
        with call.event():
            script, call.script, call.execution_id = call.script, None, None
            call.stop_hunt()
            call.hunt = hunt = Hunt(call, (), ANSWERED_WITHIN)
            call.changed()
            hunt.start([slot_of(slot, seconds, back)])
            if script is not None:
                script.caller_gone(PARKED)
        return True

    def _referrer(self, call: Call, slot: AccountView) -> int | None:
        """Return the account of the slot's owner that has sent the caller here (RFC 3892 §2.1)."""
        invite = call.caller.invite
        try:
            uri = NameAddr.parse("" if invite is None else invite.headers.get("referred-by") or "").uri
        except ParseError:
            return None
        domain = self._accounts.served_domain(uri.host, uri.port)
        account = None if domain is None else self._accounts.account(uri.user or "", domain)
        return account.id if account is not None and account.user_id == slot.user_id else None

    def _talks_to(self, account_id: int | None, user_id: int) -> int | None:
        """Return the account of a user that one talks to now, if there is one."""
        ports = self._ports
        for call in ports.calls.values():
            is_theirs = call.state is CallState.TALKING and call.identity.user_id == user_id
            ends = [account_of(ports, leg) for leg in call.ends()] if is_theirs else []
            if account_id is not None and account_id in ends:
                for other in ends:
                    account = (
                        None if other in (None, account_id) else self._accounts.account_by_id(other or 0)
                    )
                    if account is not None and account.user_id == user_id:
                        return account.id
        return None

    def pick_up(self, call: Call, account_id: int) -> bool:
        """Let the caller of a call have the one that is parked at a slot; False when none is."""
        leg = self.at(account_id)
        parked = None if leg is None else self._ports.calls.get(leg.owner.id)
        caller = call.caller
        if leg is None or parked is None or parked is call or leg.state is not LegState.ANSWERED:
            return False
        if call.state is not CallState.SETTING_UP or call.originator is not None or not caller.is_open:
            return False
        if (transfer := parked.find(Transfer)) is not None:  # it rings back, or somebody else has it
            with parked.event():
                transfer.fail(TAKEN)
        other = parked.other(leg)
        if other is None or parked.find(Transfer) is not None or parked.claimed_by is not None:
            return False
        with call.event():
            script, call.script, call.execution_id = call.script, None, None
            call.stop_hunt()
            takeover = Takeover.of(call, leg)
            call.carry(takeover)
            call.changed()
            takeover.begin()
            if script is not None:
                script.caller_gone(PICKED_UP)
        return True

    def ring_back(self, call: Call) -> None:
        """Transfer a call that nobody has picked up to whom it rings back; and again, if nobody answers."""
        leg = call.peer
        parked = None if leg is None else leg.destination.parked
        if leg is None or parked is None or call.state is not CallState.TALKING:
            return
        seconds, account_id = parked
        call.arm(PARK, seconds)
        remaining, account = call.other(leg), self._accounts.account_by_id(account_id)
        is_busy = call.find(Transfer) is not None or call.claimed_by is not None
        if account is None or remaining is None or is_busy:
            return
        if leg.state is not LegState.ANSWERED or remaining.state is not LegState.ANSWERED:
            return
        transfer = Transfer(call, leg, remaining, 0, is_reported=False)
        call.carry(transfer)
        call.changed()
        target = Uri(host=account.domain, user=account.username)
        try:
            other = self._dialler.dial(call, leg, remaining, target, None, account_id=account.id)
        except Reject:
            call.drop(transfer)
            return
        transfer.dialled(other)
        self._dialler.begin(other)

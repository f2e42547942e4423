"""What people do about calls from outside of them: hang up, transfer, redirect, pick up, place one.

All of it is made of what peers can ask for, too, and is as durable: an event of the call, which is committed before
anybody hears of it. `then` is called when it is. What a call becomes is decided as for any dial, by the *out* dialplan
of its owner's account.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sipwright.services.ports import AccountView
from sipwright.sip import Reject, Uri

from .call.call import Call
from .call.leg import Leg
from .call.table import CallTable
from .dialling.admission import Admission
from .dialling.destinations import Destinations
from .dialling.hunt import Hunt
from .dialling.router import Router
from .model.call_state import CallState
from .model.destination import Destination
from .model.identity import Identity
from .model.leg_state import LegState
from .model.outcome import Outcome
from .transfer.replaces import account_of
from .transfer.stage import Stage
from .transfer.target_call import TargetDialler
from .transfer.third_party_call import ThirdParty
from .transfer.transfer import Transfer

__all__ = ["NotNow", "Steering", "Then"]

Then = Callable[[], object]

BY = "control"
"""Who has hung up, in the records."""

HUNG_UP = 'SIP;cause=200;text="Hung up by the owner"'
REDIRECTED = (("Reason", 'SIP;cause=302;text="Call redirected"'),)
ENDED = Outcome(603, "Call Ended By Its Owner")

BY_ITSELF = (
    ("Call-Info", "<sip:sipwright.invalid>;answer-after=0"),
    ("Alert-Info", "<http://127.0.0.1>;info=alert-autoanswer"),
)
"""What phones are told that are to answer by themselves, in the two ways in which most of them understand that."""


class NotNow(Exception):
    """A wish that the state of a call, or of the switch, does not allow; it says why."""


class Steering:
    """Does to calls what their owners want."""

    def __init__(
        self,
        table: CallTable,
        router: Router,
        destinations: Destinations,
        dialler: TargetDialler,
        admission: Admission,
    ) -> None:
        self._table = table
        self._router = router
        self._destinations = destinations
        self._dialler = dialler
        self._admission = admission

    def hang_up(self, call: Call, then: Then) -> None:
        """End a call, whatever it does.

        Raises:
            NotNow: It is ending already.
        """
        if call.state is CallState.ENDING:
            raise NotNow("the call is over already")
        with call.event():
            if call.originator is not None or call.state is CallState.TALKING:
                call.hang_up(BY, HUNG_UP, why="Hung Up By Its Owner")
            else:
                call.reject(ENDED)
                call.caller.hung_up_by = BY
            call.when_stored(then)

    def transfer(self, call: Call, target: Uri, then: Then) -> Call:
        """Connect the party at the other end with somebody else; returns the call to that one.

        The end that leaves is the owner's, as if its phone had sent a REFER: it hears BYE when the two others talk.
        Where they do not come to that, everything stays as it is.

        Raises:
            NotNow: The call is not talking, or something else is done about it.
        """
        transferor, remaining = self._ends_of(call)
        with call.event():
            transfer = Transfer(call, transferor, remaining, 0, is_reported=False)
            call.carry(transfer)
            call.changed()
            call.when_stored(then)
            try:
                account_id = account_of(call.ports, transferor) or call.identity.account_id
                other = self._dialler.dial(call, transferor, remaining, target, None, account_id=account_id)
            except Reject as refusal:
                call.drop(transfer)
                raise NotNow(_sentence(refusal)) from None
            transfer.dialled(other)
            self._dialler.begin(other)
        if transfer.stage is Stage.FAILED:
            raise NotNow(f"{target} cannot be called: {transfer.failure.status} {transfer.failure.reason}")
        return other

    def _ends_of(self, call: Call) -> tuple[Leg, Leg]:
        """Return the end of the owner, which is to leave, and the other one."""
        ends = call.ends()
        if call.state is not CallState.TALKING or call.peer is None or len(ends) < 2:
            raise NotNow("only a call that was answered can be transferred; one that rings can be redirected")
        if call.find(Transfer) is not None or call.claimed_by is not None:
            raise NotNow("this call is being transferred already")
        if any(leg.state is not LegState.ANSWERED for leg in ends):
            raise NotNow("one end is leaving the call just now")
        if len(call.legs) >= call.ports.settings.max_legs:
            raise NotNow("this call has been transferred too often")
        accounts = [account_of(call.ports, leg) for leg in ends]
        mine = [number for number in (0, 1) if self._is_of(call, accounts[number])]
        if len(mine) != 1:  # none of them, or both
            mine = [number for number in (0, 1) if accounts[number] == call.identity.account_id is not None]
        leaves = mine[0] if len(mine) == 1 else int(call.identity.direction == "in")
        return ends[leaves], ends[1 - leaves]

    def _is_of(self, call: Call, account_id: int | None) -> bool:
        account = None if account_id is None else self._router.accounts.account_by_id(account_id)
        return account is not None and account.user_id == call.identity.user_id

    def redirect(self, call: Call, target: Uri, then: Then, refused: Callable[[str], object]) -> None:
        """Let a call that rings ring elsewhere: whoever rings now is cancelled when the dialplan has decided.

        Args:
            call: The call.
            target: Where it is to go.
            then: Is called when it is on its way there.
            refused: Is told why it is not, and rings on where it does.

        Raises:
            NotNow: It does not ring.
        """
        self._expect_ringing(call)
        account = (
            None
            if call.identity.account_id is None
            else self._router.accounts.account_by_id(call.identity.account_id)
        )
        scripts, plan = self._dialler.scripts, None if account is None else account.out_plan
        if plan is not None and scripts is not None:
            if not scripts.divert(call, plan, target, partial(_take_over, call, target), then, refused):
                raise NotNow("the dialplan that would decide about it is gone")
            return
        destinations = self._of_account(call, target)
        with call.event():
            _take_over(call, target)
            call.when_stored(then)
            call.hunt = hunt = Hunt(call, (), call.ports.settings.ring)
            hunt.start(destinations)

    def _of_account(self, call: Call, target: Uri) -> list[Destination]:
        """Return what an address of ours rings: all that there is without a dialplan."""
        domain = self._router.accounts.served_domain(target.host, target.port)
        found = None if domain is None else self._router.find(target.user or "", domain)
        if found is None:
            raise NotNow(
                f"{target} is no account here, and without an out dialplan nobody else can be called"
            )
        destinations = self._destinations.of_account(call, found)
        if not destinations:
            raise NotNow(f"no phone of {found.username}@{found.domain} is registered")
        return destinations

    def pick_up(self, call: Call, account: AccountView, then: Then) -> None:
        """Let the phones of an account ring, and answer by themselves where they can, for a call that rings elsewhere.

        Whoever rings goes on until one of them has answered: a phone that does not loses nobody the call.

        Raises:
            NotNow: It does not ring, or there is no phone.
        """
        self._expect_ringing(call)
        assert isinstance(call.hunt, Hunt)
        open_places = {leg.destination.place for leg in call.legs if leg.is_open}
        phones = self._destinations.phones(account)
        if not phones:
            raise NotNow(f"no phone of {account.username}@{account.domain} is registered")
        fresh = [phone for phone in phones if phone.place not in open_places]
        if not fresh:
            raise NotNow(
                f"{account.username}@{account.domain} is ringing for this call already: answer it there"
            )
        if len(call.legs) + len(fresh) > call.ports.settings.max_legs:
            raise NotNow("this call has rung at too many places already")
        for phone in fresh:
            phone.is_neighbour = account.user_id != call.identity.user_id
            phone.options = phone.options.with_headers(BY_ITSELF)
        with call.event():
            call.hunt.add(fresh)
            call.when_stored(then)

    def _expect_ringing(self, call: Call) -> None:
        party = call.originator
        if isinstance(party, ThirdParty) and party.first is None:
            raise NotNow("nobody but the phone that places this call rings yet")
        if call.state is not CallState.SETTING_UP or not isinstance(call.hunt, Hunt):
            raise NotNow("the call does not ring; one that was answered can be transferred")

    def place(self, call_id: str, account: AccountView, target: Uri, then: Then) -> Call:
        """Ring the phones of an account, which answer by themselves where they can, and then call somebody for it.

        Raises:
            NotNow: There is no phone, or no room.
        """
        table, direction = self._table, "out"
        ports = self._dialler.ports
        if not account.is_enabled:
            raise NotNow(f"the account {account.username}@{account.domain} is disabled")
        phones = self._destinations.phones(account)
        if not phones:
            raise NotNow(f"no phone of {account.username}@{account.domain} is registered")
        if not ports.settings.is_emergency(direction, target.user or ""):
            try:
                self._admission.admit_another()
                self._admission.limits.admit(table.of_account(account.id, direction), account.most_calls)
            except Reject as refusal:
                raise NotNow(_sentence(refusal)) from None
            if account.out_plan is not None and (
                why := self._admission.why_no_run(account.user_id, direction)
            ):
                raise NotNow(why)
        identity = Identity(direction, account.id, account.user_id, account.domain, account.out_plan)
        sender = f"sip:{account.username}@{account.domain}"
        call = ThirdParty.for_account(ports, call_id, identity, sender, target)
        with call.event():
            table.begin(call, is_scripted=account.out_plan is not None)
            call.hunt = hunt = Hunt(call, (), ports.settings.ring)
            call.changed()
            call.when_stored(then)
            hunt.start([replace(phone, options=phone.options.with_headers(BY_ITSELF)) for phone in phones])
        return call


def _take_over(call: Call, target: Uri) -> None:
    """End what a call does to find somebody: whoever rings is cancelled, and its script is over."""
    script, call.script, call.execution_id = call.script, None, None
    call.stop_hunt(REDIRECTED)
    if script is not None:
        script.dismissed(Outcome(302, "Call Redirected"))
    call.dialled_user = target.user or ""
    call.changed()


def _sentence(refusal: Reject) -> str:
    return refusal.why or f"{refusal.status} {refusal.reason}"

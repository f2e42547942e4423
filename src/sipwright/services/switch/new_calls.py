"""INVITEs that become calls: whose they are, what is known of their callers, and who decides about them."""

from __future__ import annotations

from sipwright.services.own_probes import NODE_USER
from sipwright.services.refusals import store_away, unknown_user
from sipwright.sip import Request
from sipwright.sip.provisional import requires_reliable
from sipwright.sip.transaction import ServerInvite
from sipwright.stack import Incoming

from .call.call import EXPIRES, Call
from .call.caller import Caller
from .call.leg import Leg
from .call.observer import CallObserver
from .call.own_call import OwnCall
from .call.ports import CallPorts
from .call.script_runner import ScriptRunner
from .call.table import CallTable
from .dialling.admission import Admission, look_at
from .dialling.destinations import Destinations
from .dialling.hunt import Hunt
from .dialling.invite import origin_of, passes_of, read_source
from .dialling.router import Decision, Router
from .dialling.senders import read_sender
from .model.header_table import SOURCE_HEADER
from .model.identity import Identity
from .model.identity_headers import vouch
from .model.outcome import Outcome
from .transfer.joined import name_joined
from .transfer.orbit import answer_parked
from .transfer.pickup import Picker
from .transfer.takeover import Takeover, replaced_leg

__all__ = ["NewCalls"]


class NewCalls:
    """Makes calls of INVITEs.

    Attributes:
        scripts: Start the dialplans of those calls.
    """

    def __init__(
        self,
        ports: CallPorts[Call],
        table: CallTable,
        router: Router,
        finder: Destinations,
        admission: Admission,
        scripts: ScriptRunner | None,
    ) -> None:
        self._ports = ports
        self._table = table
        self._router = router
        self._finder = finder
        self._admission = admission
        self.scripts = scripts

    def invite(self, incoming: Incoming) -> None:
        """Make a call of an INVITE that has come in.

        Raises:
            Reject: It is none, or there is no room for it.
        """
        request = incoming.request
        look_at(self._ports.stack, request)
        is_internal = incoming.flow.protocol == "loop"
        if is_internal and answer_parked(incoming):
            return
        decision = self._router.decide(incoming, is_internal=is_internal)
        if decision is None:
            if self._table.observer is not None:
                self._table.observer.challenged(incoming)
            return
        origin = origin_of(self._ports.calls, request, is_internal=is_internal)
        passes = passes_of(origin, is_internal=is_internal)
        self._admission.look_at_session(request)
        call_id = self._admission.admit(decision, incoming)
        replaced = None
        index = request.headers.index()
        if "replaces" in index or "join" in index:
            dialled = self._dialled_account(decision)
            replaced = replaced_leg(self._ports, request, decision, dialled)
            if "join" in index and not is_internal:  # on the loop it is named already, by whoever may
                name_joined(self._ports, request, decision, dialled)
        if replaced is not None:
            origin = self._ports.calls.get(replaced.owner.id)
        elif not is_internal and decision.provider is None:
            origin = None  # strangers may write what they like
        call = self._new_call(call_id, incoming, decision, origin, is_internal=is_internal)
        call.passes = passes
        if self._table.observer is not None and decision.user_id != NODE_USER:
            self._tell_observer(call, self._table.observer, is_scripted=decision.dialplan_id is not None)
        call.handle(self._begin, call, decision, replaced, incoming)
        if not call.is_stored_soon:
            self._table.forget(call)
            raise store_away()

    def _dialled_account(self, decision: Decision) -> int | None:
        """Return the account here that is called, if one is."""
        if decision.direction == "in":
            return None if decision.account is None else decision.account.id
        dialled, router = decision.dialled, self._router
        domain = router.accounts.served_domain(dialled.host, dialled.port)
        found = None if domain is None else router.find(dialled.user or "", domain)
        return None if found is None else found.id

    def _begin(self, call: Call, decision: Decision, replaced: Leg | None, incoming: Incoming) -> None:
        """Let a new call take over a leg, or let a script or the account decide who rings."""
        if requires_reliable(incoming.request):
            self._ports.provisionals(call)
        if replaced is not None and replaced.is_open:
            rings = self._ports.calls.get(replaced.owner.id)
            if rings is None or not Picker.begin(call, rings):
                call.reject(Outcome(481, "Call Does Not Exist"))
        elif replaced is not None:
            takeover = Takeover.of(call, replaced)
            call.carry(takeover)
            call.changed()
            takeover.begin()
        elif decision.dialplan_id is not None and self.scripts is not None:
            call.script = self.scripts.start(call, decision.dialplan_id)
            if call.script is None:
                call.reject(Outcome(500, "Dialplan Not Found"))
            else:
                # It has the call stored when it is stored itself.
                call.execution_id = call.script.execution_id
        else:
            self._call_without_script(call, decision, incoming)

    def _tell_observer(self, call: Call, observer: CallObserver, *, is_scripted: bool) -> None:
        invite = call.caller.invite
        if is_scripted and call.loops and invite is not None:
            # Half of what happens to the caller of this call is said in the call that it came from.
            twin = self._ports.legs.get(invite.from_tag or "")
            outer = None if twin is None else self._ports.calls.get(twin.owner.id)
            if outer is not None:
                observer.call_begins(outer, is_scripted=True)
        observer.call_begins(call, is_scripted=is_scripted)

    def take_caller(self, call_id: str, incoming: Incoming, decision: Decision, common_id: str) -> Call:
        """Make the call of a caller whom another node has handed over."""
        call = self._new_call(call_id, incoming, decision, None, is_internal=False, common_id=common_id)
        if self._table.observer is not None:
            self._tell_observer(call, self._table.observer, is_scripted=False)
        return call

    def _new_call(
        self, call_id: str, incoming: Incoming, decision: Decision, origin: Call | None, *, is_internal: bool,
        common_id: str | None = None,
    ) -> Call:  # fmt: skip
        request = incoming.request
        ports = self._ports
        now = ports.wall_clock()
        account, dialled, user_id = decision.account, decision.dialled, decision.user_id
        account_id, domain = (
            (None, self._router.accounts.home_domain()) if account is None else (account.id, account.domain)
        )
        identity = Identity(decision.direction, account_id, user_id, domain)
        call = (OwnCall if user_id == NODE_USER else Call)(ports, call_id, identity, now)
        if decision.direction == "out" and account is not None:
            aor = f"sip:{account.username}@{account.domain}"
            vouch(request, aor, is_anonymous=request.from_uri.is_anonymous)
        caller = call.caller = Caller(call, request.call_id, f"{call.id}.0", now)
        caller.invite = request
        caller.flow = incoming.flow
        caller.source = incoming.flow.remote[0]
        if is_internal:
            source, loops, owner = read_source(request.headers.get(SOURCE_HEADER) or "")
            caller.source, call.loops = source or caller.source, loops
            caller.is_neighbour = owner not in (None, user_id)
        caller.is_phone = decision.direction == "out"
        if decision.provider is not None:
            caller.provider = decision.provider.user_id, decision.provider.name
        if "+sip.instance" in (request.headers.first_line("contact") or ""):
            caller.instance = request.contacts[0].param("+sip.instance")
        caller.transaction = incoming.open(caller, caller.local_tag)
        if isinstance(caller.transaction, ServerInvite):
            caller.transaction.promise_nothing()
        call.from_text = str(request.from_uri)
        call.to_text, call.dialled_user = request.uri_text, dialled.user or ""
        if decision.number is not None and decision.number != dialled.user:
            call.to_text, call.dialled_user = str(dialled.replace(user=decision.number)), decision.number
        read_sender(call, request, decision.provider, account if decision.direction == "out" else None)
        call.max_forwards = (request.max_forwards or 70) - 1 if request.max_forwards is not None else 70
        if seconds := _expires_in(request):
            call.arm(EXPIRES, seconds)
        if origin is not None:
            self._table.link(call, origin)
        else:
            call.linked_id = common_id
        self._table.add(call)
        self._table.tally.begin(identity, is_part=call.is_part)
        self._table.remember(caller)
        return call

    def _call_without_script(self, call: Call, decision: Decision, incoming: Incoming) -> None:
        """Ring the phones of a local account: without a dialplan nobody else can be called."""
        callee = account = decision.account
        if decision.direction == "out":
            dialled = decision.dialled
            domain = self._router.accounts.served_domain(dialled.host, dialled.port)
            found = self._router.find(dialled.user or "", domain) if domain is not None else None
            if found is None:
                call.reject(Outcome(404, "Not Found"))
                refusal = unknown_user(dialled.user or "", domain or dialled.host)
                self._ports.stack.pipeline.refused(incoming, refusal)
                return
            callee, destinations = found, self._finder.of_account(call, found)
        else:
            destinations = [] if account is None else self._finder.rung(account)
        if destinations:
            call.hunt = hunt = Hunt(call, (), self._ports.settings.ring)
            hunt.start(destinations)
        else:
            is_quiet = callee is not None and callee.do_not_disturb
            call.reject(Outcome(480, "Do Not Disturb" if is_quiet else "Not Registered"))

    def are_runs_behind(self, user_id: int) -> bool:
        """Return whether the next run of a user waits for too long."""
        return self.scripts is not None and self.scripts.is_behind(user_id)


def _expires_in(invite: Request) -> int:
    """Return in how many seconds an INVITE is to be answered (RFC 3261 §13.3.1); 0, which nobody can mean, if ever."""
    return (invite.expires or 0) if "expires" in invite.headers.index() else 0

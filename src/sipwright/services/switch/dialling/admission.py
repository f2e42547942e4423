"""Which requests are looked at, and which INVITEs become calls (RFC 3261 §8.2.2, §16.3, §21.5.4)."""

from __future__ import annotations

from collections.abc import Callable

from sipwright.services.ports import ProviderView
from sipwright.services.refusals import unknown_scheme
from sipwright.sip import Reject, Request
from sipwright.sip.dialog import contact_uri
from sipwright.sip.session_timer import is_too_short
from sipwright.stack import Incoming, Stack

from ..call.call import Call
from ..call.ports import CallPorts
from ..call.table import CallTable
from ..model.relayed_headers import REQUIRES, unknown_extensions
from .call_limits import RETRY_AFTER, CallLimits
from .router import Decision

__all__ = ["Admission", "look_at", "refuse_unknown"]

_OF_SIP = ("sip:", "sips:")


def refuse_unknown(incoming: Incoming) -> bool:
    """Refuse, for every method, a request that wants an extension or a scheme that nobody here knows.

    Not an ACK, nor a CANCEL, which have to be taken (RFC 3261 §8.2.2.1, §8.2.2.3); REGISTER has extensions of its own.

    Raises:
        Reject: 416 or 420.
    """
    request = incoming.request
    index = request.headers.index()
    is_plain = "require" not in index and "proxy-require" not in index
    if is_plain and request.uri_text.startswith(_OF_SIP):
        return False  # as nearly always
    method = request.method
    if method in ("ACK", "CANCEL"):
        return False
    if "proxy-require" in index or ("require" in index and method != "REGISTER"):
        unknown = unknown_extensions(request, ("proxy-require",) if method == "REGISTER" else REQUIRES)
        if method == "SUBSCRIBE":
            unknown = [tag for tag in unknown if tag.lower() != "eventlist"]  # RFC 4662
        if unknown:
            raise _unsupported(unknown)
    if not request.uri_text.startswith(_OF_SIP) and not request.request_uri.is_sip:
        raise unknown_scheme(request.uri_text)
    return False


def _unsupported(unknown: list[str]) -> Reject:
    names = ", ".join(unknown)
    return Reject(
        420, None, (("Unsupported", names),), why=f"{names} is required, and not known here; do without it"
    )


def look_at(stack: Stack, request: Request) -> None:
    """Let an INVITE pass that a call can be made of.

    Raises:
        Reject: None can: 400, 420, 482, 483.
    """
    max_forwards = request.max_forwards
    if max_forwards is not None and max_forwards <= 0:
        raise Reject(483)
    index = request.headers.index()
    if ("require" in index or "proxy-require" in index) and (unknown := unknown_extensions(request)):
        raise _unsupported(unknown)
    if _is_looped(stack, request):
        raise Reject(482)
    # A peer of RFC 2543 may have neither tag nor Contact: it is where its From or its Record-Route says.
    if contact_uri(request) is None and not (request.from_tag is None and "contact" not in index):
        raise Reject(400, "INVITE Without Contact")
    if "record-route" in index:
        _ = request.record_route  # read now, because when the call is answered it is too late for a 400


def _is_looped(stack: Stack, request: Request) -> bool:
    """Return whether a request is one of ours, still open, that came back unchanged (RFC 3261 §16.3 step 4)."""
    for via in request.vias:
        own = None if via.branch is None else stack.layer.find_client(via.branch, request.method)
        if own is not None and stack.addresses.is_own(via.host, via.port):
            return own.request.uri_text == request.uri_text
    return False


class Admission:
    """Decides whether there may be another call, before a row or a run is made for it.

    Attributes:
        limits: What one account, and one stranger, may have.
        why_no_run: Says why a user may start no other run of a dialplan; None if that is not so.
    """

    __slots__ = ("_are_runs_behind", "_ports", "_table", "limits", "why_no_run")

    def __init__(
        self,
        ports: CallPorts[Call],
        table: CallTable,
        limits: CallLimits,
        are_runs_behind: Callable[[int], bool],
        why_no_run: Callable[[int, str], str | None],
    ) -> None:
        self._ports = ports
        self._table = table
        self._are_runs_behind = are_runs_behind
        self.limits = limits
        self.why_no_run = why_no_run

    def look_at_session(self, request: Request) -> None:
        """Look at what an INVITE wants of the session timer.

        Raises:
            Reject: 422, as it is to be refreshed too often (RFC 4028 §9), or 420, as there are no session timers here.
        """
        index, settings = request.headers.index(), self._ports.settings
        if not settings.session_expires:
            if "require" in index and "timer" in (tag.lower() for tag in request.headers.get_list("require")):
                raise _unsupported(["timer"])
        elif "session-expires" in index and is_too_short(request, settings.min_se):
            raise Reject(422, None, (("Min-SE", str(settings.min_se)),))

    def admit_another(self) -> None:
        """Let the switch have another call.

        Raises:
            Reject: It has as many as it may.
        """
        carried = len(self._table.calls)
        if carried >= self._ports.settings.max_calls:
            why = f"the switch carries {carried} calls, which is all that it may"
            raise Reject(503, "Too Many Calls", RETRY_AFTER, why=why, is_limit=True)

    def admit(self, decision: Decision, incoming: Incoming) -> str:
        """Let an account have another call, and a stranger begin one; returns the id that the call is to have.

        Raises:
            Reject: There are too many, or others wait for too long already; never for an emergency.
        """
        account, ports = decision.account, self._ports
        call_id = ports.token()
        if ports.settings.is_emergency(decision.direction, decision.dialled.user or ""):
            return call_id
        self.admit_another()
        if decision.dialplan_id is not None and (
            why := self.why_no_run(decision.user_id, decision.direction)
        ):
            raise Reject(480, "Too Many Runs Of Dialplans", why=why, is_limit=True)
        if incoming.flow.protocol != "loop":
            if self._is_behind(decision):
                incoming.open()  # so that a copy, which may wait as well, is no call when there is room again
                why = "calls wait for too long: more come in than can be handled, and those from outside go first"
                raise Reject(503, "Too Busy", RETRY_AFTER, why=why, is_limit=True)
            if account is not None:
                of_account = self._table.of_account(account.id, decision.direction)
                self.limits.admit(of_account, ports.own_limits.most_calls(account.id))
            if decision.provider is not None:
                self._admit_by(decision.provider)
            if decision.direction == "in":
                taker = decision.dialplan_id if account is None else (account.id,)
                source = incoming.flow.remote[0]
                begun_at = None if decision.dialplan_id is None else ports.clock()
                self.limits.admit_stranger(
                    call_id, decision.user_id, taker, source, incoming.request, begun_at
                )
        return call_id

    def _admit_by(self, provider: ProviderView) -> None:
        name = provider.user_id, provider.name
        most = self._ports.own_limits.most_carried(name)
        if (carried := self._ports.carried(name)) >= most:
            why = f"{carried} calls go by {provider.name}; 'sipwright provider set --calls' is the limit"
            raise Reject(503, "Too Many Calls Of This Provider", RETRY_AFTER, why=why, is_limit=True)

    def _is_behind(self, decision: Decision) -> bool:
        """Return whether calls wait for so long that another one is better off elsewhere, or later."""
        backlog = self._ports.stack.backlog
        is_from_outside = decision.direction == "in" and decision.provider is None
        if backlog.is_too_long or (is_from_outside and backlog.is_long):
            return True
        return decision.dialplan_id is not None and self._are_runs_behind(decision.user_id)

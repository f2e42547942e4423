"""Which requests are looked at, and which INVITEs become calls (RFC 3261 §8.2.2, §16.3, §21.5.4).

How many calls one stranger may have, and how many an account, so that nobody silences a tenant, is asked before a
call, its run or any row is made. A call that spirals comes back by a provider with another Call-ID and other tags;
what it keeps is who calls whom, and so that is counted too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

from sipwright.memo import Bounded
from sipwright.services.ports import ProviderView
from sipwright.services.refusals import unknown_scheme
from sipwright.sip import Reject, Request
from sipwright.sip.dialog import contact_uri
from sipwright.sip.session_timer import is_too_short
from sipwright.stack import Incoming, Stack
from sipwright.transport.networks import network_of

from ..call.call import Call
from ..call.ports import CallPorts
from ..call.table import CallTable
from ..model.call_state import SETTING_UP
from ..model.relayed import REQUIRES, unknown_extensions
from .router import Decision

__all__ = ["RETRY_AFTER", "Admission", "CallLimits", "MostFrom", "Share", "look_at", "refuse_unknown"]

_OF_SIP = ("sip:", "sips:")

MOST_ALIKE = 10
"""Calls from one caller to one account that are dialling somebody outside at the same time."""
RETRY_AFTER = (("Retry-After", "10"),)

MINUTE = 60.0


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
        raise Reject(400, "INVITE Without SIP Contact")
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
                self.limits.admit(of_account, account.most_calls)
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
        if (carried := self._ports.table.carried(name)) >= most:
            why = f"{carried} calls go by {provider.name}; 'sipwright provider set --calls' is the limit"
            raise Reject(503, "Too Many Calls Of This Provider", RETRY_AFTER, why=why, is_limit=True)

    def _is_behind(self, decision: Decision) -> bool:
        """Return whether calls wait for so long that another one is better off elsewhere, or later."""
        backlog = self._ports.stack.backlog
        is_from_outside = decision.direction == "in" and decision.provider is None
        if backlog.is_too_long or (is_from_outside and backlog.is_long):
            return True
        return decision.dialplan_id is not None and self._are_runs_behind(decision.user_id)


class Share(NamedTuple):
    """What one address may have of a user's.

    `at_once` are its calls that ring, or whose dialplan goes on; `in_a_minute` are those that begin with a dialplan.
    """

    at_once: int
    in_a_minute: int


MostFrom = Callable[[int, str], Share]
"""Gives what an address may have of a user's."""


class _FromSource:
    """The calls from one place to one user, and how many of them have begun a dialplan since when."""

    __slots__ = ("begun", "ids", "since")

    def __init__(self, now: float) -> None:
        self.ids: list[str] = []
        self.begun = 0
        self.since = now


class _Alike:
    """The calls from one caller to one account; those that ring no more are left out when there are twice as many."""

    __slots__ = ("ids", "limit")

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.limit = 2 * MOST_ALIKE


class CallLimits:
    """The calls from outside that are not answered yet, by where they come from and by whom they are for.

    `runs_on` says whether a run of a dialplan, named by its id, goes on.
    """

    __slots__ = ("_alike", "_calls", "_from_source", "_most_from", "_per_account", "_runs_on")

    def __init__(
        self, calls: Mapping[str, Call], per_account: int, most_from: MostFrom, runs_on: Callable[[str], bool] = bool
    ) -> None:  # fmt: skip
        self._calls = calls
        self._per_account = per_account
        self._most_from = most_from
        self._runs_on = runs_on
        self._alike: Bounded[Hashable, _Alike] = Bounded()
        self._from_source: Bounded[Hashable, _FromSource] = Bounded()

    def admit(self, of_account: int, own_limit: int | None = None) -> None:
        """Let an account have another call, which has `of_account` in progress.

        Raises:
            Reject: It has as many as it may.
        """
        if of_account >= (self._per_account if own_limit is None else own_limit):
            limit = "[sip] calls_per_account" if own_limit is None else "'sipwright account set --calls'"
            why = f"the account has {of_account} calls in progress; {limit} is the limit"
            raise Reject(503, "Too Many Calls Of This Account", RETRY_AFTER, why=why, is_limit=True)

    def admit_stranger(
        self, call_id: str, user_id: int, taker: Hashable, source: str, request: Request, begun_at: float | None = None,
    ) -> None:  # fmt: skip
        """Let somebody outside have another call ringing, and count it under the id that it will have.

        `taker` is the account, or the dialplan, that the call is for; `begun_at` is when it begins a run, if it does.

        Raises:
            Reject: As many ring as may, or have begun a dialplan in this minute.
        """
        key = taker, request.from_uri.user
        alike = self._alike.get(key)
        if alike is None:
            alike = _Alike()
            self._alike.keep(key, alike)
        elif len(alike.ids) >= MOST_ALIKE and self._is_spiral(alike):
            why = f"{MOST_ALIKE} calls of this caller are being forwarded already; look for a loop at the provider"
            raise Reject(482, "Loop Detected", why=why)
        share, place = self._most_from(user_id, source), (user_id, network_of(source))
        counted = self._from_source.get(place)
        if counted is None:
            counted = _FromSource(begun_at or 0.0)
            self._from_source.keep(place, counted)
        self._look_at_once(counted.ids, share.at_once)
        if begun_at is not None:
            _count_begun(counted, share.in_a_minute, begun_at)
        alike.ids.append(call_id)
        counted.ids.append(call_id)

    def _look_at_once(self, ids: list[str], most: int) -> None:
        """Let one more call be counted from a place.

        Raises:
            Reject: As many of them ring, or have a dialplan that goes on, as may.
        """
        if len(ids) >= most:
            ids[:] = filter(self._holds, ids)
        if len(ids) >= most:
            raise _too_many("ring already, or have a dialplan that goes on")

    def _holds(self, call_id: str) -> bool:
        """Return whether a call has something of its user's that others may want."""
        call = self._calls.get(call_id)
        if call is None:
            return False
        return call.state is SETTING_UP or (
            call.script is not None and self._runs_on(call.script.execution_id)
        )

    def _is_spiral(self, alike: _Alike) -> bool:
        """Return whether as many ring as may that all go out; the newest first, as one that does not says enough."""
        while alike.ids and not self._rings(alike.ids[-1]):
            alike.ids.pop()
        if len(alike.ids) >= alike.limit:
            alike.ids[:] = filter(self._rings, alike.ids)
            alike.limit = 2 * max(len(alike.ids), MOST_ALIKE)
        ringing = 0
        for call_id in reversed(alike.ids):
            if self._rings(call_id):
                if not self._goes_out(call_id):
                    return False
                ringing += 1
        return ringing >= MOST_ALIKE

    def _rings(self, call_id: str) -> bool:
        call = self._calls.get(call_id)
        return call is not None and call.state is SETTING_UP

    def _goes_out(self, call_id: str) -> bool:
        """Return whether a call is dialling somebody who is no phone of ours, as each turn of a spiral does."""
        return any(not leg.is_phone for leg in self._calls[call_id].legs)


def _count_begun(counted: _FromSource, most: int, now: float) -> None:
    if not 0 <= now - counted.since < MINUTE:
        counted.begun, counted.since = 0, now
    if counted.begun >= most:
        raise _too_many("have begun within a minute")
    counted.begun += 1


def _too_many(what: str) -> Reject:
    why = f"as many calls as one address may have, a tenth of the runs of the tenant, {what}"
    return Reject(503, "Too Many Calls From Your Address", RETRY_AFTER, why=why, is_limit=True)

"""How many calls one stranger may have, and how many an account may have, so that nobody silences a tenant.

It is asked before a call, its run or any row is made.  A call that spirals comes back by a provider with another
Call-ID and other tags; what it keeps is who calls whom, and so that is counted too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple

from sipwright.memo import Bounded
from sipwright.sip import Reject, Request
from sipwright.transport.networks import network_of

from ..call.call import Call
from ..model.call_state import SETTING_UP

__all__ = ["RETRY_AFTER", "CallLimits", "MostFrom", "Share"]

MOST_ALIKE = 10
"""Calls from one caller to one account that are dialling somebody outside at the same time."""
RETRY_AFTER = (("Retry-After", "10"),)

MINUTE = 60.0


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

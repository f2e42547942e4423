"""How many calls one stranger may have ringing, and how many an account may have, so that nobody silences a tenant.

It is asked before a call, its run or any row is made.  A call that spirals comes back by a provider with another
Call-ID and other tags; what it keeps is who calls whom, and so that is counted too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from sipwright.memo import Bounded
from sipwright.sip import Reject, Request
from sipwright.transport.networks import network_of

from ..call.call import Call
from ..model.call_state import SETTING_UP

__all__ = ["RETRY_AFTER", "CallLimits", "MostFrom"]

MOST_ALIKE = 10
"""Calls from one caller to one account that are dialling somebody outside at the same time."""
RETRY_AFTER = (("Retry-After", "10"),)

MostFrom = Callable[[int, str], int]
"""Gives how many calls to a user may ring at once that come from one address."""


class _Alike:
    """The calls from one caller to one account; those that ring no more are left out when there are twice as many."""

    __slots__ = ("ids", "limit")

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.limit = 2 * MOST_ALIKE


class CallLimits:
    """The ringing calls from outside, by where they come from and by whom they are for."""

    __slots__ = ("_alike", "_calls", "_from_source", "_most_from", "_per_account")

    def __init__(self, calls: Mapping[str, Call], per_account: int, most_from: MostFrom) -> None:
        self._calls = calls
        self._per_account = per_account
        self._most_from = most_from
        self._alike: Bounded[Hashable, _Alike] = Bounded()
        self._from_source: Bounded[Hashable, list[str]] = Bounded()

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
        self, call_id: str, user_id: int, taker: Hashable, source: str, request: Request
    ) -> None:
        """Let somebody outside have another call ringing, and count it under the id that it will have.

        `taker` is the account, or the dialplan, that the call is for.

        Raises:
            Reject: As many ring as may.
        """
        key = taker, request.from_uri.user
        alike = self._alike.get(key)
        if alike is None:
            alike = _Alike()
            self._alike.keep(key, alike)
        elif len(alike.ids) >= MOST_ALIKE and self._is_spiral(alike):
            why = f"{MOST_ALIKE} calls of this caller are being forwarded already; look for a loop at the provider"
            raise Reject(482, "Loop Detected", why=why)
        from_source = self._ids_from((user_id, network_of(source)), self._most_from(user_id, source))
        alike.ids.append(call_id)
        from_source.append(call_id)

    def _ids_from(self, place: tuple[int, str], most: int) -> list[str]:
        """Return the calls that were counted from a place to a user.

        Raises:
            Reject: As many of them ring as may.
        """
        ids = self._from_source.get(place)
        if ids is None:
            ids = []
            self._from_source.keep(place, ids)
        elif len(ids) >= most:
            ids[:] = filter(self._rings, ids)
        if len(ids) >= most:
            why = "as many calls as one address may have ringing, a tenth of the runs of the tenant, ring already"
            raise Reject(503, "Too Many Calls From Your Address", RETRY_AFTER, why=why, is_limit=True)
        return ids

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

"""How long a call may last: by its dialplan, its owner, its providers, the switch."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from ..model.identity import Identity
from ..model.leg_state import LegState
from .bridge import Bridge
from .callee import Callee
from .ports import CallPorts

__all__ = ["LIMIT", "LastingCall"]

LIMIT = "limit"
"""The timer that runs until a call has lasted for as long as it may."""


class LastingCall(Bridge):
    """A call, as far as its time is concerned.

    Its timer `LIMIT` ends it; `limit` is what its dialplan has allowed, and `dialled_user` whom its caller has dialled.
    """

    __slots__ = ("dialled_user", "identity", "limit")

    def __init__(self, ports: CallPorts[Any], call_id: str, identity: Identity) -> None:
        super().__init__(ports, call_id)
        self.identity = identity
        self.limit: float | None = None
        self.dialled_user = ""

    @property
    def is_emergency(self) -> bool:
        """Whether somebody of ours has dialled an emergency number."""
        return self.ports.settings.is_emergency(self.identity.direction, self.dialled_user)

    def limit_duration(self, leg: Callee) -> None:
        """Let the time run that a call with this leg may last; a dialplan can only make it shorter."""
        limit = min(leg.destination.options.limit or inf, self.limit or inf, self.longest)
        if limit < inf:
            self.arm(LIMIT, limit)

    @property
    def longest(self) -> float:
        """For how many seconds this call may last with the ends that it has, whatever its dialplan says."""
        ends, ports = (self.caller, *self.legs), self.ports
        if self.is_emergency:
            return ports.settings.longest_call or inf
        providers = [
            leg.provider for leg in ends if leg.provider is not None and leg.state is LegState.ANSWERED
        ]
        own = ports.own_limits.longest_call(self.identity.user_id, providers)
        return min(own, ports.settings.longest_call or inf)

    def end_within(self, limits: Iterable[float | None]) -> None:
        """Let a call that talks end no later than each of these says, in seconds from now."""
        given = [limit for limit in limits if limit is not None]
        deadline = self.timers.get(LIMIT)
        if given and (deadline is None or self.ports.wall_clock() + min(given) < deadline):
            self.arm(LIMIT, min(given))

    @property
    def time_left(self) -> float | None:
        """For how many seconds the call may go on, if that is limited."""
        deadline = self.timers.get(LIMIT)
        return None if deadline is None else max(deadline - self.ports.wall_clock(), 0.001)

"""The legs of a call, and which two of them are joined."""

from __future__ import annotations

from ..model.leg_state import LegState
from .callee import Callee
from .caller import Caller
from .entity import Entity
from .leg import Leg
from .process import Originator

__all__ = ["Bridge"]


class Bridge(Entity):
    """What a call has of legs: its `caller`, the `legs` that were tried, and the one of them that answered, its `peer`.

    `near` is the end that the peer is joined with when that is not the caller, after a transfer. In a call that nobody
    has called us for, an `originator` stands for the caller.
    """

    __slots__ = ("caller", "legs", "near", "originator", "peer")

    caller: Caller
    legs: list[Callee]
    peer: Callee | None
    near: Leg | None
    originator: Originator | None

    def ends(self) -> tuple[Leg, ...]:
        """Return the ends of the call as it stands: the caller, and whoever answered."""
        if self.originator is not None:
            return self.originator.ends()
        near = self.near or self.caller
        return (near,) if self.peer is None else (near, self.peer)

    def other(self, leg: Leg) -> Leg | None:
        """Return the end that `leg` is joined with; nobody for one that a transfer has parted from it."""
        near = self.near
        if near is None:
            if self.originator is not None:
                return self.originator.other(leg)
            return self.peer if leg is self.caller else self.caller
        return self.peer if leg is near else near if leg is self.peer else None

    def early_callee(self) -> Callee | None:
        """Return the one leg that the caller talks to before the answer, if that can be told."""
        ringing = [leg for leg in self.legs if leg.state is LegState.RINGING]
        return ringing[0] if len(ringing) == 1 else None

    def transferred(self, remaining: Leg, joined: Callee) -> None:
        """Join one end with a leg that has come from another call; the third one has left, or will."""
        self.near, self.peer = remaining, joined
        if self.originator is not None:
            self.originator.transferred(remaining)
        self.changed()

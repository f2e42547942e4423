"""The legs of a call, and which two of them are joined."""

from __future__ import annotations

from typing import Any

from sipwright.sip import Request, Response

from ..model.leg_state import RINGING
from ..model.relayed import relayed_body
from .callee import MOST_EARLY, Callee
from .caller import Caller
from .entity import Entity
from .leg import Leg
from .ports import CallPorts
from .process import Originator

__all__ = ["Bridge"]


class Bridge(Entity):
    """What a call has of legs: its `caller`, the `legs` that were tried, and the one of them that answered, its `peer`.

    `near` is the end that the peer is joined with when that is not the caller, after a transfer. In a call that nobody
    has called us for, an `originator` stands for the caller. Before the answer `early_leg` is the number of the leg
    whose media the caller hears, and `early_tag` the To tag of that early dialog. `held` are the legs that hold the
    other end.
    """

    __slots__ = ("caller", "early_leg", "early_tag", "held", "legs", "near", "originator", "peer")

    ports: CallPorts[Any]
    caller: Caller
    legs: list[Callee]
    peer: Callee | None
    near: Leg | None
    originator: Originator | None
    early_leg: int | None
    early_tag: str | None
    held: tuple[int, ...]

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
        if self.early_leg is not None and (heard := self.legs[self.early_leg - 1]).state is RINGING:
            return heard
        ringing = [leg for leg in self.legs if leg.state is RINGING]
        return ringing[0] if len(ringing) == 1 else None

    # The early dialogs: each of the far side is one of its own for the caller (RFC 3261 §12.1, §13.2.2.4).

    def hear(self, leg: Callee, tag: str, *, has_media: bool) -> None:
        """Answer the caller as a leg does that said something under that tag.

        An offer has one answer in each early dialog (RFC 3264 §4). So what has other media than the caller was told
        of, or comes when their leg is over, has a To tag of its own.
        """
        leg.turn_to(tag)
        number = leg.index
        is_other = self.early_leg is not None and (self.early_leg, self.early_tag or tag) != (number, tag)
        if is_other or (number, tag) in self.caller.tags:  # who was heard before is heard under the same tag
            self._take_tag(number, tag)
        if is_other:
            self.early_leg = self.early_tag = None
        if has_media:
            self.early_leg, self.early_tag = number, tag
            self.caller.tags = {**self.caller.tags, (number, tag): self.caller.local_tag}
        self.changed()

    def _take_tag(self, number: int, tag: str) -> None:
        caller, legs = self.caller, self.ports.legs
        local = caller.tags.get((number, tag))
        if local is None:
            if len(caller.tags) >= MOST_EARLY:
                return
            local = self.ports.token()
            caller.tags = {**caller.tags, (number, tag): local}
            legs[local] = caller
        caller.turn_to(local)

    def turn_to(self, leg: Leg, request: Request) -> None:
        """Let both ends go on in the early dialog that a request has come in."""
        caller = self.caller
        if leg is caller:
            local = request.to_tag or ""
            for (number, tag), known in caller.tags.items():
                if known == local:
                    self.early_leg, self.early_tag = number, tag
                    self.legs[number - 1].turn_to(tag)
            caller.turn_to(local)
        elif isinstance(leg, Callee):
            tag = request.from_tag or ""
            leg.turn_to(tag)
            known_as = caller.tags.get((leg.index, tag))
            if known_as is not None:
                self.early_leg, self.early_tag = leg.index, tag
                caller.turn_to(known_as)

    def forget_early(self) -> None:
        """Forget the early dialogs but the one that the caller was answered in (RFC 3261 §13.2.2.4)."""
        caller, legs = self.caller, self.ports.legs
        for local in caller.tags.values():
            if local != caller.local_tag and legs.get(local) is caller:
                del legs[local]
        caller.tags, caller.early = {}, {}

    def rejoin(self, remaining: Leg, joined: Callee) -> None:
        """Join one end with a leg that has come from another call; the third one has left, or will."""
        self.near, self.peer, self.held = remaining, joined, ()
        if self.originator is not None:
            self.originator.rejoined(remaining)
        self.changed()

    def holds(self, leg: Leg, is_held: bool) -> None:
        """Note that one end holds the other, as its last offer says, or does so no more (RFC 3264 §8.4)."""
        others = tuple(number for number in self.held if number != leg.index)
        self.held = (*others, leg.index) if is_held else others

    def body_for(self, message: Request | Response, sender: Leg, receiver: Leg) -> bytes:
        """Return the body as the other end is to see it: SYSTEM "Direct media"."""
        body = message.body
        if not body:
            return body
        callee = receiver if isinstance(receiver, Callee) else sender
        if not isinstance(callee, Callee) or callee.destination.options.mangle is not False:
            settings = self.ports.settings
            body, _replaced = relayed_body(
                message, sender.source, receiver.source, settings.public_address, settings.seen_at
            )
        return body if self.originator is None else self.originator.adapted(body, receiver)

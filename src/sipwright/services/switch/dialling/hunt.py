"""Trying legs until one answers: what one `dial()` does (dial strings: docs/dialplans.md).

A hunt has groups. The legs of a group ring at once; when all of a group failed, the next group is tried; the
first 2xx wins. A leg may wait before it starts; when everyone else in its group has failed it starts at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sipwright.sip import ParseError, Request, Response, Uri
from sipwright.sip.transaction import ClientInvite
from sipwright.stack import LARGEST_OVER_UDP
from sipwright.transport import Flow, Target

from ..call.call import Call
from ..call.callee import Callee
from ..model.destination import Destination
from ..model.leg_state import LegState
from ..model.outcome import LegResult, Outcome, best
from ..model.relayed_headers import explaining_headers, relayed_lines
from .invite import make_invite

__all__ = ["Hunt"]

MAX_REDIRECTS = 5
"""How many times one leg is followed to another Contact (RFC 3261 §8.1.3.4)."""

NO_ANSWER = Outcome(408, "No Answer")


class Hunt:
    """One `dial()` in progress."""

    __slots__ = ("call", "first", "groups", "headers", "ring")

    timers = ("ring", "delay")

    def __init__(
        self, call: Call, groups: Sequence[list[str]], ring: float, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.call = call
        self.groups = groups
        self.ring = ring
        self.headers = headers
        self.first = len(call.legs) + 1

    def to_state(self) -> dict[str, Any]:
        """Return what another process needs to go on."""
        return {"groups": self.groups, "ring": self.ring, "headers": self.headers, "first": self.first}

    @classmethod
    def from_state(cls, call: Call, state: dict[str, Any]) -> Hunt:
        """Make it again: its legs are in the call."""
        headers = [(name, value) for name, value in state["headers"]]
        hunt = cls(call, state["groups"], state["ring"], headers)
        hunt.first = state["first"]
        return hunt

    def start(self, destinations: list[Destination] | None = None) -> None:
        """Ring the first group: `destinations` when they are known already, else the first of `groups`."""
        if destinations is not None:
            self._ring(destinations)
        else:
            self._next_group()

    def legs(self) -> list[Callee]:
        """Return the legs that this hunt has tried so far."""
        return self.call.legs[self.first - 1 :]

    def results(self) -> list[LegResult]:
        """Return what became of each leg."""
        results = []
        for leg in self.legs():
            outcome = leg.outcome or NO_ANSWER
            duration = (leg.ended_at or leg.started_at) - leg.started_at
            destination = leg.destination
            results.append(
                LegResult(
                    destination.target, outcome.status, outcome.reason, duration, destination.redirect_to
                )
            )
        return results

    # What happens.

    def responded(self, leg: Callee, response: Response) -> None:
        """Take a response other than 2xx of a leg that may still answer."""
        status = response.status
        if status == 100:
            return
        if status < 200:
            self._ringing(leg, response)
        elif (status in (401, 407) and self._authenticate(leg, response)) or (
            300 <= status < 400 and self._follow(leg, response)
        ):
            return
        else:
            self.failed(leg, Outcome(status, response.reason, explaining_headers(response)))

    def timer(self, name: str) -> None:
        """Take the ring time, or the delay of a leg."""
        if name == "ring":
            for leg in self.legs():
                if leg.is_open:
                    leg.cancel(NO_ANSWER)
            self._group_failed()
        elif name.startswith("delay "):
            leg = self.call.legs[int(name[6:]) - 1]
            if leg.state is LegState.WAITING:
                self.launch(leg)

    # One group.

    def _next_group(self) -> None:
        while self.groups:
            group, self.groups = self.groups[0], self.groups[1:]
            destinations = [
                found for text in group for found in self.call.ports.destinations(self.call, text)
            ]
            if destinations:
                self._ring(destinations)
                return
        self._over()

    def _ring(self, destinations: list[Destination]) -> None:
        call = self.call
        room = call.ports.settings.max_legs - len(call.legs)
        call.changed()
        call.arm("ring", self.ring)
        legs = [self._add(destination) for destination in destinations[:room]]
        has_waiting = False
        for leg in legs:
            destination = leg.destination
            if self.headers:
                own = {name.lower() for name, _ in destination.headers}
                added = (pair for pair in self.headers if pair[0].lower() not in own)
                destination.headers = (*destination.headers, *added)
            if destination.delay > 0:
                has_waiting, leg.state = True, LegState.WAITING
                call.arm(f"delay {leg.index}", destination.delay)
        for leg in legs:
            if leg.state is LegState.CALLING:
                self.launch(leg)
        if has_waiting:
            self._start_waiting_if_alone()
        if not legs:
            self._group_failed()

    def _add(self, destination: Destination) -> Callee:
        call = self.call
        index = len(call.legs) + 1
        token = call.ports.token()
        leg = Callee(call, index, token, f"{call.id}.{index}", call.ports.wall_clock(), destination)
        leg.instance = destination.instance
        call.legs.append(leg)
        call.ports.remember(leg)
        return leg

    def failed(self, leg: Callee, outcome: Outcome, by: str = "callee") -> None:
        """Note that a leg failed, `by` whose doing; the others of its group may still answer."""
        leg.state = LegState.ENDED
        leg.end(outcome, self.call.ports.wall_clock(), by)
        self.call.changed()
        if outcome.status >= 600:  # nobody else is to ring either (RFC 3261 §16.7 step 5)
            self.call.cancel_open_legs(outcome)
            self.groups = ()
        if any(other.is_open for other in self.legs()):
            self._start_waiting_if_alone()
        else:
            self._group_failed()

    def _start_waiting_if_alone(self) -> None:
        waiting = [leg for leg in self.legs() if leg.state is LegState.WAITING]
        if waiting and len(waiting) == sum(leg.is_open for leg in self.legs()):
            for leg in waiting:
                self.launch(leg)

    def _group_failed(self) -> None:
        self.call.disarm("ring")
        if self.groups:
            self._next_group()
        else:
            self._over()

    def _over(self) -> None:
        outcomes = [leg.outcome for leg in self.legs() if leg.outcome is not None]
        self.call.nobody_answered(best(outcomes))

    # One leg.

    def launch(self, leg: Callee) -> None:
        """Start a leg, now or when its delay is over."""
        leg.state = LegState.CALLING
        if leg.destination.delay:
            self.call.disarm(f"delay {leg.index}")
        flow = self.call.ports.routes.to_phone(leg.destination)
        if flow is not None:
            self._reached(leg, None, flow)
        else:
            self._reach(leg)

    def _reach(self, leg: Callee) -> None:
        is_now = True

        def reached(target: Target | None, flow: Flow | None) -> None:
            self._reached(leg, target, flow)
            if not is_now:  # after a look-up, it is an event of its own
                self.call.settle()

        self.call.ports.routes.reach(leg.destination, reached)
        is_now = False

    def _reached(self, leg: Callee, target: Target | None, flow: Flow | None) -> None:
        """Send the INVITE, now that the way to the peer is known."""
        call = self.call
        if call.hunt is not self or not leg.is_open:
            return
        if flow is None:
            self.failed(leg, call.ports.unreachable(call, leg), "switch")
            return
        leg.flow = flow
        leg.source = flow.remote[0]
        leg.invite = make_invite(call, leg)
        if target is not None and target.protocol == "udp" and len(bytes(leg.invite)) > LARGEST_OVER_UDP:
            leg.flow = call.ports.stack.larger_flow(target, flow) or flow
            leg.invite = make_invite(call, leg)
        call.changed()
        call.when_stored(partial(self._send, leg, leg.invite))

    def _send(self, leg: Callee, invite: Request) -> None:
        if leg.is_open and leg.flow is not None and leg.invite is invite:
            leg.transaction = transaction = self.call.ports.stack.start_client(invite, leg.flow, leg)
            if isinstance(transaction, ClientInvite):
                transaction.holds_ack = True

    def _ringing(self, leg: Callee, response: Response) -> None:
        call = self.call
        if leg.rang_at is None:
            leg.rang_at = call.ports.wall_clock()
            leg.state = LegState.RINGING
            if response.to_tag is not None:
                leg.begin_dialog(response)
            call.changed()
        has_media = bool(response.body)
        if has_media:
            if call.early_leg is not None and call.early_leg != leg.index:
                return  # the caller already hears somebody
            call.early_leg = leg.index
        elif call.caller.progress == response.status or call.early_leg not in (None, leg.index):
            return
        body = call.body_for(response, leg, call.caller)
        content_type = response.headers.get("content-type") if body else None
        call.progress(response.status, response.reason, relayed_lines(response), body, content_type)

    def _authenticate(self, leg: Callee, response: Response) -> bool:
        """Answer a provider's challenge, once, with the provider's credentials (RFC 3261 §22.2)."""
        invite, flow = leg.invite, leg.flow
        if leg.has_authenticated or invite is None or flow is None:
            return False
        answer = self.call.ports.credentials.for_leg(leg, invite, response)
        if answer is None:
            return False
        leg.has_authenticated = True
        leg.invite_cseq += 1
        leg.invite = make_invite(self.call, leg, (answer,))
        self.call.changed()
        self.call.when_stored(partial(self._send, leg, leg.invite))
        return True

    def _follow(self, leg: Callee, response: Response) -> bool:
        """Try the Contact of a redirect in place of the leg (RFC 3261 §8.1.3.4)."""
        call, old = self.call, leg.destination
        try:
            contacts = [contact.uri for contact in response.contacts if contact.uri.is_sip]
        except ParseError:
            return False
        if not contacts or old.redirects >= MAX_REDIRECTS or len(call.legs) >= call.ports.settings.max_legs:
            return False
        if old.redirect != "follow":
            old.redirect_to = str(contacts[0])
            return False
        leg.state = LegState.ENDED
        leg.end(Outcome(response.status, response.reason), call.ports.wall_clock(), "callee")
        for uri in contacts[:MAX_REDIRECTS]:
            self.launch(self._add(self._redirected(old, uri)))
        return True

    @staticmethod
    def _redirected(old: Destination, uri: Uri) -> Destination:
        text = str(uri)
        return Destination(
            target=text, uri=text, to=text, limit=old.limit, mangle=old.mangle, from_name=old.from_name,
            from_user=old.from_user, from_host=old.from_host, redirects=old.redirects + 1, transfer=old.transfer,
            headers=old.headers,
        )  # fmt: skip

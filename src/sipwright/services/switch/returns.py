"""Phones on connections that went away and come back: a restart ends every connection, and so do the phones' networks.

Such a phone can only be waited for. It is found again for its calls by what names the device (RFC 5626 §4.1), else
by its Contact, when it registers; or by the next request that it sends inside the dialog. Until then what it is to be
told waits in a `ReconnectingFlow`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sipwright.services.ports import BindingTarget, Locations
from sipwright.sip import ParseError, Uri
from sipwright.stack import ReconnectingFlow
from sipwright.transport import Flow

from .leg import Callee, Destination, Leg

if TYPE_CHECKING:
    from .switch import Switch

__all__ = ["Returns"]

TIME_TO_RETURN = 15.0
"""For how many seconds after a start a call to a phone that is away waits for it."""

LOOK_AGAIN = 0.25


class Returns:
    """The legs whose phones are away, by account."""

    def __init__(self, switch: Switch, locations: Locations) -> None:
        self._switch = switch
        self._locations = locations
        self._away: dict[int, list[Leg]] = {}
        self._lenient_until = 0.0

    def began(self) -> None:
        """Note that this process begins, without any of the connections of the one before."""
        self._lenient_until = self._switch.clock() + TIME_TO_RETURN

    def await_phone(self, destination: Destination, then: Callable[[None, Flow | None], None]) -> None:
        """Call `then` with the flow to a phone that should be there but is not, as soon as it is back.

        Right after a start all phones on connections are away, so they are given some time; later on, none.
        """
        flow = self._lookup(destination)
        if flow is not None or self._switch.clock() >= self._lenient_until:
            then(None, flow)
        else:
            self._switch.call_later(LOOK_AGAIN, partial(self.await_phone, destination, then))

    def _lookup(self, destination: Destination) -> Flow | None:
        if destination.account_id is None:
            return None
        for target in self._locations.targets(destination.account_id, self._switch.clock()):
            is_same = (
                target.instance == destination.instance
                if destination.instance
                else target.uri == destination.uri
            )
            found = self._switch.stack.flow_from_key(target.source) if is_same else None
            if found is not None:
                destination.flow, destination.uri = target.source, target.uri
                return found
        return None

    def usable(self, leg: Leg, flow: Flow) -> Flow:
        """Return `flow`, or what stands for it while its phone is away."""
        if not flow.is_closed or not leg.is_phone:
            return flow
        known = leg.flow
        if isinstance(known, ReconnectingFlow):
            return known
        returning = self._switch.stack.reconnecting_flow(flow.key)
        if returning is None:
            return flow
        leg.flow = returning
        self.expect(leg)
        return returning

    def expect(self, leg: Leg) -> None:
        """Wait for the phone of a leg; a peer that is not a phone is connected to."""
        flow = leg.flow
        if not isinstance(flow, ReconnectingFlow) or not flow.is_lost or leg.is_finished:
            return
        flow.since = self._switch.wall_clock()
        account_id = _account_of(leg)
        if not leg.is_phone or account_id is None:
            self._connect(leg, flow)
        elif not self._find(leg, flow, account_id):
            self._away.setdefault(account_id, []).append(leg)

    def registered(self, account_id: int) -> None:
        """Look whether a phone that has registered is one of those that are away."""
        legs = self._away.pop(account_id, None)
        if legs is None:
            return
        left = [leg for leg in legs if not self._is_back(leg, account_id)]
        if left:
            self._away[account_id] = left

    def came_by(self, leg: Leg, flow: Flow) -> None:
        """Take the flow that a request inside the dialog came by, when the leg's own is gone."""
        known = leg.flow
        if flow is known or known is None or not flow.is_reliable:
            return
        if isinstance(known, ReconnectingFlow):
            if known.is_lost:
                self._resume(leg, known, flow)
        elif known.is_closed:
            leg.flow = flow
            leg.call.changed()

    def _is_back(self, leg: Leg, account_id: int) -> bool:
        flow = leg.flow
        if not isinstance(flow, ReconnectingFlow) or not flow.is_lost or leg.is_finished:
            return True
        return self._find(leg, flow, account_id)

    def _find(self, leg: Leg, flow: ReconnectingFlow, account_id: int) -> bool:
        targets = self._locations.targets(account_id, self._switch.clock())
        for target in _likely(leg, flow, targets):
            found = self._switch.stack.flow_from_key(target.source)
            if found is not None and found.is_reliable and not found.is_closed:
                self._resume(leg, flow, found)
                return True
        return False

    def _connect(self, leg: Leg, flow: ReconnectingFlow) -> None:
        hop = leg.dialog.next_hop() if leg.dialog is not None else _contact(leg)
        try:
            uri = Uri.parse(hop)
        except ParseError:
            return

        def found(_target: object, way: Flow | None) -> None:
            if way is not None and way.is_reliable and flow.is_lost:
                self._resume(leg, flow, way)

        self._switch.stack.reach(uri, found)

    @staticmethod
    def _resume(leg: Leg, flow: ReconnectingFlow, found: Flow) -> None:
        flow.resume(found)
        leg.source = found.remote[0]
        leg.call.changed()
        leg.call.settle()


def _account_of(leg: Leg) -> int | None:
    if isinstance(leg, Callee):
        return leg.destination.account_id
    identity = leg.call.identity
    return identity.account_id if identity.direction == "out" else None


def _contact(leg: Leg) -> str:
    """Return the Contact under which the peer of a leg was known last."""
    if isinstance(leg, Callee):
        return leg.destination.uri
    if leg.dialog is not None:
        return leg.dialog.remote_target
    contacts = leg.invite.contacts if leg.invite is not None else []
    return str(contacts[0].uri) if contacts else ""


def _likely(leg: Leg, flow: Flow, targets: Sequence[BindingTarget]) -> list[BindingTarget]:
    """Choose the bindings that may be those of the leg's phone."""
    if leg.instance is not None:
        return [target for target in targets if target.instance == leg.instance]
    contact = _contact(leg)
    same = [target for target in targets if target.uri == contact]
    if same:
        return same
    # A phone whose Contact names its connection: it is this one if no other could be.
    near = [
        target for target in targets if target.source.rpartition("/")[2].rpartition(":")[0] == flow.remote[0]
    ]
    return near if len(near) == 1 else []

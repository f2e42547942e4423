"""The way to whom nothing was sent yet: to a phone, the flow that it opened; to anyone else, as RFC 3263 says."""

from __future__ import annotations

from collections.abc import Callable

from sipwright.memo import Bounded
from sipwright.services.trust import TrustIn
from sipwright.sip import ParseError, Response, Uri
from sipwright.stack import Stack
from sipwright.stack.failed_servers import AVOID_FOR
from sipwright.transport import Flow, Target

from ..model.destination import Destination
from ..model.patience import Patience
from ..model.stopped import WhyStopped
from .failed_flow import is_connection_elsewhere
from .reconnect import Reconnects
from .ways import is_same_but_port

__all__ = ["DestinationRoutes", "has_no_other"]

MOST_PASSED_OVER = 1_000
"""Proxies that registrars have named and that have failed; beyond that all are forgotten, and tried again."""


def has_no_other(destination: Destination) -> bool:
    """Return False: a phone has one flow."""
    return False


class DestinationRoutes:
    """Finds the way to destinations."""

    __slots__ = ("_next_flow", "_passed_over", "_reconnects", "_stack", "_trust", "_why_stopped")

    def __init__(
        self, stack: Stack, reconnects: Reconnects, trust: TrustIn, why_stopped: WhyStopped,
        next_flow: Callable[[Destination], bool],
    ) -> None:  # fmt: skip
        self._next_flow = next_flow
        self._stack = stack
        self._reconnects = reconnects
        self._trust = trust
        self._why_stopped = why_stopped
        self._passed_over: Bounded[str, float] = Bounded(MOST_PASSED_OVER)

    def to_phone(self, destination: Destination) -> Flow | None:
        """Return the flow to a phone, if the destination is one and it is there now."""
        return None if destination.flow is None else self._stack.flow_from_key(destination.flow)

    def larger(self, destination: Destination, target: Target | None, flow: Flow) -> Flow | None:
        """Return a flow for a new request that is too large for UDP; None where there is no other way."""
        if target is None and destination.flow is not None and not destination.route:
            return self.larger_to_phone(destination.uri, flow)
        if target is None or target.protocol != "udp":
            return None
        return self._stack.outbound.flow_for_large(target, flow)

    def larger_to_phone(self, contact: str, flow: Flow) -> Flow | None:
        """Return a flow over TCP to a phone that has come by UDP, for what is too large for that (RFC 3261 §18.1.1).

        Its Contact has to say that it takes TCP, and where: there, at the address that it has come from. Behind a NAT
        nothing leads to it but what it has opened itself, so large requests go by UDP, in fragments.
        """
        if flow.protocol != "udp" or "!" in flow.key:
            return None
        try:
            uri = Uri.parse(contact)
        except ParseError:
            return None
        if uri.transport != "tcp" or uri.host.strip("[]") != flow.remote[0]:
            return None
        return self._stack.outbound.flow_for_large(Target("tcp", flow.remote[0], uri.used_port), flow)

    def reach(
        self,
        destination: Destination,
        then: Callable[[Target | None, Flow | None], None],
        *,
        is_emergency: bool = False,
    ) -> None:
        """Find the way to a destination; `then` gets `None` when there is none.

        There is none to a provider that is stopped, but in an emergency: it may carry that without credentials.
        """
        flow = self.to_phone(destination)
        if flow is not None:
            then(None, flow)
        elif not is_emergency and self._why_stopped(destination.provider) is not None:
            then(None, None)
        elif destination.flow is not None:
            self._by_path(destination, then)
        elif destination.is_route_named:
            self._by_named_route(destination, then)
        else:
            self._by_uri(destination, then)

    def _by_uri(self, destination: Destination, then: Callable[[Target | None, Flow | None], None]) -> None:
        try:
            uri = Uri.parse(destination.next_hop)
        except ParseError:
            then(None, None)
        else:
            if destination.provider is not None:
                self._stack.outbound.reach_provider(uri, then, self._trust(destination.provider, uri))
            else:
                self._stack.outbound.reach(uri, then)

    def _by_path(self, destination: Destination, then: Callable[[Target | None, Flow | None], None]) -> None:
        """Reach a phone whose connection is gone by the proxy that registered it, or wait for it (RFC 3327 §5.3)."""

        def found(target: Target | None, flow: Flow | None) -> None:
            if flow is None:
                self._reconnects.await_phone(destination, then)
            else:
                then(target, flow)

        try:
            uri = Uri.parse(destination.next_hop) if destination.route else None
        except ParseError:
            uri = None
        if uri is None:
            found(None, None)
        else:
            self._stack.outbound.reach(uri, found)

    def _by_named_route(
        self, destination: Destination, then: Callable[[Target | None, Flow | None], None]
    ) -> None:
        """Reach a provider by the proxy that its registrar has named, or without it where no way leads there.

        What that name led to when it was named says nothing of today: each time it is judged anew whether it is in our
        own network.
        """

        def found(target: Target | None, flow: Flow | None) -> None:
            if flow is None:
                _pass_over(destination)
                self._by_uri(destination, then)
            else:
                then(target, flow)

        hop = destination.next_hop
        if self._passed_over.get(hop, 0.0) > self._stack.clock():
            found(None, None)
            return
        try:
            uri = Uri.parse(hop)
        except ParseError:
            found(None, None)
        else:
            self._stack.outbound.reach(uri, found, trust=self._trust(destination.provider, uri))

    def moves_on(self, destination: Destination, flow: Flow) -> bool:
        """Return whether the next server of a destination is to be tried, as this one has failed (RFC 3263 §4.3).

        Of a phone it is the next flow, to which the destination leads then (RFC 5626 §7).
        """
        if flow.protocol == "loop":
            return False
        if destination.flow is not None:
            return self._next_flow(destination)
        try:
            uri = Uri.parse(destination.next_hop)
        except ParseError:
            return False
        provider = destination.provider
        is_asked = provider is not None and not destination.is_route_named
        if self._stack.outbound.moves_on(uri, flow, self._trust(provider, uri), is_asked=is_asked):
            return True
        if not destination.is_route_named:
            return False
        self._passed_over.keep(destination.next_hop, self._stack.clock() + AVOID_FOR)
        _pass_over(destination)
        return True

    def awaits(
        self,
        destination: Destination,
        response: Response,
        then: Callable[[Target | None, Flow | None], None],
        flow: Flow | None = None,
    ) -> bool:
        """Find the way to a phone once more, in a moment, whose connection to the edge of a node has ended.

        That is where `flow` has led, which may be the edge of this node. Returns False when it is not to be expected
        any more; else `then` is called as by `reach`.
        """
        if not (is_connection_elsewhere(destination.flow) or (flow and is_connection_elsewhere(flow.key))):
            return False
        patience = destination.patience = destination.patience or Patience()
        if not patience.lasts(response, self._stack.clock()):
            return False
        self._reconnects.await_again(destination, then)
        return True

    def as_before(
        self, request_uri: str, destination: Destination, flow: Flow, before: Flow | None = None
    ) -> Flow | None:
        """Return the way by which a phone that is back takes a request for the same as before; None if it cannot.

        That is by an edge again, whose Via it knows, or by another connection to this node, where it came by one
        `before`, and under the Contact that it has had.
        """
        if not is_same_but_port(request_uri, destination.uri):
            return None
        was_here = before is not None and before.is_reliable and "!" not in before.key
        if was_here and before is not None and before.protocol == flow.protocol and "!" not in flow.key:
            return flow
        return self._stack.by_edge(flow)


def _pass_over(destination: Destination) -> None:
    """Let go of the proxies that a registrar has named: what goes to the provider itself may still get through."""
    destination.route, destination.is_route_named = (), False

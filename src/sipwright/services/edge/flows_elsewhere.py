"""The flows of phones at other nodes: what is sent over one goes to the edge of its node, or of who acts for that."""

from __future__ import annotations

from contextlib import suppress

from sipwright.memo import Bounded
from sipwright.services.edge.handed_on import without_edges
from sipwright.services.edge.ports import BACK, BRANCH, Peers
from sipwright.services.edge.reminders import Reminders
from sipwright.services.edge.routed_flow import NO_EDGE, Name, RoutedFlow
from sipwright.services.edge.signed_headers import AS_IT_IS, IN_NAME, KEEPS
from sipwright.stack import Stack
from sipwright.transport.flow import Flow, flow_key, parse_flow_key, place_of
from sipwright.transport.flow_token import FlowTokens

__all__ = ["FlowsElsewhere"]


class FlowsElsewhere:
    """Knows the flows of phones at other nodes by their keys, which name the node."""

    def __init__(self, stack: Stack, peers: Peers, tokens: FlowTokens, reminders: Reminders) -> None:
        self._stack = stack
        self._peers = peers
        self._tokens = tokens
        self._reminders = reminders
        self._flows: Bounded[str, RoutedFlow] = Bounded()

    def flow(self, key: str) -> Flow | None:
        """Return the flow to a phone at another node; None when that is no more, and with it the connection."""
        known = self.routed(key)
        if known is None:
            return None
        is_there = self._peers.is_up(known.node) or _protocol(known) == "udp"
        return known if is_there and not known.is_closed else None

    def routed(self, key: str) -> RoutedFlow | None:
        """Return the flow of a phone that another node has heard; that node may be back without our knowledge yet."""
        known = self._flows.get(key)
        if known is None:
            node, plain_key = place_of(key)
            edge = self._peers.edge_of(node)
            here = None if edge is None else self._stack.flow_to_edge(edge)
            if here is None:
                return None
            known = RoutedFlow(node, plain_key, here.local, self._send_to, self._is_reached)
            self._flows.keep(key, known)
        return known

    def by_edge(self, flow: Flow) -> Flow | None:
        """Return the way to a phone by the edge of whichever node it is at, though that be this one."""
        return flow if "!" in flow.key else self.flow(f"{self._peers.name}!{flow.key}")

    def instead(self, flow: Flow, before: Flow) -> Flow | None:
        """Return the way to where a phone has come from the flow before, for what it may have heard of by that.

        It is to take that for the same (RFC 3261 §17.2.3), so whichever edge it is near says it in the name of the one
        before, or as it is where there was none. None where there is no such way, as for a connection.
        """
        name = before.name if isinstance(before, RoutedFlow) else NO_EDGE
        if name is NO_EDGE and "!" not in flow.key:
            return flow
        if isinstance(flow, RoutedFlow) and flow.name == name:
            return flow
        way = self.by_edge(flow)
        if not isinstance(way, RoutedFlow):
            return None
        is_udp = _protocol(way) == _protocol(before) == "udp"
        if way.node == name.node:
            return way if is_udp or way is flow else None
        return way.renamed(name) if is_udp else None

    def _is_reached(self, node: str) -> bool:
        return self._peers.edge_of(node) is not None

    def _send_to(self, data: bytes, node: str, key: str, name: Name | None) -> None:
        """Send a message to the edge that leads to a phone.

        What is lost on the way is said again, and by then the network, or another node, is there. So is what is said
        while a node has ended and nobody acts for it yet.
        """
        edge = self._peers.edge_of(node)
        flow = None if edge is None else self._stack.flow_to_edge(edge)
        self._reminders.arm(data)
        if edge is None or flow is None:
            return
        line, _, rest = data.partition(b"\r\n")
        there = f"{edge[0]}:{edge[1]}"
        if name is None:
            token, how = self._tokens.write(key, node), KEEPS
        elif name is NO_EDGE:
            token, how = self._tokens.write(key, node), f"{KEEPS};{AS_IT_IS}"
        else:
            named = flow_key("udp", name.address, parse_flow_key(key).remote)
            token, how = self._tokens.write(named, name.node), f"{KEEPS};{IN_NAME}"
        if line.startswith(b"SIP/2.0 "):
            # What the edge would have put on top, had the request come through there, or through it and no other.
            rest = without_edges(rest)
            way = f"Via: SIP/2.0/UDP {there};branch={BRANCH};{BACK}={token}"
        else:
            way = f"Route: <sip:{token}@{there};lr;{how}>"
        with suppress(OSError):
            flow.send(b"%b\r\n%b\r\n%b" % (line, way.encode(), rest))


def _protocol(flow: Flow) -> str:
    """Return what a phone speaks with its edge, or with this node."""
    return parse_flow_key(place_of(flow.key)[1]).protocol

"""What the edge writes into headers with tokens of its own, and reads there again: Via, Record-Route and Route."""

from __future__ import annotations

from typing import NamedTuple

from sipwright.services.edge.ports import Peers
from sipwright.sip import NameAddr, ParseError, Request, Response
from sipwright.stack import Stack
from sipwright.transport.flow import Address, Flow, parse_flow_key
from sipwright.transport.flow_token import FlowToken, FlowTokens

__all__ = ["AS_IT_IS", "IN_NAME", "KEEPS", "RouteToken", "SignedHeaders"]

KEEPS = "flow"
"""The parameter of a Route whose sender keeps the flow by itself, and wants no Record-Route in the answer."""

IN_NAME = "named"
"""The parameter of a Route to this edge whose token names another one: what its phone may have heard by that, which has
come here since, is said in the name of that."""


AS_IT_IS = "asis"
"""The parameter of a Route whose request is to get no Via: its phone may have heard it without an edge."""


class RouteToken(NamedTuple):
    """The token of a Route; whether its sender keeps the flow by itself, and has its request forwarded as it is."""

    token: FlowToken
    keeps: bool
    is_as_it_is: bool


class SignedHeaders:
    """The headers of one edge, which other nodes reach at `address`."""

    def __init__(self, stack: Stack, peers: Peers, tokens: FlowTokens, address: Address) -> None:
        self._stack = stack
        self._peers = peers
        self._tokens = tokens
        self._here = f"{address[0]}:{address[1]}"

    def via(self, flow: Flow, branch: str, token: FlowToken | None, sender: str) -> str:
        """Return our Via, but for the parameters; what is under way at a lost node has that of its edge.

        Over a connection it names the `sender`, which is the node of the call: the phone may have another connection to
        another edge by the time that the request comes again, and is to know it as the same (RFC 3261 §17.2.3). What it
        answers takes the connection, whatever the Via names (§18.2.2).
        """
        if token is not None and flow.protocol != "udp":
            protocol, _, rest = self._stack.via_for(flow, branch).partition(" ")
            return f"{protocol} {sender};{rest.partition(';')[2]}"
        if token is None or token.node == self._peers.name:
            return self._stack.via_for(flow, branch)
        of_other = parse_flow_key(token.flow_key).local
        return f"SIP/2.0/UDP {self._stack.sent_by(of_other, flow.remote)};branch={branch};rport"

    def record_routes(self, flow: Flow, token: FlowToken) -> list[str]:
        """Return what leads back through here: the nodes' side first, the phone's on top of it (RFC 5658 §6)."""
        user = self._tokens.write(token.flow_key, self._peers.name)
        nodes = f"<sip:{user}@{self._here};lr>"
        phones = self._stack.local_contact(flow, user)[:-1] + ";lr>"
        return [nodes] if phones == nodes else [nodes, phones]

    def take_routes(self, request: Request, is_for_node: bool) -> RouteToken | None:
        """Take the Routes that name this node off a request (RFC 3261 §16.4), and those of all nodes if it is for one.

        Returns what they say: the first whose sender keeps the flow by itself, else the last.
        """
        routes = request.headers.get_list("Route")
        found: RouteToken | None = None
        while routes and (own := self.read(routes[0], is_for_node)) is not None:
            found = found if found is not None and found.keeps else own
            del routes[0]
        if found is not None:
            request.headers.remove("Route")
            for route in routes:
                request.headers.add("Route", route)
        return found

    def take_records(self, response: Response) -> None:
        """Take off what was for the phone alone: the node that has the call knows the way (RFC 3261 §16.7 step 8)."""
        if "record-route" not in response.headers.index():
            return
        records = response.headers.get_list("Record-Route")
        response.headers.remove("Record-Route")
        for value in records:
            if self.read(value, is_of_any=True) is None:
                response.headers.add("Record-Route", value)

    def read(self, route: str, is_of_any: bool = False) -> RouteToken | None:
        """Return what a Route of this edge, or of any, says."""
        try:
            uri = NameAddr.parse(route, "route").uri
        except ParseError:
            return None
        token = None if uri.raw_user is None else self._tokens.read(uri.raw_user)
        if token is None or not (is_of_any or IN_NAME in uri.params or self._peers.acts_for(token.node)):
            return None
        return RouteToken(token, KEEPS in uri.params, AS_IT_IS in uri.params)

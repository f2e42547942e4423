"""The edge: a proxy between other nodes and the phones whose flows are here (RFC 3327, RFC 5626 §5).

A call to a phone that has registered at this node, from a call at another one, comes with a Route that names the flow
of that phone by a token. It leaves by that flow, with a Record-Route that leads back through here. So the phone is
spoken to from the socket that its NAT expects, and what it says in the dialog comes here and goes on to the node that
has the call. That one is found by the To tag, which names the boot that has made it: whoever has the calls of that boot
now is the owner, and any node to which such a request comes hands it on.

It is a stateless proxy (RFC 3261 §16.11): a request that is repeated is forwarded again, with the same branch. Its Via
names the flow that the request came by, with a token as well, and the response goes back there.
"""

from __future__ import annotations

from hashlib import blake2b

from sipwright.services.edge.ports import Peers
from sipwright.sip import NameAddr, ParseError, Reject, Request, Response
from sipwright.stack import Incoming, OnStrayResponse, Stack
from sipwright.transport.flow import Address, Flow
from sipwright.transport.flow_token import FlowToken, FlowTokens

__all__ = ["Edge"]

BRANCH = "z9hG4bKedge"
"""How the branches of what is forwarded begin."""

_BACK = "flow"
_MAKES_DIALOG = frozenset({"INVITE", "SUBSCRIBE", "REFER"})


class Edge:
    """The first step of the pipeline, where there are several nodes."""

    def __init__(self, stack: Stack, peers: Peers, tokens: FlowTokens, address: Address) -> None:
        """Get ready; `address` is where other nodes reach this one."""
        self._stack = stack
        self._peers = peers
        self._tokens = tokens
        self.others: OnStrayResponse | None = None
        """Hears of the responses that belong to nothing which went through here."""
        self._here = f"{address[0]}:{address[1]}"

    def route(self, flow_key: str, node: str) -> str | None:
        """Return the Route by which a flow at another node is reached; None when that node is no more."""
        edge = self._peers.edge_of(node)
        if edge is None:
            return None
        return f"<sip:{self._tokens.write(flow_key, node)}@{edge[0]}:{edge[1]};lr>"

    # Requests.

    def __call__(self, incoming: Incoming) -> bool:
        """Take a request that is on its way through here, and leave everything else."""
        request = incoming.request
        if "route" in request.headers.index():
            token = self._take_own_routes(request)
            if token is not None:
                return self._forward(incoming, token)
        tag = request.to_tag
        return tag is not None and self._hand_on(incoming, tag)

    def take_cancel(self, incoming: Incoming) -> bool:
        """Take a CANCEL of a request that went through here."""
        return "route" in incoming.request.headers.index() and self(incoming)

    def _forward(self, incoming: Incoming, token: FlowToken) -> bool:
        """Forward a request whose Route has led here: a node's to the phone, a phone's to the node."""
        if self._peers.is_peer(incoming.flow.remote):
            flow = self._stack.flow_from_key(token.flow_key)
            if flow is None or flow.is_closed:
                raise Reject(
                    430, "Flow Failed", why="the connection of the phone has ended (RFC 5626 §5.3.1)"
                )
            self._send(incoming, flow, token)
            return True
        tag = incoming.request.to_tag
        return tag is not None and self._hand_on(incoming, tag)

    def _hand_on(self, incoming: Incoming, tag: str) -> bool:
        """Hand a request of a dialog on to the node that has it, if that is another one."""
        owner = self._peers.owner_of(tag)
        if owner is None or owner == self._peers.name or self._peers.is_peer(incoming.flow.remote):
            return False
        edge = self._peers.edge_of(owner)
        flow = None if edge is None else self._stack.flow_to_edge(edge)
        if flow is None:
            return False
        self._send(incoming, flow, None)
        return True

    def _send(self, incoming: Incoming, flow: Flow, token: FlowToken | None) -> None:
        request, top = incoming.request, incoming.request.top_via
        left = 70 if request.max_forwards is None else request.max_forwards
        if left <= 0:
            raise Reject(483)
        headers = list(request.headers.items())
        forwarded = Request(request.method, request.uri_text, headers, request.body)
        forwarded.headers.set("Max-Forwards", str(left - 1))
        if token is not None and request.method in _MAKES_DIALOG:
            for value in self._record_routes(flow, token):
                forwarded.headers.insert("Record-Route", value)
        known = f"{top.branch}|{top.sent_by}|{request.call_id}|{request.cseq.number}"
        branch = BRANCH + blake2b(known.encode(), digest_size=10).hexdigest()
        back = self._tokens.write(incoming.reply_flow.key, self._peers.name)
        forwarded.headers.insert("Via", f"{self._stack.via_for(flow, branch)};{_BACK}={back}")
        try:
            flow.send(bytes(forwarded))
        except OSError as error:
            raise Reject(430, "Flow Failed", why=str(error)) from None

    def _record_routes(self, flow: Flow, token: FlowToken) -> list[str]:
        """Return what leads back through here: the nodes' side first, the phone's on top of it (RFC 5658 §6)."""
        user = self._tokens.write(token.flow_key, self._peers.name)
        nodes = f"<sip:{user}@{self._here};lr>"
        phones = self._stack.local_contact(flow, user)[:-1] + ";lr>"
        return [nodes] if phones == nodes else [nodes, phones]

    def _take_own_routes(self, request: Request) -> FlowToken | None:
        """Take the Routes that name this node off a request, and return what they say (RFC 3261 §16.4)."""
        routes = request.headers.get_list("Route")
        found = None
        while routes and (token := self._own(routes[0])) is not None:
            found = token
            del routes[0]
        if found is not None:
            request.headers.remove("Route")
            for route in routes:
                request.headers.add("Route", route)
        return found

    def _own(self, route: str) -> FlowToken | None:
        try:
            user = NameAddr.parse(route, "route").uri.raw_user
        except ParseError:
            return None
        token = None if user is None else self._tokens.read(user)
        return token if token is not None and self._peers.is_here(token.node) else None

    # Responses.

    def take_response(self, response: Response, flow: Flow) -> None:
        """Take a response of no transaction: back to where its request came from, or to `others`."""
        via = response.top_via
        if not (via.branch or "").startswith(BRANCH):
            if self.others is not None:
                self.others(response, flow)
            return
        back = self._tokens.read(via.params.get(_BACK) or "")
        known = None if back is None else self._stack.flow_from_key(back.flow_key)
        rest = response.headers.get_list("Via")[1:]
        if known is None or not rest:
            return
        response.headers.remove("Via")
        for value in reversed(rest):
            response.headers.insert("Via", value)
        self._stack.send_response(response, known)

"""The edge: a proxy between other nodes and the phones whose flows are here (RFC 3327, RFC 5626 §5).

A call to a phone that has registered at this node, from a call at another one, comes with a Route that names the flow
of that phone by a token. It leaves by that flow, with a Record-Route that leads back through here. So the phone is
spoken to from the socket that its NAT expects, and what it says in the dialog comes here and goes on to the node that
has the call. That one is found by the To tag, which names the boot that has made it: whoever has the calls of that boot
now is the owner, and any node to which such a request comes hands it on.

It is a stateless proxy (RFC 3261 §16.11): a request that is repeated is forwarded again, with the same branch. Its Via
names the flow that the request came by, with a token as well, and the response goes back there. From that token the
node that has the call also learns by which flow the phone speaks.

When a node is lost, the one that has its calls acts for its edge too. It takes tokens and responses which name the
other one, and says in its Via what that one said: so what is under way with a phone goes on, wherever the phone, or
the address that it speaks to, has moved.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import ceil

from sipwright.memo import Bounded
from sipwright.services.edge.cancels import Cancels
from sipwright.services.edge.copies import Copies, branch_of
from sipwright.services.edge.flows_elsewhere import FlowsElsewhere
from sipwright.services.edge.handed_on import HandedOn, known_by
from sipwright.services.edge.ports import BACK, BRANCH, Peers
from sipwright.services.edge.reminders import Reminders, routed_way
from sipwright.services.edge.repeats import Repeats
from sipwright.services.edge.replaced import replaced_tags
from sipwright.services.edge.signed_headers import RouteToken, SignedHeaders
from sipwright.services.edge.speakers import Speakers
from sipwright.services.edge.unheard import Unheard
from sipwright.sip import Reject, Request, Response
from sipwright.sip.headers import Via
from sipwright.stack import Incoming, OnAck, OnStrayResponse, Stack, boot_in
from sipwright.transport.flow import Address, Flow, parse_flow_key
from sipwright.transport.flow_token import FlowToken, FlowTokens

__all__ = ["Edge"]

TAKEN_BACK_AFTER = 1.25
"""Seconds after which an INVITE is taken here that another node has said nothing to: before it comes for the third
time, by Timer A."""

_PASSED = "passed"
"""The parameter of a Route that was passed on already, as a node that it names is back."""

_BARE = "bare"
"""The parameter of our Via that remembers this."""
_NOTED = re.compile(r"(;rport)=[0-9]+|;received=[^;,\s]+")
"""What this node has noted in a Via where a request came from (RFC 3261 §18.2.1, RFC 3581 §4)."""

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
        self.is_leaving = False
        """Another node has all that was here: what still comes for it is handed on, also what other nodes send."""
        self.expects_for: Callable[[], float] = float
        """Says for how many seconds more phones are expected back whose connections have ended with a node."""
        self._signed = SignedHeaders(stack, peers, tokens, address)
        self.flows = FlowsElsewhere(stack, peers, tokens, Reminders(stack))
        self._moved_invites: Bounded[str, str] = Bounded()
        """The nodes that have INVITEs which have come here, as their callers pick something up there, say."""
        self._unanswered: Bounded[str, float] = Bounded()
        """Of these, when those were handed over that nothing has come of."""
        self._handed_on = HandedOn(stack, tokens, self.flows.routed)
        self._repeats = Repeats(stack.call_later)
        self._copies = Copies(stack, self.flows.by_edge)
        self._speakers = Speakers(peers)
        self._unheard = Unheard(stack, peers.heard_within)
        self._cancels = Cancels(stack, peers, self._repeats, self._send_plainly)
        self.on_ack: OnAck = lambda ack: False
        """Has the dialogs that an ACK to a 2xx may be of."""

    def moved(self) -> None:
        """Take note that another node acts for one that is lost."""
        self._cancels.moved()
        self._copies.moved()
        self._repeats.hurry()
        layer = self._stack.layer
        # By Timer A the next repetition may be sixteen seconds away, and people wait. What was heard (100) is repeated
        # no more, nor is what a phone has said of it, or was told: the lost node may have been the only one to hear it.
        for tx in layer.unanswered():
            if (way := routed_way(tx)) is not None and not self._peers.is_up(way.node):
                layer.send(tx.wire, way)
        for told in layer.told():
            if (way := routed_way(told)) is not None and not self._peers.is_up(way.node):
                assert told.last_response is not None
                layer.send(told.last_response, way)

    def remember(self, invite: Request, node: str) -> None:
        """Take note that another node has an INVITE that has come here: whatever repeats it is for that one."""
        self._moved_invites.keep(known_by(invite), node)

    def hand_over(self, incoming: Incoming, node: str) -> bool:
        """Hand an INVITE over to the node that has challenged it, if that is there; False for any other request.

        Should that one say nothing, the second repetition is taken here. The first is handed over, too: it may only be
        slow, and to take it here would be to begin the call twice.
        """
        request, flow = incoming.request, incoming.reply_flow
        is_new = request.method == "INVITE" and request.to_tag is None
        if not is_new or not self._peers.is_up(node) or self._peers.is_peer(flow.remote):
            return False
        known = known_by(request)
        if known in self._unanswered or self._hand_to(incoming, node) is None:
            return False
        self.remember(request, node)
        self._unanswered.keep(known, self._stack.clock())
        if flow.is_reliable:
            self._stack.call_later(TAKEN_BACK_AFTER, partial(self._take_back, known, request, flow))
        return True

    def _is_in_vain(self, known: str, node: str) -> bool:
        """Return whether an INVITE was handed over to a node that says nothing, and would have by now."""
        handed_at = self._unanswered.get(known)
        if handed_at is None:
            return False
        return self._stack.clock() - handed_at >= TAKEN_BACK_AFTER or not self._peers.is_up(node)

    def _take_back(self, known: str, invite: Request, flow: Flow) -> None:
        """Take an INVITE here that was handed over, and of which nothing has come."""
        if known in self._unanswered:
            self._stack.intake.take(bytes(invite), flow)

    # Requests.

    def __call__(self, incoming: Incoming) -> bool:
        """Take a request that is on its way through here, and leave everything else."""
        request = incoming.request
        tag = request.to_tag
        owner = None if tag is None else self._peers.owner_of(tag)
        if tag is not None and self._waits(incoming, tag, is_known=owner is not None):
            return True
        if "route" in request.headers.index():
            said = self._signed.take_routes(request, owner is not None)
            if owner is None and self._peers.is_peer(incoming.flow.remote):
                if said is not None:
                    return self._forward(incoming, said)
                if self._pass_on(incoming):
                    return True
        if tag is None:
            return self._takes_new(incoming)
        if owner not in (None, self._peers.name) and self._hand_on(incoming, tag):
            return True
        if not self._peers.is_peer(incoming.flow.remote):
            return self._copies.take(incoming)
        self._learn_flow(incoming)
        return self._copies.take_handed_on(incoming)

    def _waits(self, incoming: Incoming, tag: str, *, is_known: bool) -> bool:
        """Put a request aside whose dialog is on its way to another node, or seems to be of a boot yet to be heard of.

        What another node hands on is of a boot that it knows.
        """
        if is_known:
            return self._peers.is_on_its_way(tag) and self._unheard.wait(incoming)
        is_of_boot = boot_in(tag) is not None and not self._peers.is_peer(incoming.flow.remote)
        return is_of_boot and self._unheard.wait(incoming)

    def _takes_new(self, incoming: Incoming) -> bool:
        """Hand an INVITE on that replaces a leg of another node (RFC 3891 §3), or take one as it was said there."""
        if incoming.request.method != "INVITE":
            return False
        if self._peers.is_peer(incoming.flow.remote):
            plain = self._handed_on.read(incoming.request)
            if plain is not None:
                incoming.came_by(*plain)
            return False
        if self._moved_invites and (node := self._moved_invites.get(known_by(incoming.request))) is not None:
            if self._unanswered and self._is_in_vain(known := known_by(incoming.request), node):
                del self._moved_invites[known]
                return False
            return self._hand_to(incoming, node) is not None
        if not (tags := replaced_tags(incoming.request)):
            return False
        if any(self._hand_on(incoming, tag) for tag in tags):
            return True
        return any(self._waits(incoming, tag, is_known=self._peers.owner_of(tag) is not None) for tag in tags)

    def _learn_flow(self, incoming: Incoming) -> None:
        """Note by which flow a phone has said what another node has handed on to this one."""
        via = incoming.request.top_via
        said = self._tokens.read(via.params.get(BACK) or "")
        if said is not None:
            self._copies.came_by(via)
        if said is not None and not self._peers.is_peer(parse_flow_key(said.flow_key).remote):
            is_own, key = said.node == self._peers.name, said.flow_key
            found = self._stack.flow_from_key(key) if is_own else self.flows.routed(f"{said.node}!{key}")
            incoming.flow = found or incoming.flow

    def take_cancel(self, incoming: Incoming) -> bool:
        """Take a CANCEL of what went through here, or is at another node, or of what is here by way of another one."""
        try:
            if "route" in incoming.request.headers.index() and self(incoming):
                return True
        except Reject as refusal:
            self._stack.pipeline.refuse(incoming, refusal)
            return True
        if self._peers.is_peer(incoming.flow.remote):
            return self._handed_on.is_known(incoming.request)
        return self._cancels.ask(incoming)

    def take_ack(self, ack: Request) -> bool:
        """Take an ACK that no transaction has: to a failure, if another node has handed it on, or to a 2xx."""
        return self._handed_on.is_known(ack) or self.on_ack(ack)

    def take_copy(self, incoming: Incoming) -> bool:
        """Take an INVITE that is repeated, and was handed on by another node before."""
        return self._peers.is_peer(incoming.flow.remote) and self._handed_on.is_known(incoming.request)

    def _forward(self, incoming: Incoming, said: RouteToken) -> bool:
        """Forward what a node says to a phone, whose flow its Route names."""
        token, keeps, is_as_it_is = said
        flow = self._stack.flow_from_key(token.flow_key)
        if flow is None or flow.is_closed:
            raise self._flow_failed("the connection of the phone has ended (RFC 5626 §5.3.1)")
        self._speakers.heard(incoming.request, incoming.flow.remote)
        if is_as_it_is or (keeps and incoming.request.top_via.transport != "UDP"):
            self._repeat(incoming.request, flow)
        else:
            self._send(incoming, flow, token, is_bare=keeps)
        return True

    def _repeat(self, request: Request, flow: Flow) -> None:
        """Forward, as it is, what was written for a phone at the node that has the call, which has come here since.

        The phone may have heard it there, and is to take it for the same (RFC 3261 §8.2.2.2). What it answers comes
        here, and goes on by the tag.
        """
        request.headers.set_first("Via", _NOTED.sub(r"\1", request.headers.get_list("Via")[0]))
        try:
            flow.send(bytes(request))
        except OSError as error:
            raise self._flow_failed(str(error)) from None

    def _pass_on(self, incoming: Incoming) -> bool:
        """Pass a request on, as it is, to a node that is back, if its sender still takes this one to act for that.

        This is no hop: the phone is to hear the same, whichever way a repetition takes. It happens once, and the Route
        says so, which nobody but the edges sees.
        """
        request = incoming.request
        route, *further = request.headers.get_list("Route")
        own = self._signed.read(route, is_of_any=True)
        edge = None if own is None else self._peers.edge_of(own.token.node)
        flow = None if edge is None else self._stack.flow_to_edge(edge)
        if flow is None or edge == incoming.flow.remote:
            return False
        if f";{_PASSED}" not in route:
            request.headers.remove("Route")
            for value in (f"{route.rstrip('>')};{_PASSED}>", *further):
                request.headers.add("Route", value)
            with suppress(OSError):  # lost on the way
                flow.send(bytes(request))
        return True

    def _hand_on(self, incoming: Incoming, tag: str) -> bool:
        """Hand a request of a dialog on to the node that has it, if that is another one.

        Whoever hands on knows the way, but for a call that has gone on from here: that is for this node to know first.
        """
        peers = self._peers
        owner = peers.owner_of(tag)
        if owner is None or owner == peers.name:
            return False
        if peers.is_peer(incoming.flow.remote) and not peers.has_moved(tag):
            return False
        branch = self._hand_to(incoming, owner)
        if branch is None and peers.acts_for(owner):
            return False
        # Where nobody acts for a node that has ended, it is lost on the way: soon that one, or another, is there.
        branch = branch or branch_of(incoming.request)
        if incoming.flow.is_reliable and incoming.request.method != "ACK":
            self._repeats.begin(branch, lambda: self._hand_on_again(incoming, tag, branch))
        return True

    def _hand_to(self, incoming: Incoming, node: str) -> str | None:
        """Hand a request to a node, and return its branch; None when nobody acts for that."""
        edge = self._peers.edge_of(node)
        flow = None if edge is None else self._stack.flow_to_edge(edge)
        return None if flow is None else self._send(incoming, flow, None)

    def _hand_on_again(self, incoming: Incoming, tag: str, branch: str) -> None:
        """Hand a request on once more to the node that has its dialog by now, which may be this one."""
        try:
            if not self._hand_on(incoming, tag):
                self._repeats.answered(branch)
                self._stack.intake.take(bytes(incoming.request), incoming.flow)
        except Reject:
            pass  # the next time it may succeed

    def _send_plainly(self, incoming: Incoming, edge: Address) -> None:
        flow = self._stack.flow_to_edge(edge)
        if flow is not None:
            self._send(incoming, flow, None)

    def _send(self, incoming: Incoming, flow: Flow, token: FlowToken | None, *, is_bare: bool = False) -> str:
        request = incoming.request
        # Without one it gets 70 (§16.6 step 3).
        left = 71 if request.max_forwards is None else request.max_forwards
        if left <= 0:
            raise Reject(483)
        headers = list(request.headers.items())
        forwarded = Request(request.method, request.uri_text, headers, request.body)
        forwarded.headers.set("Max-Forwards", str(left - 1))
        if token is not None and request.method in _MAKES_DIALOG:
            for value in self._signed.record_routes(flow, token):
                forwarded.headers.insert("Record-Route", value)
        branch = branch_of(request)
        back = self._tokens.write(incoming.reply_flow.key, self._peers.name)
        via = self._signed.via(flow, branch, token, request.top_via.sent_by)
        if token is None:
            self._copies.handed_on(via)
        via = f"{via};{BACK}={back}{f';{_BARE}' if is_bare else ''}"
        forwarded.headers.insert("Via", via)
        try:
            flow.send(bytes(forwarded))
        except OSError as error:
            if token is not None:
                raise self._flow_failed(str(error)) from None
            # To another node it is lost on the way, and comes again.
        return branch

    def _flow_failed(self, why: str) -> Reject:
        """Return the refusal of a request to a phone, which says for how long that is worth waiting for."""
        expected = ceil(self.expects_for())
        return Reject(430, "Flow Failed", (("Retry-After", str(expected)),) if expected else (), why=why)

    # Responses.

    def is_of_node(self, response: Response) -> bool:
        """Return whether a response is to what a node has sent, though its Via may name none that is known as a peer.

        An edge has signed that Via (`SignedHeaders.via`), or another node has the dialog (`_repeat`).
        """
        via, tag = response.top_via, response.from_tag
        if (via.branch or "").startswith(BRANCH):
            return self._tokens.read(via.params.get(BACK) or "") is not None
        return tag is not None and self._peers.owner_of(tag) not in (None, self._peers.name)

    def take_response(self, response: Response, flow: Flow) -> None:
        """Take a response of no transaction: back to where its request came from, or to `others`."""
        via = response.top_via
        if (via.branch or "").startswith(BRANCH):
            if not self._cancels.waits_on(response, flow.remote):
                self._send_back(response, via, flow)
        elif not (self._hand_back(response, flow) or self.is_leaving) and self.others is not None:
            self.others(response, flow)

    def _send_back(self, response: Response, via: Via, flow: Flow) -> None:
        self._repeats.answered(via.branch or "")
        if self._unanswered and len(vias := response.headers.get_list("Via")) > 1:
            phones, cseq = Via.parse(vias[1]), response.cseq.number
            self._unanswered.pop(f"{phones.branch}|{phones.sent_by}|{response.call_id}|{cseq}", None)
        back = self._tokens.read(via.params.get(BACK) or "")
        rest = response.headers.get_list("Via")[1:]
        if back is None or not rest:
            return
        response.headers.remove("Via")
        for value in reversed(rest):
            response.headers.insert("Via", value)
        # A phone is answered over another connection only when it is a node that has the answer.
        way = self._stack.way_back(back.flow_key, response if self._peers.is_peer(flow.remote) else None)
        if way is None:
            return
        edge = self._speakers.edge_for(response, way.remote)
        if _BARE in via.params:
            self._signed.take_records(response)
        self._stack.send_response(response, (edge and self._stack.flow_to_edge(edge)) or way)

    def _hand_back(self, response: Response, flow: Flow) -> bool:
        """Hand a response on to the node that has its dialog, if a phone has sent it to another one."""
        owner = None if response.from_tag is None else self._peers.owner_of(response.from_tag)
        if owner is None or owner == self._peers.name:
            return False
        has_moved = self._peers.has_moved(response.from_tag or "")
        if self._peers.is_peer(flow.remote) and not (self.is_leaving or has_moved):
            return False
        edge = self._peers.edge_of(owner)
        way = None if edge is None else self._stack.flow_to_edge(edge)
        if way is None:
            return False
        self._stack.send_response(response, way)
        return True

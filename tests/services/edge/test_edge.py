"""What goes through the edge: from other nodes to phones, and back."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sipwright.services.edge import Edge
from sipwright.services.edge.copies import branch_of
from sipwright.sip import Reject, Request, Response, make_response, parse
from sipwright.stack import Incoming, Pipeline, Stack
from sipwright.transport.flow_token import FlowTokens

HERE, NORTH, PHONE = ("127.0.0.1", 5060), ("127.0.0.2", 5060), ("127.0.0.3", 5070)
TOKENS = FlowTokens(b"secret")
AT_NORTH = "udp/127.0.0.2:5060/127.0.0.3:5070"
OVER_TCP = "tcp/127.0.0.1:5060/127.0.0.3:5070"
TAG = "0123456789abcdef0-b7.0"


@dataclass
class FakePeers:
    """Two nodes, of which this one is south; the calls of boot 7 are the other one's."""

    name: str = "south"
    owners: dict[int, str] = field(default_factory=lambda: {7: "north"})
    is_north_lost: bool = False
    nobody_acts: bool = False
    gone: set[str] = field(default_factory=set)
    on_their_way: set[str] = field(default_factory=set)
    heard_within: float = 3.0

    def is_peer(self, address):
        return address in (HERE, NORTH)

    def other_edges(self):
        return set() if self.is_north_lost else {NORTH}

    def edge_of(self, node):
        if node == "north" and self.nobody_acts:
            return None
        return {"north": HERE if self.is_north_lost else NORTH, "south": HERE}.get(node)

    def is_up(self, node):
        return node == "south" or (node == "north" and not self.is_north_lost)

    def acts_for(self, node):
        return node == "south" or (node == "north" and self.is_north_lost)

    def moved(self, address):
        return HERE if self.is_north_lost and address == NORTH else None

    def owner_of(self, tag):
        return self.owners.get(7) if "-b7" in tag else None

    def has_moved(self, tag):
        return tag in self.gone

    def is_on_its_way(self, tag):
        return tag in self.on_their_way


class Sent(list):
    """What a transport was to send, with where to."""

    @property
    def last(self):
        return self[-1][1], parse(self[-1][0])


def key_of(address):
    return f"udp/{HERE[0]}:{HERE[1]}/{address[0]}:{address[1]}"


def token(address=PHONE, node="south"):
    return TOKENS.write(key_of(address), node)


def request(stack, source, method="INVITE", *, route=None, to_tag="", hops=70, via="", edge=""):
    routes = "".join(f"Route: {each}\r\n" for each in route or ())
    tag = f";tag={to_tag}" if to_tag else ""
    text = (
        f"{method} sip:bob@10.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {source[0]}:{source[1]};branch=z9hG4bK1;rport{edge}\r\n{via}"
        f"{routes}Max-Forwards: {hops}\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>{tag}\r\nCall-ID: c\r\n"
        f"CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
    found = parse(text.encode())
    assert isinstance(found, Request)
    flow = stack.transports[0].flow(source)
    return Incoming(stack, found, flow, flow, 0.0)


def replacing(stack, source, tag=TAG, **more):
    """An INVITE that is to take the place of a leg of the other node."""
    incoming = request(stack, source, **more)
    incoming.request.headers.add("Replaces", f"c;to-tag={tag};from-tag=2")
    return incoming


def response(status, vias):
    same = [("From", "<sip:a@x>;tag=1"), ("To", "<sip:b@x>;tag=2"), ("Call-ID", "c"), ("CSeq", "1 INVITE")]
    return Response(status, None, [*vias, *same])


def sent(stack):
    return stack.transports[0].wires


def parse_sent(stack, number):
    data, remote = sent(stack)[number]
    return remote, parse(data)


def through(address=PHONE):
    return f"<sip:{token(address)}@127.0.0.1:5060;lr>"


def test_a_call_of_another_node_leaves_by_the_flow_of_the_phone(stack, edge):
    assert edge(request(stack, NORTH, route=[through()])) is True
    remote, forwarded = sent(stack).last

    assert remote == PHONE
    assert (forwarded.headers.get("route"), forwarded.max_forwards) == (None, 69)
    assert forwarded.headers.get_list("Record-Route") == [through()]
    assert [via.partition(";")[0] for via in forwarded.headers.get_list("Via")] == [
        "SIP/2.0/UDP 127.0.0.1:5060",
        "SIP/2.0/UDP 127.0.0.2:5060",
    ]


def test_a_repeated_request_has_the_same_branch_and_its_cancel_too(stack, edge):
    edge(request(stack, NORTH, route=[through()]))
    edge(request(stack, NORTH, route=[through()]))
    edge.take_cancel(request(stack, NORTH, "CANCEL", route=[through()]))

    assert len({parse(data).top_via.branch for data, _ in sent(stack)}) == 1
    assert parse(sent(stack)[-1][0]).method == "CANCEL"


def test_its_response_goes_back_to_that_node(stack, edge):
    edge(request(stack, NORTH, route=[through()]))
    _, forwarded = sent(stack).last
    vias = [("Via", value) for value in forwarded.headers.get_list("Via")]
    edge.take_response(response(180, vias), stack.transports[0].flow(PHONE))
    remote, back = sent(stack).last

    assert remote == NORTH
    assert len(back.headers.get_list("Via")) == 1


def test_it_goes_back_to_whoever_has_sent_the_request_where_that_has_taken_over_a_moment_ago(stack, edge):
    """The next beat will tell who has the call now; until then its tag names the node that is no more."""
    third = ("127.0.0.4", 5060)
    edge.peers.is_peer = lambda address: address in (HERE, NORTH, third)
    asked = request(stack, third, "INFO", route=[through()])
    asked.request.headers.set("From", f"<sip:a@x>;tag={TAG}")
    edge(asked)
    _, forwarded = sent(stack).last
    answer = response(200, [("Via", value) for value in forwarded.headers.get_list("Via")])
    answer.headers.set("From", f"<sip:a@x>;tag={TAG}")
    edge.take_response(answer, stack.transports[0].flow(PHONE))

    assert sent(stack).last[0] == third


@pytest.mark.parametrize(
    ("source", "sent_by", "is_heard"),
    [
        (NORTH, "203.0.113.3:5080", True),
        (NORTH, "203.0.113.5:5080", False),  # where the connection has not come from
        (PHONE, "203.0.113.3:5080", False),  # nobody but a node has the answer to a phone
    ],
)
def test_a_response_to_a_phone_whose_connection_has_ended_opens_another(network, source, sent_by, is_heard):
    """RFC 3261 §18.2.2: to the port in the sent-by, as the node itself would do that it has connected to."""
    udp, tcp = network.transport(*HERE), network.transport(*HERE, "tcp")
    phone, heard = network.transport(sent_by.split(":")[0], 5080, "tcp"), []
    phone.on_message = lambda data, flow: heard.append(data)
    stack = Stack([udp, tcp], Pipeline(), clock=network.clock, call_later=network.call_later)
    edge = Edge(stack, FakePeers(), TOKENS, HERE)
    back = TOKENS.write("tcp/127.0.0.1:5060/203.0.113.3:5070", "south")
    ours = f"SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKedge1;flow={back}"
    theirs = f"SIP/2.0/TCP {sent_by};branch=z9hG4bK1;rport=5070"
    edge.take_response(response(200, [("Via", ours), ("Via", theirs)]), udp.flow(source))
    network.advance(1.0)

    assert [parse(data).top_via.branch for data in heard] == ["z9hG4bK1"] * is_heard


def test_a_response_whose_way_back_nobody_has_signed_goes_nowhere(stack, edge):
    via = "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKedge1;flow=AAAA"
    vias = [("Via", via), ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")]
    edge.take_response(response(200, vias), stack.transports[0].flow(PHONE))

    assert sent(stack) == []


@pytest.mark.parametrize("is_leaving", [True, False])
def test_whoever_leaves_hands_on_what_other_nodes_send_too(stack, edge, is_leaving):
    """They have not heard yet that the calls are another one's, which has to hear of this 2xx."""
    heard, third = [], ("127.0.0.4", 5060)
    edge.others = lambda response, flow: heard.append(response.status)
    edge.peers.is_peer = lambda address: address in (HERE, NORTH, third)
    edge.is_leaving = is_leaving
    answer = response(200, [("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1")])
    answer.headers.set("From", f"<sip:a@x>;tag={TAG}")
    edge.take_response(answer, stack.transports[0].flow(third))

    assert (heard, [remote for _, remote in sent(stack)]) == (([], [NORTH]) if is_leaving else ([200], []))


def test_other_responses_are_left_to_others(stack, edge):
    heard = []
    edge.others = lambda response, flow: heard.append(response.status)
    via = ("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1")
    edge.take_response(response(200, [via]), stack.transports[0].flow(PHONE))

    assert heard == [200]


@pytest.mark.parametrize(
    "route",
    [
        "<sip:127.0.0.1:5060;lr>",
        f"<sip:{FlowTokens(b'another').write(key_of(PHONE), 'south')}@127.0.0.1:5060;lr>",
        f"<sip:{token(node='north')}@127.0.0.1:5060;lr>",
    ],
)
def test_a_route_without_a_token_of_ours_is_no_way_to_a_phone(stack, edge, route):
    assert edge(request(stack, NORTH, route=[route])) is False
    assert sent(stack) == []


@pytest.mark.parametrize("method", ["INVITE", "CANCEL"])
def test_what_is_for_a_node_that_is_back_is_passed_on_to_it(stack, edge, method):
    """Its sender has not heard yet that this one acts for it no more; the phone hears the same either way."""
    third = ("127.0.0.4", 5060)
    edge.peers.is_peer = lambda address: address in (HERE, NORTH, third)
    incoming = request(stack, third, method, route=[f"<sip:{token(node='north')}@127.0.0.1:5060;lr;flow>"])
    top = incoming.request.top_via

    assert (edge.take_cancel if method == "CANCEL" else edge)(incoming) is True
    remote, passed = sent(stack).last
    assert (remote, passed.top_via.branch, passed.max_forwards) == (NORTH, top.branch, 70)
    assert passed.headers.get_list("Route") == [f"<sip:{token(node='north')}@127.0.0.1:5060;lr;flow;passed>"]


def test_what_was_passed_on_goes_in_no_circle(stack, edge):
    """Nodes may not be of one mind for a beat about who acts for whom; what is lost then comes again."""
    third = ("127.0.0.4", 5060)
    edge.peers.is_peer = lambda address: address in (HERE, NORTH, third)
    route = f"<sip:{token(node='north')}@127.0.0.1:5060;lr;flow;passed>"

    assert edge(request(stack, third, route=[route])) is True
    assert sent(stack) == []


def test_what_is_passed_on_takes_the_phones_way_as_if_it_had_come_directly(stack, edge):
    for more in (";lr;flow", ";lr;flow;passed"):
        edge(request(stack, NORTH, route=[f"<sip:{token()}@127.0.0.1:5060{more}>"]))

    (one, to), (other, also_to) = sent(stack)
    assert (one, to) == (other, also_to)


def test_what_has_no_max_forwards_gets_one_of_70(stack, edge):
    """RFC 3261 §16.6 step 3."""
    incoming = request(stack, NORTH, route=[through()])
    incoming.request.headers.remove("Max-Forwards")
    edge(incoming)

    assert sent(stack).last[1].max_forwards == 70


def test_a_stranger_with_a_token_reaches_no_phone(stack, edge):
    assert edge(request(stack, ("192.0.2.9", 5060), route=[through()])) is False
    assert sent(stack) == []


def test_what_a_phone_says_goes_to_the_node_that_has_the_call(stack, edge):
    assert edge(request(stack, PHONE, "BYE", route=[through(), through()], to_tag=TAG)) is True
    remote, forwarded = sent(stack).last

    assert (remote, forwarded.headers.get("route")) == (NORTH, None)
    assert forwarded.headers.get("record-route") is None


def test_a_request_of_a_dialog_is_handed_on_without_a_route_too(stack, edge):
    assert edge(request(stack, PHONE, "BYE", to_tag=TAG)) is True
    assert sent(stack).last[0] == NORTH


def test_one_that_another_node_has_handed_on_goes_no_further(stack, edge):
    assert edge(request(stack, NORTH, "BYE", to_tag=TAG)) is False


def test_a_call_that_was_taken_over_is_handled_here(stack, edge):
    edge.peers.owners[7] = "south"
    incoming = request(stack, PHONE, "BYE", route=[through()], to_tag=TAG)

    assert edge(incoming) is False
    assert "route" not in incoming.request.headers
    assert sent(stack) == []


@pytest.mark.parametrize("tag", ["", "abc"])
def test_other_requests_are_left_alone(stack, edge, tag):
    assert edge(request(stack, PHONE, "BYE" if tag else "INVITE", to_tag=tag)) is False


def test_a_flow_that_has_ended_is_430(stack, edge):
    gone = TOKENS.write("tcp/127.0.0.1:5060/127.0.0.3:5070", "south")

    with pytest.raises(Reject) as refused:
        edge(request(stack, NORTH, route=[f"<sip:{gone}@127.0.0.1:5060;lr>"]))
    assert (refused.value.status, refused.value.headers) == (430, ())


def test_a_cancel_by_a_flow_that_has_ended_is_430_too(stack, edge):
    gone = TOKENS.write("tcp/127.0.0.1:5060/127.0.0.3:5070", "south")

    assert (
        edge.take_cancel(request(stack, NORTH, "CANCEL", route=[f"<sip:{gone}@127.0.0.1:5060;lr>"])) is True
    )
    remote, refused = sent(stack).last
    assert (remote, refused.status) == (NORTH, 430)


def test_whoever_has_just_begun_says_for_how_long_phones_are_expected_back(stack, edge):
    edge.expects_for = lambda: 11.2
    gone = TOKENS.write("tcp/127.0.0.1:5060/127.0.0.3:5070", "south")

    with pytest.raises(Reject) as refused:
        edge(request(stack, NORTH, route=[f"<sip:{gone}@127.0.0.1:5060;lr>"]))
    assert (refused.value.status, refused.value.headers) == (430, (("Retry-After", "12"),))


def fails(flow, data):
    raise OSError(101, "Network is unreachable")


def test_what_is_for_a_node_that_nobody_acts_for_yet_is_lost_on_the_way(stack, edge):
    """It has ended, and its calls are soon another one's: neither is a request refused, nor a dialog unknown."""
    flow = stack.flow_from_key(f"north!{AT_NORTH}")
    edge.peers.edge_of = lambda node: None
    flow.send(bytes(request(stack, HERE).request))

    assert flow.is_closed
    assert edge(request(stack, PHONE, "BYE", to_tag=TAG)) is True
    assert sent(stack) == []


def test_what_is_for_a_worker_beside_this_one_is_not_for_the_edge(stack, edge):
    edge.peers.edge_of, edge.peers.acts_for = lambda node: None, lambda node: True

    assert edge(request(stack, PHONE, "BYE", to_tag=TAG)) is False


def test_what_no_network_leads_to_another_node_for_is_lost_on_the_way(stack, edge):
    """It is said again, as if a datagram were lost: the network is back then, or another node has what that one had."""
    flow = stack.flow_from_key(f"north!{AT_NORTH}")
    stack.transports[0].send = fails
    flow.send(bytes(request(stack, HERE).request))

    assert edge(request(stack, PHONE, "BYE", to_tag=TAG)) is True


def test_a_phone_that_no_network_leads_to_is_430(stack, edge):
    stack.transports[0].send = fails

    with pytest.raises(Reject) as refused:
        edge(request(stack, NORTH, route=[through()]))
    assert refused.value.status == 430


def test_what_has_gone_in_circles_is_483(stack, edge):
    with pytest.raises(Reject) as refused:
        edge(request(stack, NORTH, route=[through()], hops=0))
    assert refused.value.status == 483


def test_a_flow_at_another_node_leads_by_its_edge_with_a_route(stack, edge):
    flow = stack.flow_from_key(f"north!{AT_NORTH}")
    flow.send(bytes(request(stack, HERE).request))
    remote, message = parse_sent(stack, 0)

    assert (flow.key, flow.remote, flow.protocol) == (f"north!{AT_NORTH}", PHONE, "udp")
    assert remote == NORTH
    assert message.headers.get_list("Route") == [
        f"<sip:{TOKENS.write(AT_NORTH, 'north')}@127.0.0.2:5060;lr;flow>"
    ]


def test_a_response_leads_by_that_edge_too(stack, edge):
    """As when a caller whose call was taken over is registered at a third node by now."""
    answer = response(200, [("Via", "SIP/2.0/UDP 127.0.0.3:5070;branch=z9hG4bK1")])
    stack.flow_from_key(f"south!{key_of(PHONE)}").send(bytes(answer))
    remote, at_edge = sent(stack).last
    edge.take_response(at_edge, stack.transports[0].flow(NORTH))

    assert remote == HERE
    assert sent(stack)[-1] == (bytes(answer), PHONE)


def test_once_that_node_is_lost_it_leads_to_the_one_that_acts_for_it(stack, edge):
    flow = stack.flow_from_key(f"north!{AT_NORTH}")
    edge.peers.is_north_lost = True
    flow.send(bytes(request(stack, HERE).request))

    assert parse_sent(stack, 0)[0] == HERE
    assert stack.flow_from_key(f"north!{AT_NORTH}") is flow


def test_a_connection_to_a_node_that_is_lost_is_gone(stack, edge):
    connection = "north!tcp/127.0.0.2:5060/127.0.0.3:5070"
    known = stack.flow_from_key(connection)
    edge.peers.is_north_lost = True

    assert known is not None
    assert stack.flow_from_key(connection) is None


def test_a_flow_at_a_node_that_nobody_knows_is_none(stack, edge):
    assert edge.flows.flow("nobody!udp/127.0.0.9:5060/127.0.0.3:5070") is None


def test_a_node_that_keeps_the_flow_gets_no_record_of_the_edge_back(stack, edge):
    edge(request(stack, NORTH, route=[through().replace(";lr", ";lr;flow")]))
    _, forwarded = sent(stack).last
    vias = [("Via", value) for value in forwarded.headers.get_list("Via")]
    records = [("Record-Route", value) for value in forwarded.headers.get_list("Record-Route")]
    edge.take_response(
        response(200, [*vias, ("Record-Route", "<sip:proxy;lr>"), *records]), stack.transports[0].flow(PHONE)
    )
    _, back = sent(stack).last

    assert records != []
    assert back.headers.get_list("Record-Route") == ["<sip:proxy;lr>"]


def test_the_node_that_has_the_call_learns_by_which_flow_the_phone_speaks(stack, edge):
    edge.peers.owners[7] = "south"
    back = TOKENS.write(AT_NORTH, "north")
    incoming = request(stack, NORTH, "BYE", to_tag=TAG, edge=f";flow={back}")

    assert edge(incoming) is False
    assert incoming.flow.key == f"north!{AT_NORTH}"


def test_what_was_under_way_at_a_lost_node_goes_on_with_its_name_in_the_via(stack, edge):
    """The phone takes a CANCEL for one of the transaction that it knows by the Via of its edge (RFC 3261 §9.2)."""
    edge.peers.is_north_lost = True
    route = f"<sip:{TOKENS.write(AT_NORTH, 'north')}@127.0.0.2:5060;lr;flow>"
    assert edge.take_cancel(request(stack, HERE, "CANCEL", route=[route])) is True
    remote, forwarded = sent(stack).last

    assert (remote, forwarded.top_via.sent_by) == (PHONE, "127.0.0.2:5060")


def test_a_response_to_what_a_lost_node_has_sent_goes_back_all_the_same(stack, edge):
    edge.peers.is_north_lost = True
    back = TOKENS.write("udp/127.0.0.2:5060/127.0.0.4:5060", "north")
    via = f"SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKedge1;flow={back}"
    vias = [("Via", via), ("Via", "SIP/2.0/UDP 127.0.0.4;branch=z9hG4bK1")]
    edge.take_response(response(200, vias), stack.transports[0].flow(PHONE))

    assert sent(stack).last[0] == ("127.0.0.4", 5060)


def test_a_response_to_a_lost_node_goes_to_the_one_that_has_its_calls(stack, edge):
    edge(request(stack, NORTH, route=[through()]))
    _, forwarded = sent(stack).last
    edge.peers.is_north_lost = True
    vias = [("Via", value) for value in forwarded.headers.get_list("Via")]
    edge.take_response(response(180, vias), stack.transports[0].flow(PHONE))

    assert sent(stack).last[0] == HERE


def test_a_request_of_a_dialog_goes_to_its_node_whatever_edge_its_route_names(stack, edge):
    route = f"<sip:{TOKENS.write(AT_NORTH, 'east')}@127.0.0.9:5060;lr>"
    edge.peers.owners[7] = "south"
    incoming = request(stack, NORTH, "BYE", route=[route], to_tag=TAG)

    assert edge(incoming) is False
    assert "route" not in incoming.request.headers
    assert sent(stack) == []


def test_what_a_phone_says_over_a_connection_is_handed_on_again_until_it_is_answered(stack, edge, network):
    flow = stack.transports[0].flow(PHONE)
    flow.is_reliable = True
    incoming = request(stack, PHONE, "BYE", to_tag=TAG)
    edge(incoming)
    network.advance(1.6)
    sent_before = len(sent(stack))
    _, forwarded = sent(stack).last
    vias = [("Via", value) for value in forwarded.headers.get_list("Via")]
    edge.take_response(response(200, vias), flow)
    network.advance(40.0)

    assert sent_before == 3
    assert [parse(data).top_via.branch for data, remote in sent(stack) if remote == NORTH] == [
        forwarded.top_via.branch
    ] * 3


def test_it_is_taken_here_once_this_node_has_the_call(stack, edge, network):
    heard = []
    stack.transports[0].flow(PHONE).is_reliable = True
    stack.receiver.quick_way = None
    stack.pipeline.steps = (edge, lambda incoming: heard.append(incoming.request.method) or True)
    edge(request(stack, PHONE, "BYE", to_tag=TAG))
    edge.peers.owners[7] = "south"
    network.advance(40.0)

    assert heard == ["BYE"]
    assert [remote for _, remote in sent(stack)] == [NORTH]


class Heard(list):
    """The user of a transaction, with what it was told."""

    def on_cancel(self, transaction, cancel):
        cancel.accept(0.0)
        self.append("CANCEL")

    def on_ack(self, transaction, ack):
        self.append("ACK")


def handed_on(stack, method, to_tag=""):
    """What another node has made of what a phone has said there, in a transaction that has begun here."""
    back = TOKENS.write("tcp/127.0.0.2:5060/127.0.0.3:5071", "north")
    invite = request(stack, PHONE)
    known = bytes(request(stack, PHONE, method, to_tag=to_tag).request)
    line, _, rest = known.partition(b"\r\n")
    via = f"Via: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKedge77;rport;flow={back}\r\n"
    heard = Heard()
    tx = stack.layer.server(invite.request, stack.transports[0].flow(PHONE), heard, 0.0)
    return heard, tx, line + b"\r\n" + via.encode() + rest


def test_a_cancel_that_another_node_was_told_finds_its_invite_here(stack, edge):
    """The INVITE came here by itself, so only what is below the Via of the other edge is that of its transaction."""
    heard, _, cancel = handed_on(stack, "CANCEL")
    stack.receiver.take_cancel = edge.take_cancel
    stack.receiver.receive(cancel, stack.transports[0].flow(NORTH))
    remote, answer = sent(stack).last

    assert heard == ["CANCEL"]
    assert (remote, answer.status, len(answer.headers.get_list("Via"))) == (NORTH, 200, 2)
    assert answer.top_via.params["flow"] == TOKENS.write("tcp/127.0.0.2:5060/127.0.0.3:5071", "north")


def test_a_node_that_is_back_without_our_knowledge_may_ask_about_a_cancel(stack, edge):
    """That one says 481 if this one does. Before the next beat no answer finds it; it asks again, and hears it then."""
    heard, _, cancel = handed_on(stack, "CANCEL")
    stack.receiver.take_cancel = edge.take_cancel
    edge.peers.is_north_lost = True
    stack.receiver.receive(cancel, stack.transports[0].flow(NORTH))
    assert (heard, [parse(data).status for data, _ in sent(stack)]) == (["CANCEL"], [200])

    edge.peers.is_north_lost = False
    stack.receiver.receive(cancel, stack.transports[0].flow(NORTH))
    remote, answer = sent(stack).last
    assert (heard, remote, answer.status) == (["CANCEL"], NORTH, 200)


def test_what_it_hands_on_of_a_connection_is_said_by_that(stack, edge):
    """And not by the node itself, as whose peer the phone would be spoken to from then on."""
    edge.peers.owners[7], edge.peers.is_north_lost = "south", True
    key = "tcp/127.0.0.2:5060/127.0.0.3:5071"
    incoming = request(stack, NORTH, "BYE", to_tag=TAG, edge=f";flow={TOKENS.write(key, 'north')}")

    assert edge(incoming) is False
    assert incoming.flow.key == f"north!{key}"


def test_an_ack_to_a_failure_that_another_node_was_told_ends_it_here(stack, edge):
    heard, tx, ack = handed_on(stack, "ACK", to_tag="gone")
    stack.receiver.on_ack = edge.take_ack
    tx.answer(487, b"SIP/2.0 487 Request Terminated\r\n\r\n", 0.0)
    stack.receiver.receive(ack, stack.transports[0].flow(NORTH))

    assert (heard, tx.state) == (["ACK"], "confirmed")


def test_an_ack_that_no_node_has_handed_on_is_for_the_dialogs_here(stack, edge):
    heard = []
    edge.on_ack = lambda ack: heard.append(ack.to_tag) is None

    assert edge.take_ack(request(stack, PHONE, "ACK", to_tag=TAG).request) is True
    assert heard == [TAG]


@pytest.mark.parametrize("flow", ["", ";flow=AAAA"])
def test_what_only_looks_handed_on_is_not_unwrapped(stack, edge, flow):
    heard, _, cancel = handed_on(stack, "CANCEL")
    stack.receiver.take_cancel = edge.take_cancel
    start, _, rest = cancel.partition(b";flow=")
    stack.receiver.receive(
        start + flow.encode() + b"\r\n" + rest.partition(b"\r\n")[2], stack.transports[0].flow(NORTH)
    )

    assert heard == []
    assert sent(stack).last[1].status == 481


def test_an_invite_that_replaces_a_leg_of_another_node_goes_there(stack, edge):
    assert edge(replacing(stack, PHONE)) is True
    remote, forwarded = sent(stack).last

    assert (remote, forwarded.method, forwarded.max_forwards) == (NORTH, "INVITE", 69)
    assert forwarded.headers.get_list("Record-Route") == []
    assert edge(replacing(stack, PHONE, tag="whose")) is False


def test_it_is_there_as_if_the_phone_had_said_it_there(stack, edge):
    """So whatever it is answered, now or after a take-over, leads by the edge of the phone alone."""
    back = TOKENS.write(AT_NORTH, "north")
    via = "Via: SIP/2.0/UDP 127.0.0.3:5070;branch=z9hG4bK9\r\n"
    incoming = replacing(stack, NORTH, via=via, edge=f";flow={back}")
    incoming.request.headers.set_first(
        "Via", f"SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKedge1;rport;flow={back}"
    )
    assert edge(incoming) is False
    incoming.respond(486)
    remote, answer = sent(stack).last

    assert (incoming.flow.key, incoming.reply_flow) == (f"north!{AT_NORTH}", incoming.flow)
    assert [each.partition(";")[0] for each in incoming.request.headers.get_list("Via")] == [
        "SIP/2.0/UDP 127.0.0.3:5070"
    ]
    assert (remote, len(answer.headers.get_list("Via"))) == (NORTH, 2)


def test_it_is_no_loop_when_the_phone_repeats_it(stack, edge):
    _, tx, invite = handed_on(stack, "INVITE")
    stack.receiver.take_copy = edge.take_copy
    tx.answer(180, b"SIP/2.0 180 Ringing\r\n\r\n", 0.0)
    stack.receiver.receive(invite, stack.transports[0].flow(NORTH))

    assert [parse_status(data) for data, _ in sent(stack)] == ["180", "180"]
    stack.receiver.receive(bytes(request(stack, NORTH).request), stack.transports[0].flow(NORTH))
    assert sent(stack).last[1].status == 482


def parse_status(data):
    return data.split(b" ")[1].decode()


def test_an_invite_that_another_node_has_from_now_on_is_that_ones_when_it_is_repeated(stack, edge):
    """Its caller picks up what rings there; a script decided that after the INVITE had come here."""
    edge.remember(request(stack, PHONE).request, "north")

    assert edge(request(stack, PHONE)) is True
    assert (sent(stack).last[0], sent(stack).last[1].method) == (NORTH, "INVITE")
    other = request(stack, PHONE)
    other.request.headers.set_first("Via", "SIP/2.0/UDP 127.0.0.3:5070;branch=z9hG4bKother")
    assert edge(other) is False


def test_an_answer_that_is_repeated_gets_one_via_of_an_edge(stack, edge):
    """The re-INVITE that it answers came by that edge, and its Via is in the answer; the phone would not know it."""
    flow = stack.flow_from_key(f"north!{AT_NORTH}")
    via, own = (
        f"SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bKedge77;rport;flow={flow.key}",
        "SIP/2.0/UDP 127.0.0.3:5070",
    )
    flow.send(bytes(response(200, [("Via", via), ("Via", f"{own};branch=z9hG4bK1")])))
    _, answer = sent(stack).last
    first, second = answer.headers.get_list("Via")

    assert first.endswith(f";branch=z9hG4bKedge;flow={TOKENS.write(AT_NORTH, 'north')}")
    assert second == f"{own};branch=z9hG4bK1"


def test_a_request_of_a_call_that_has_gone_on_from_here_is_handed_on_whoever_sends_it(stack, edge):
    """Another node takes this one for the owner still, by the boot that the tag names."""
    third = ("127.0.0.4", 5060)
    edge.peers.is_peer = lambda address: address in (HERE, NORTH, third)
    assert edge(request(stack, third, "BYE", to_tag=TAG)) is False

    edge.peers.gone.add(TAG)
    assert edge(request(stack, third, "BYE", to_tag=TAG)) is True
    remote, handed_on = sent(stack).last
    assert (remote, handed_on.max_forwards) == (NORTH, 69)
    assert [via.partition(";")[0] for via in handed_on.headers.get_list("Via")] == [
        "SIP/2.0/UDP 127.0.0.1:5060",
        "SIP/2.0/UDP 127.0.0.4:5060",
    ]


def test_so_is_a_response(stack, edge):
    third = ("127.0.0.4", 5060)
    edge.peers.is_peer = lambda address: address in (HERE, NORTH, third)
    answer = response(200, [("Via", "SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK1")])
    answer.headers.set("From", f"<sip:a@x>;tag={TAG}")
    edge.take_response(answer, stack.transports[0].flow(third))
    assert sent(stack) == []

    edge.peers.gone.add(TAG)
    edge.take_response(answer, stack.transports[0].flow(third))
    assert sent(stack).last[0] == NORTH


@pytest.mark.parametrize("source", [PHONE, NORTH])
def test_what_is_said_while_a_call_is_on_its_way_to_another_node_waits_for_that(network, stack, edge, source):
    edge.peers.on_their_way.add(TAG)
    edge.peers.gone.add(TAG)
    taken = []
    stack.transports[0].on_message = lambda data, flow: taken.append(parse(data).method)

    assert edge(request(stack, source, "BYE", to_tag=TAG)) is True
    assert (sent(stack), taken) == ([], [])
    network.advance(edge.peers.heard_within)
    assert taken == ["BYE"]


def test_an_invite_that_another_node_has_challenged_goes_there_with_all_that_belongs_to_it(stack, edge):
    """Only that one knows whether its nonce was used."""
    assert edge.hand_over(request(stack, PHONE), "north") is True
    remote, handed = sent(stack).last
    vias = [("Via", value) for value in handed.headers.get_list("Via")]
    edge.take_response(response(100, vias), stack.transports[0].flow(NORTH))
    assert edge(request(stack, PHONE)) is True

    assert (remote, sent(stack).last[0]) == (NORTH, NORTH)
    assert [to for _, to in sent(stack)] == [NORTH, PHONE, NORTH]


@pytest.mark.parametrize("is_known_to_be_lost", [True, False])
def test_one_of_which_nothing_comes_is_taken_here_when_it_is_repeated(
    network, stack, edge, is_known_to_be_lost
):
    """That node has died. Before anybody knows it, it may only be slow, and is asked once more."""
    assert edge.hand_over(request(stack, PHONE), "north") is True
    edge.peers.is_north_lost = is_known_to_be_lost
    network.advance(0.5)
    assert edge(request(stack, PHONE)) is not is_known_to_be_lost
    network.advance(1.0)
    if not is_known_to_be_lost:
        assert edge(request(stack, PHONE)) is False
    assert edge.hand_over(request(stack, PHONE), "north") is False

    assert [to for _, to in sent(stack)] == [NORTH] * (1 if is_known_to_be_lost else 2)


@pytest.mark.parametrize("is_answered", [True, False])
def test_over_a_connection_nobody_repeats_it(network, stack, edge, is_answered):
    incoming, taken = request(stack, PHONE), []
    incoming.reply_flow.is_reliable = True
    stack.transports[0].on_message = lambda data, flow: taken.append(parse(data).method)
    edge.hand_over(incoming, "north")
    if is_answered:
        _, handed = sent(stack).last
        vias = [("Via", value) for value in handed.headers.get_list("Via")]
        edge.take_response(response(100, vias), stack.transports[0].flow(NORTH))
    network.advance(1.5)

    assert taken == ([] if is_answered else ["INVITE"])


@pytest.mark.parametrize(
    ("source", "more", "is_lost"),
    [
        (PHONE, {"method": "REGISTER"}, False),
        (PHONE, {"to_tag": TAG}, False),
        (NORTH, {}, False),
        (PHONE, {}, True),
    ],
)
def test_nothing_else_goes_there(stack, edge, source, more, is_lost):
    edge.peers.is_north_lost = is_lost

    assert edge.hand_over(request(stack, source, **more), "north") is False
    assert sent(stack) == []


def test_what_was_written_for_a_connection_of_the_other_node_is_repeated_as_it_is(stack, edge):
    """With another Via on top the phone, which has heard it there, would take it for a second way of one request."""
    incoming = request(
        stack, NORTH, route=[f"<sip:{token()}@127.0.0.1:5060;lr;flow>", "<sip:next@192.0.2.1;lr>"]
    )
    noted = "SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bK1;rport=5060;received=127.0.0.2"
    incoming.request.headers.set("Via", noted)
    assert edge(incoming) is True
    remote, repeated = sent(stack).last

    assert (remote, repeated.headers.get_list("Via")) == (
        PHONE, ["SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bK1;rport"],
    )  # fmt: skip
    assert (repeated.headers.get_list("Route"), repeated.max_forwards) == (["<sip:next@192.0.2.1;lr>"], 70)
    assert repeated.headers.get("Record-Route") is None


def test_when_that_connection_has_ended_too_its_node_hears_of_it(stack, edge, monkeypatch):
    incoming = request(stack, NORTH, route=[f"<sip:{token()}@127.0.0.1:5060;lr;flow>"])
    incoming.request.headers.set("Via", "SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bK1;rport")

    def broken(flow, data):
        raise OSError("no more")

    monkeypatch.setattr(stack.transports[0], "send", broken)
    with pytest.raises(Reject, match="430"):
        edge(incoming)


@pytest.mark.parametrize(
    ("key", "statuses", "times"),
    [
        (AT_NORTH, (), 2),
        (AT_NORTH, (100,), 2),
        (AT_NORTH, (100, 180), 1),
        (AT_NORTH, (180,), 1),
        (AT_NORTH.replace("udp", "tcp"), (), 1),
    ],
)
def test_an_invite_that_a_lost_node_has_not_passed_on_is_repeated_at_once(stack, edge, key, statuses, times):
    """By Timer A it would come again after up to sixteen seconds. A connection has ended with its node.

    Nor is it repeated by Timer A once it was heard (100); whether the phone rings, that node alone may have been told.
    """
    invite = request(stack, PHONE).request
    stack.start_client(invite, edge.flows.flow(f"north!{key}"), None)
    for status in statuses:
        stack.layer.match_response(make_response(invite, status, to_tag="2"), stack.clock())
    edge.peers.is_north_lost = True
    edge.moved()

    assert len(sent(stack)) == times
    assert {parse(data).top_via.branch for data, _ in sent(stack)} == {invite.top_via.branch}


@pytest.mark.parametrize(("key", "status", "times"), [
    (AT_NORTH, 180, 2), (AT_NORTH, 486, 1), (AT_NORTH.replace("udp", "tcp"), 180, 1),
])  # fmt: skip
def test_what_its_caller_was_told_by_way_of_a_lost_node_is_told_again(stack, edge, key, status, times):
    """Nobody asks for a provisional response again (RFC 3261 §17.2.1); a refusal is repeated by Timer G."""
    invite = request(stack, PHONE).request
    transaction = stack.layer.server(invite, edge.flows.flow(f"north!{key}"), None, stack.clock())
    transaction.respond(make_response(invite, status, to_tag="2"), stack.clock())
    edge.peers.is_north_lost = True
    edge.moved()

    assert [parse(data).status for data, _ in sent(stack)] == [status] * times


def _cancelled(stack, flow):
    """A CANCEL of what rings."""
    invite = request(stack, PHONE).request
    transaction = stack.start_client(invite, flow, None)
    stack.layer.match_response(make_response(invite, 180, to_tag="2"), stack.clock())
    transaction.cancel(stack.clock())


def _asked(method, *statuses):
    def asked(stack, flow):
        asking = request(stack, PHONE, method, to_tag="" if method == "INVITE" else "2").request
        stack.start_client(asking, flow, None)
        for status in statuses:
            stack.layer.match_response(make_response(asking, status, to_tag="2"), stack.clock())

    return asked


def _told(status):
    def told(stack, flow):
        invite = request(stack, PHONE).request
        transaction = stack.layer.server(invite, flow, None, stack.clock())
        transaction.respond(make_response(invite, status, to_tag="2"), stack.clock())
        stack.ticker.arm()

    return told


def _answered(stack, flow):
    answer = bytes(make_response(request(stack, PHONE).request, 200, to_tag="2"))
    stack.layer.repeat(answer, flow, lambda: None, stack.clock())
    stack.ticker.arm()


@pytest.mark.parametrize(("say", "what"), [
    (_asked("INVITE"), "INVITE "), (_asked("INVITE", 100), "INVITE "), (_asked("BYE"), "BYE "),
    (_asked("INFO"), "INFO "), (_cancelled, "CANCEL "), (_told(180), "SIP/2.0 180"), (_told(486), "SIP/2.0 486"),
    (_answered, "SIP/2.0 200"),
])  # fmt: skip
@pytest.mark.parametrize("is_told", [True, False])
def test_what_nobody_gets_while_a_node_is_lost_is_said_again(network, stack, edge, say, what, is_told):
    """Whatever waits for no answer of ours: an ACK, and what answers a request, are said again when these are.

    Where nobody has to act for the node, as it is back, only what its caller was told may wait for its minute.
    """
    flow = edge.flows.flow(f"north!{AT_NORTH}")
    edge.peers.nobody_acts = True
    say(stack, flow)
    network.advance(10.0)
    assert not sent(stack)
    edge.peers.nobody_acts, edge.peers.is_north_lost = False, is_told
    if is_told:
        edge.moved()
    network.advance(8.0 if what != "SIP/2.0 180" else 60.0)

    assert any(data.startswith(what.encode()) for data, _ in sent(stack))


THIRD = ("127.0.0.4", 5060)


class Connection:
    """One that stands, and what is sent over it."""

    protocol, key, is_closed, is_reliable = "tcp", OVER_TCP, False, True
    local, remote, sent_by, sent_protocol = HERE, PHONE, "127.0.0.1:5060", "SIP/2.0/TCP 127.0.0.1:5060"

    def __init__(self):
        self.said = []

    def send(self, data):
        self.said.append(data)


def test_over_a_connection_a_request_is_the_same_by_whichever_edge_it_comes(stack, edge, monkeypatch):
    """The phone has another one to another node when it comes again, and may have heard it (RFC 3261 §17.2.3)."""
    connection, other = Connection(), Edge(stack, FakePeers("north"), TOKENS, NORTH)
    monkeypatch.setattr(stack, "flow_from_key", lambda key: connection)
    third = ("127.0.0.4", 5060)
    edge.peers.is_peer = other._peers.is_peer = lambda address: address in (HERE, NORTH, third)
    other._peers.acts_for = lambda node: node == "north"
    for by, node, address in ((edge, "south", "127.0.0.1"), (other, "north", "127.0.0.2")):
        route = f"<sip:{TOKENS.write(OVER_TCP, node)}@{address}:5060;lr;flow>"
        assert by(request(stack, third, route=[route])) is True
    first, again = (parse(data).top_via for data in connection.said)

    assert (first.transport, first.sent_by) == ("TCP", "127.0.0.4:5060")
    assert (again.branch, again.sent_by) == (first.branch, first.sent_by)


def test_the_way_by_the_edge_leads_to_a_phone_of_this_node_too(stack, edge):
    way = edge.flows.by_edge(stack.transports[0].flow(PHONE))
    elsewhere = stack.flow_from_key(f"north!{AT_NORTH}")
    way.send(bytes(request(stack, HERE).request))
    remote, sent_there = sent(stack).last

    assert (remote, sent_there.headers.get("route")) == (HERE, through().replace(";lr", ";lr;flow"))
    assert edge.flows.by_edge(elsewhere) is elsewhere


def test_an_answer_over_a_connection_is_heard_whatever_the_node_of_the_call_is_called(
    stack, edge, monkeypatch
):
    """Behind a public address its Via names that, where no node listens as far as others know (RFC 3261 §18.1.2)."""
    connection = Connection()
    monkeypatch.setattr(stack, "flow_from_key", lambda key: connection if key == OVER_TCP else way)
    way = stack.transports[0].flow(NORTH)
    stack.receiver.on_stray_response, stack.receiver.is_of_node = edge.take_response, edge.is_of_node
    invite = request(stack, NORTH, route=[f"<sip:{TOKENS.write(OVER_TCP, 'south')}@127.0.0.1:5060;lr;flow>"])
    public = invite.request.top_via.sent_by.replace("127.0.0.2", "203.0.113.10")
    top = invite.request.headers.get_list("Via")[0].replace("127.0.0.2:5060", public)
    invite.request.headers.set_first("Via", top)
    assert edge(Incoming(stack, parse(bytes(invite.request)), way, way, 0.0)) is True
    vias = [("Via", value) for value in parse(connection.said[0]).headers.get_list("Via")]
    stack.receiver.receive(bytes(response(180, vias)), connection)
    remote, heard = sent(stack).last

    assert (remote, heard.status, heard.top_via.sent_by) == (NORTH, 180, public)
    stack.receiver.receive(
        bytes(response(183, [("Via", vias[0][1].replace("flow=", "flow=A")), vias[1]])), connection
    )
    assert sent(stack).last[1].status == 180


ELSEWHERE = "udp/127.0.0.1:5060/127.0.0.3:5071"
"""Where the phone is now, at this node."""


def test_a_phone_that_has_come_here_hears_what_it_may_have_heard_in_the_name_of_the_edge_before(stack, edge):
    """Else it would be a second INVITE of the call (RFC 3261 §8.2.2.2), and no transaction would have its CANCEL."""
    third = Edge(stack, FakePeers("third"), TOKENS, THIRD).flows
    edge.peers.is_peer = lambda address: address in (HERE, NORTH, THIRD)
    way = third.instead(third.routed(f"south!{ELSEWHERE}"), third.routed(f"north!{AT_NORTH}"))
    for method in ("INVITE", "CANCEL"):
        asked = request(stack, THIRD, method).request
        way.send(bytes(asked))
        remote, routed = sent(stack).last
        assert remote == HERE
        incoming = Incoming(
            stack, routed, stack.transports[0].flow(THIRD), stack.transports[0].flow(THIRD), 0.0
        )
        assert edge(incoming) is True
        remote, heard = sent(stack).last

        assert remote == ("127.0.0.3", 5071)
        assert (heard.top_via.sent_by, heard.top_via.branch) == ("127.0.0.2:5060", branch_of(asked))
        assert heard.headers.get("Route") is None


@pytest.mark.parametrize(
    ("key", "before", "found", "name"),
    [
        (f"south!{ELSEWHERE}", f"north!{AT_NORTH}", "south", "north"),
        (f"north!{AT_NORTH}", f"north!{AT_NORTH}", "north", "north"),
        (ELSEWHERE, f"south!{key_of(PHONE)}", "south", "south"),
        (ELSEWHERE, key_of(PHONE), "", ""),
        (f"north!{AT_NORTH}", key_of(PHONE), "north", ""),
        (f"south!{ELSEWHERE.replace('udp', 'tcp')}", f"north!{AT_NORTH}", None, ""),
        (f"south!{ELSEWHERE}", f"north!{AT_NORTH.replace('udp', 'tcp')}", None, ""),
    ],
)
def test_there_is_a_way_instead_of_another_where_its_phone_can_know_what_it_hears(
    stack, edge, key, before, found, name
):
    way = edge.flows.instead(_flow(stack, edge, key), _flow(stack, edge, before))

    assert (way if way is None else getattr(way, "node", "")) == found
    assert name in ("", getattr(way, "name", ("",))[0])


@pytest.mark.parametrize("sent_by", [THIRD, ("203.0.113.7", 5080)], ids=["its edge", "another address of it"])
def test_a_phone_that_has_come_here_hears_as_it_is_what_it_has_heard_without_an_edge(stack, edge, sent_by):
    """What it answers has the Via of the node that has the call, and goes on there by the tag."""
    third = Edge(stack, FakePeers("third"), TOKENS, THIRD).flows
    edge.peers.is_peer = lambda address: address in (HERE, NORTH, THIRD)
    stack.on_stray_response = edge.take_response
    stack.receiver.on_stray_response, stack.receiver.is_of_node = edge.take_response, edge.is_of_node
    way = third.instead(third.routed(f"south!{ELSEWHERE}"), stack.flow_from_key(key_of(PHONE)))
    for method in ("INVITE", "CANCEL", "BYE"):
        asked = request(stack, THIRD, method).request
        asked.headers.set("Via", f"SIP/2.0/UDP {sent_by[0]}:{sent_by[1]};branch=z9hG4bK1;rport")
        asked.headers.set("From", f"<sip:a@x>;tag={TAG}")
        way.send(bytes(asked))
        flow = stack.transports[0].flow(THIRD)
        edge(Incoming(stack, sent(stack).last[1], flow, flow, 0.0))
        remote, heard = sent(stack).last

        assert (remote, bytes(heard)) == (("127.0.0.3", 5071), bytes(asked))
    answer = response(200, [("Via", f"{asked.headers.get('Via')}=5060;received=127.0.0.1")])
    answer.headers.set("From", f"<sip:a@x>;tag={TAG}")
    stack.receiver.receive(bytes(answer), stack.transports[0].flow(("127.0.0.3", 5071)))
    assert (sent(stack).last[0], bytes(sent(stack).last[1])) == (NORTH, bytes(answer))


def test_who_moves_on_hears_the_name_of_the_first(stack, edge):
    """And by that edge its own, when it is back there."""
    flows = edge.flows
    first = flows.routed(f"north!{AT_NORTH}")
    second = flows.instead(flows.routed(f"south!{ELSEWHERE}"), first)
    third = flows.instead(flows.routed(f"south!{key_of(PHONE)}"), second)

    assert (third.node, third.name) == ("south", first.name)
    assert flows.instead(first, third) is first


def _flow(stack, edge, key):
    return edge.flows.routed(key) if "!" in key else stack.flow_from_key(key)

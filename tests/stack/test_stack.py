import os
import subprocess
import sys

import pytest
from tests.stack.conftest import PEER, response_to

from sipwright.sip.build import make_response
from sipwright.sip.message import Request
from sipwright.sip.parser import parse
from sipwright.sip.transaction import PROCEEDING
from sipwright.sip.uri import Uri
from sipwright.stack import Pipeline, Stack
from sipwright.transport import Resolver, Target, UdpTransport
from sipwright.transport.flow import Flow
from sipwright.transport.loopback import LoopbackTransport

# --- sending


def test_a_request_gets_a_via_and_its_response_finds_the_user(element, peer, outgoing, user):
    tx = element.stack.send_request(outgoing(), PEER, user)
    element.network.advance(0.02)
    via = peer.received[0].top_via
    peer.send(response_to(peer.received[0]), element)

    assert (via.transport, via.sent_by, "rport" in via.params) == ("UDP", "192.0.2.1:5060", True)
    assert via.branch == tx.request.top_via.branch
    assert via.branch.startswith("z9hG4bK")
    assert user.statuses == [(200, False)]


def test_a_flow_can_be_given_instead_of_a_target(element, peer, outgoing, user):
    element.stack.send_request(outgoing(), element.udp.flow(peer.transport.local), user)
    element.network.advance(0.02)

    assert len(peer.received) == 1


def test_nobody_listening_is_a_local_503(element, outgoing, user):
    """§8.1.3.1."""
    element.stack.send_request(outgoing(), Target("tcp", "192.0.2.9", 5060), user)
    assert user.statuses == []
    element.network.advance(1.0)

    assert user.statuses == [(503, True)]
    assert len(element.stack.layer) == 0


def test_a_connection_that_breaks_is_a_local_503_for_all_who_wait_on_it(element, new_peer, outgoing, user):
    """§17.1.4."""
    new_peer("192.0.2.2", 5062, "tcp")
    for number in range(10):
        tx = element.stack.send_request(outgoing(call_id=str(number)), Target("tcp", *PEER[1:]), user)
    element.network.advance(1.0)
    element.tcp.cut(tx.flow)

    assert user.statuses == [(503, True)] * 10
    assert len(element.stack.layer) == 0


def test_no_transport_for_a_target_is_an_error(element, outgoing, user):
    with pytest.raises(OSError, match="no tls transport"):
        element.stack.send_request(outgoing(), Target("tls", "192.0.2.2", 5061), user)


def test_an_ack_is_sent_without_a_transaction(element, peer, outgoing):
    element.stack.send_stateless(outgoing("ACK"), PEER)
    with_via = outgoing("ACK")
    with_via.headers.insert("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx")
    element.stack.send_stateless(with_via, PEER)
    element.stack.send_stateless(with_via, element.udp.flow(peer.transport.local))
    element.network.advance(1.0)

    assert [len(ack.vias) for ack in peer.received] == [1, 1, 1]
    assert [ack.top_via.branch for ack in peer.received[1:]] == ["z9hG4bKx"] * 2
    assert len(element.stack.layer) == 0


def test_a_response_whose_connection_has_ended_opens_another(element, new_peer, request_text):
    """§18.2.2: to the port in the sent-by."""
    caller = new_peer("192.0.2.2", 40_000, "tcp")
    listener = new_peer("192.0.2.2", 5070, "tcp")
    caller.send(request_text(via="SIP/2.0/TCP 192.0.2.2:5070;branch=z9hG4bK1"), element)
    incoming = element.received[0]
    element.tcp.cut(incoming.flow)

    incoming.respond(200)
    element.network.advance(1.0)

    assert (caller.statuses, listener.statuses) == ([], [200])


def test_a_refusal_of_what_has_no_via_to_read_is_lost_with_its_connection(element, new_peer, request_text):
    """At a start it ended the switch: what came before is taken up then, by connections that may have ended since."""
    caller = new_peer("192.0.2.2", 40_000, "tcp")
    flow = element.tcp.flow(("192.0.2.2", 40_000))
    element.tcp.cut(flow)
    text = request_text(via="SIP/2.0/TCP x y;branch=z9hG4bK1", extra=f"Subject: {'long ' * 40}\r\n")

    element.stack.receiver.receive(text.encode(), flow)
    element.network.advance(1.0)

    assert caller.statuses == []


@pytest.mark.parametrize("is_known", [False, True])
def test_but_to_no_other_port_of_this_machine_for_whoever_is_not_known(
    element, new_peer, request_text, is_known
):
    caller, listener = new_peer("127.0.0.1", 40_000, "tcp"), new_peer("127.0.0.1", 5432, "tcp")
    caller.send(request_text(via="SIP/2.0/TCP 127.0.0.1:5432;branch=z9hG4bK1"), element)
    incoming = element.received[0]
    if is_known:
        incoming.flow.vouch()
    element.tcp.cut(incoming.flow)

    incoming.respond(200)
    element.network.advance(1.0)

    assert listener.statuses == ([200] if is_known else [])


def test_a_response_that_cannot_be_sent_is_lost_quietly(element, new_peer, request_text):
    caller = new_peer("192.0.2.2", 40_000, "tcp")
    caller.send(request_text(via="SIP/2.0/TCP 192.0.2.2:5070;branch=z9hG4bK1"), element)
    incoming = element.received[0]
    element.tcp.cut(incoming.flow)

    incoming.reply_statelessly(403)
    incoming.respond(200)

    assert element.log.lines == []


# --- addresses and flows


def test_the_contact_is_where_the_peer_reaches_us(element, new_element):
    udp = element.udp.flow(("198.51.100.1", 5060))
    tcp = element.tcp.flow(("198.51.100.1", 5060))
    public = new_element("10.0.0.1", public_address="203.0.113.1")

    assert element.stack.local_contact(udp, "alice") == "<sip:alice@192.0.2.1:5060>"
    assert element.stack.local_contact(tcp) == "<sip:192.0.2.1:5060;transport=tcp>"
    assert public.stack.local_contact(public.udp.flow(("198.51.100.1", 5060))) == "<sip:203.0.113.1:5060>"
    assert element.stack.via_for(udp, "z9hG4bK7") == "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK7;rport"
    assert element.stack.addresses.is_own("192.0.2.1")
    assert not element.stack.addresses.is_own("192.0.2.1", 5070)
    assert element.stack.addresses.is_own_host("192.0.2.1")


async def test_a_flow_is_found_for_a_target_if_it_is_there(element, new_peer):
    new_peer("192.0.2.2", 5062, "tcp")
    target = Target("tcp", "192.0.2.2", 5062)

    assert element.stack.outbound.find(Target("udp", "192.0.2.2", 5062)).protocol == "udp"
    assert element.stack.outbound.find(target) is None
    flow = element.tcp.flow(target[1:3])
    assert element.stack.outbound.find(target) is flow
    assert element.stack.outbound.find(Target("tls", "192.0.2.2", 5062)) is None


class Names:
    """The DNS: one name, and nothing else."""

    async def __call__(self, name):
        return (["192.0.2.2"], 60.0) if name == "pbx.example.org" else ([], 0.0)


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("sip:192.0.2.2:5062", "udp/192.0.2.1:5060/192.0.2.2:5062"),
        ("sip:pbx.example.org", "udp/192.0.2.1:5060/192.0.2.2:5060"),
        ("sip:nowhere.example.org", None),
        ("sips:192.0.2.2", None),
    ],
)
async def test_the_way_to_a_uri_is_found_at_once_or_after_a_lookup(element, uri, key):
    element.stack.outbound.resolver = Resolver(Names())
    found = []
    for _ in range(2):
        element.stack.outbound.reach(Uri.parse(uri), lambda target, flow: found.append(flow))
        await element.network.run(1.0)

    assert [flow and flow.key for flow in found] == [key, key]


def test_a_target_without_a_transport_is_no_way(element):
    element.stack.outbound._transports = (element.tcp,)
    found = []
    element.stack.outbound.reach(
        Uri.parse("sip:192.0.2.2"), lambda target, flow: found.append((target, flow))
    )

    assert found == [(None, None)]


def test_a_request_with_its_via_starts_on_a_flow_that_is_known(element, new_peer, outgoing, user):
    tcp = new_peer("192.0.2.2", 5062, "tcp")
    flow = element.stack.outbound.flow_for_large(PEER, element.udp.flow(PEER[1:3]))
    request = outgoing("INVITE")
    request.headers.insert("Via", element.stack.via_for(flow, "z9hG4bKmine"))
    element.stack.start_client(request, flow, user)
    element.network.advance(0.1)
    element.tcp.cut(flow)

    assert [message.top_via.branch for message in tcp.received] == ["z9hG4bKmine"]
    assert user.statuses == [(503, True)]


def test_a_flow_is_made_again_from_its_key(element):
    udp = element.udp.flow(("192.0.2.2", 5062))
    tcp = element.tcp.flow(("192.0.2.2", 40_000))

    assert element.stack.flow_from_key(udp.key) is udp
    assert element.stack.flow_from_key(tcp.key) is tcp
    element.tcp.cut(tcp)
    assert element.stack.flow_from_key(tcp.key) is None
    assert element.stack.flow_from_key("udp/192.0.2.9:5060/192.0.2.2:5062") is None
    assert element.stack.flow_from_key("udp/192.0.2.1:5070/192.0.2.2:5062") is None
    assert element.stack.flow_from_key("nonsense") is None


def test_flows_of_other_nodes_are_reached_as_these_say_and_those_of_lost_ones_from_here(element):
    key = "udp/192.0.2.7:5060/192.0.2.2:5062"
    elsewhere = {f"north!{key}": Flow("udp", ("192.0.2.7", 5060), ("192.0.2.2", 5062))}
    element.stack.join(elsewhere.get, lambda address: False)
    by_edge = element.stack.flow_from_key(f"north!{key}")
    before = elsewhere.pop(f"north!{key}")

    assert by_edge is before
    assert element.stack.flow_from_key(f"north!{key}").remote == ("192.0.2.2", 5062)
    assert element.stack.flow_from_key(key).remote == ("192.0.2.2", 5062)
    assert element.stack.flow_from_key("north!tcp/192.0.2.7:5060/192.0.2.2:5062") is None


def test_the_loop_is_found_by_its_key(network):
    loop = LoopbackTransport(network.call_later)
    stack = Stack([loop], Pipeline())
    flow = loop.flow(("127.0.0.1", 0))

    assert stack.flow_from_key(flow.key) is flow


async def test_a_wildcard_socket_makes_a_flow_again_with_the_address_it_had():
    transport = UdpTransport("0.0.0.0", 0)
    stack = Stack([transport], Pipeline())
    await transport.start()
    port = transport.local[1]
    flow = stack.flow_from_key(f"udp/127.0.0.3:{port}/127.0.0.1:5062")
    elsewhere = stack.flow_from_key(f"udp/127.0.0.1:{port}/[::1]:5062")
    await transport.close()

    assert flow.local == ("127.0.0.3", port)
    assert elsewhere is None


# --- life


def test_transactions_of_an_earlier_process_go_on(element, peer, outgoing, request_text, user):
    request = parse(request_text("INVITE").encode())
    flow = element.stack.flow_from_key("udp/192.0.2.1:5060/192.0.2.2:5062")
    tx = element.stack.restore_server(request, flow, user, None)
    answered = parse(request_text("BYE", via="SIP/2.0/UDP 192.0.2.2:5062;branch=z9hG4bKbye").encode())
    element.stack.restore_answered(bytes(make_response(answered, 200, to_tag="t")), flow, None)
    sent = outgoing("INVITE")
    sent.headers.insert("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKold")
    element.stack.restore_client(sent, flow, user, PROCEEDING)
    over_tcp = outgoing("BYE", call_id="tcp")
    over_tcp.headers.insert("Via", "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKtcp")
    tcp_flow = element.tcp.flow(("192.0.2.2", 9))
    element.stack.restore_client(over_tcp, tcp_flow, user)
    element.network.advance(0.15)

    peer.send(request_text("CANCEL"), element)
    peer.send(response_to(sent, 180), element)
    peer.send(bytes(answered), element)

    assert (tx.state, user.heard) == ("proceeding", ["CANCEL"])
    assert [each.cseq.method for each in peer.received if each.status == 200].count("BYE") == 2
    assert user.statuses == [(503, True), (180, False)]


async def test_a_stack_that_cannot_have_one_address_gives_the_others_back():
    first, second = UdpTransport("127.0.0.1", 0), UdpTransport("127.0.0.1", 0)
    stack = Stack([first], Pipeline())
    await stack.start()
    second._address = first.local
    third = UdpTransport("127.0.0.1", 0)

    with pytest.raises(OSError, match="in use"):
        await Stack([third, second], Pipeline()).start()

    assert third.is_closed
    await stack.close()


def test_the_snapshot_counts(element, peer, request_text):
    element.handle = lambda incoming: bool(incoming.respond(200))
    peer.send(request_text(), element)
    snapshot = element.stack.snapshot()

    assert (snapshot.requests, snapshot.responses) == (1, 0)
    assert element.stack.layer.snapshot().transactions == {("ServerNonInvite", "completed"): 1}
    assert [transport.received for transport in snapshot.transports] == [1, 0]


def test_one_tap_hears_all_transports(element, peer, request_text):
    heard = []
    element.stack.tap.listen(lambda direction, at, flow, data: heard.append((direction, flow.protocol)))
    element.handle = lambda incoming: bool(incoming.respond(200))
    peer.send(request_text(), element)

    assert heard == [("in", "udp"), ("out", "udp")]
    assert isinstance(element.received[0].request, Request)


def test_a_tag_tells_which_process_has_answered_whatever_its_environment_says():
    """Workers of one switch know by it who was asked, and where it is random nobody outside can guess it."""
    code = "from sipwright.stack.tokens import tag_of; print(tag_of('z9hG4bK1', '192.0.2.1', 'call'))"
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": "0"},
            capture_output=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]

    assert told[0] != told[1]

"""RFC 3261 §18.1.1: large requests go over TCP where it is taken, else over UDP."""

import pytest

from sipwright.sip import Uri
from sipwright.stack import udp_fallback
from sipwright.transport import Target

TARGET = Target("udp", "192.0.2.2", 5062)
LARGE = bytes(2_000)


def test_a_large_request_goes_over_tcp(element, new_peer, outgoing, user):
    udp, tcp = new_peer("192.0.2.2", 5062), new_peer("192.0.2.2", 5062, "tcp")
    tx = element.stack.send_request(outgoing(body=LARGE), TARGET, user)
    element.stack.send_request(outgoing(call_id="small"), TARGET, user)
    element.network.advance(0.1)

    assert [request.call_id for request in tcp.received] == ["out"]
    assert [request.call_id for request in udp.received] == ["small"]
    assert tcp.received[0].top_via.transport == "TCP"
    assert tx.request.top_via.transport == "TCP"


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("sip:192.0.2.9;transport=tls", "TLS is switched off here; see [sip] tls"),
        ("sip:192.0.2.9;transport=sctp", "SCTP is not spoken here; ';transport=' takes udp, tcp, tls"),
        ("sip:[2001:db8::1]", "no network of this machine leads there"),
    ],
)
def test_why_there_is_no_way_to_a_server_is_told(element, uri, why):
    assert element.stack.outbound.why_no_way(Uri.parse(uri)) == why


def test_a_flow_that_was_given_is_kept(element, new_peer, outgoing, user):
    udp, tcp = new_peer("192.0.2.2", 5062), new_peer("192.0.2.2", 5062, "tcp")
    element.stack.send_request(outgoing(body=LARGE), element.udp.flow(udp.transport.local), user)
    element.network.advance(0.1)

    assert (len(udp.received), len(tcp.received)) == (1, 0)


def test_without_tcp_it_goes_over_udp_and_so_does_the_next(element, new_peer, outgoing, user):
    udp = new_peer("192.0.2.2", 5062)
    for call_id in ("first", "second"):
        element.stack.send_request(outgoing(call_id=call_id, body=LARGE), TARGET, user)
    element.network.advance(0.1)

    assert [request.call_id for request in udp.received] == ["first", "second"]
    assert {request.top_via.transport for request in udp.received} == {"UDP"}


class Connecting:
    """Makes the TCP flows of an element behave like connections that are not open yet."""

    def __init__(self, element, monkeypatch):
        self.queued = []
        self.is_open = False
        flow_class = type(element.tcp.flow(("192.0.2.99", 1)))
        send = flow_class.send
        monkeypatch.setattr(flow_class, "is_open", property(lambda _: self.is_open), raising=False)

        def send_or_queue(flow, data):
            if flow.protocol == "tcp" and not self.is_open:
                self.queued.append((flow, data))
            else:
                send(flow, data)

        monkeypatch.setattr(flow_class, "send", send_or_queue)

    def open(self):
        self.is_open = True
        for flow, data in self.queued:
            flow.send(data)


def test_a_connection_that_opens_in_time_is_used_once(element, new_peer, outgoing, user, monkeypatch):
    udp, tcp = new_peer("192.0.2.2", 5062), new_peer("192.0.2.2", 5062, "tcp")
    connecting = Connecting(element, monkeypatch)
    element.stack.send_request(outgoing(body=LARGE), TARGET, user)
    element.network.advance(0.7)
    connecting.open()
    element.network.advance(5.0)

    assert (len(tcp.received), len(udp.received)) == (1, 0)
    assert element.stack.outbound._attempts == {}


def test_a_connection_that_takes_too_long_is_given_up(element, new_peer, outgoing, user, monkeypatch):
    """A firewall that drops the SYN gives no answer at all."""
    udp = new_peer("192.0.2.2", 5062)
    Connecting(element, monkeypatch)
    tx = element.stack.send_request(outgoing(body=LARGE), TARGET, user)
    assert tx.flow.protocol == "tcp"
    element.network.advance(udp_fallback.PATIENCE + 0.1)

    assert udp.received[0].top_via.transport == "UDP"
    assert udp.received[0].top_via.branch == tx.request.top_via.branch
    assert tx.flow.key == "udp/192.0.2.1:5060/192.0.2.2:5062"
    assert not tx.flow.is_closed

    count = len(udp.received)
    element.network.advance(40.0)
    assert len(udp.received) > count
    assert user.statuses == [(408, True)]


def test_a_connection_that_fails_falls_back_at_once(element, new_peer, outgoing, user, monkeypatch):
    udp = new_peer("192.0.2.2", 5062)
    Connecting(element, monkeypatch)
    tx = element.stack.send_request(outgoing(body=LARGE), TARGET, user)
    assert not tx.flow.is_closed
    element.tcp.cut(element.tcp.find(("192.0.2.2", 5062)))
    tx.flow.fall_back()
    element.network.advance(0.1)

    assert len(udp.received) == 1
    assert element.stack.outbound._attempts == {}


def test_what_udp_cannot_send_either_is_a_local_503(element, outgoing, user, monkeypatch):
    Connecting(element, monkeypatch)
    element.stack.send_request(outgoing(body=LARGE), TARGET, user)
    element.udp.is_up = False
    element.tcp.cut(element.tcp.find(("192.0.2.2", 5062)))
    element.network.advance(2.0)

    assert user.statuses == [(503, True)]


def test_an_element_without_tcp_does_not_try(element, new_peer, outgoing, user):
    udp = new_peer("192.0.2.2", 5062)
    element.stack.outbound._transports = (element.udp,)
    element.stack.send_request(outgoing(body=LARGE), TARGET, user)
    element.network.advance(0.1)

    assert len(udp.received) == 1


def test_a_route_that_tcp_does_not_find_leaves_udp(element, new_peer, outgoing, user, monkeypatch):
    udp = new_peer("192.0.2.2", 5062)

    def fail(remote):
        raise OSError("no route")

    monkeypatch.setattr(element.tcp, "flow", fail)
    element.stack.send_request(outgoing(body=LARGE), TARGET, user)
    element.network.advance(0.1)

    assert len(udp.received) == 1


def test_what_is_remembered_is_bounded(element, outgoing, user, monkeypatch):
    monkeypatch.setattr(element.stack.outbound._refuses_tcp, "most", 2)
    Connecting(element, monkeypatch)
    for number in range(5):
        element.stack.send_request(
            outgoing(call_id=str(number), body=LARGE), Target("udp", f"192.0.2.{number + 10}", 5060), user
        )
    element.network.advance(2.0)

    assert len(element.stack.outbound._refuses_tcp) <= 2


@pytest.mark.parametrize("count", [100])
def test_a_busy_connection_does_not_remember_what_is_done(element, new_peer, outgoing, user, count):
    new_peer("192.0.2.2", 5062, "tcp")
    for number in range(count):
        tx = element.stack.send_request(outgoing(call_id=str(number)), Target("tcp", *TARGET[1:]), user)
        tx.state = "terminated"

    assert len(element.stack.outbound._waiting[tx.flow]) < count / 2

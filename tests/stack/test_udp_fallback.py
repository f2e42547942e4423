"""A request that tries TCP first: what goes on over UDP is that one request, and nothing that TCP has taken."""

import pytest

from sipwright.stack.udp_fallback import FallbackFlow
from sipwright.transport.flow import Flow

REMOTE = "192.0.2.1", 5060


class Way(Flow):
    """Keeps what it is given."""

    def __init__(self, protocol, *, is_open):
        super().__init__(protocol, ("10.0.0.1", 5060), REMOTE)
        self.sent, self.is_up, self.is_down = [], is_open, False

    @property
    def is_closed(self):
        return self.is_down

    @property
    def is_open(self):
        return self.is_up and not self.is_down

    def send(self, data):
        if self.is_down:
            raise OSError("closed")
        self.sent.append(data)


@pytest.fixture
def ways():
    tcp, udp = Way("tcp", is_open=False), Way("udp", is_open=True)
    return tcp, udp, FallbackFlow(tcp, udp, "SIP/2.0/TCP a", "SIP/2.0/UDP a")


def message(name, protocol="TCP"):
    return f"{name} sip:b SIP/2.0\r\nVia: SIP/2.0/{protocol} a;branch=1\r\n".encode()


def test_the_request_goes_on_over_udp_when_nothing_takes_the_connection(ways):
    tcp, udp, flow = ways
    for _ in range(3):
        flow.send(message("INVITE"))  # the transaction repeats it, TCP does that by itself
    flow.fall_back()
    flow.fall_back()
    flow.send(message("CANCEL"))

    assert tcp.sent == [message("INVITE")]
    assert udp.sent == [message("INVITE", "UDP"), message("CANCEL", "UDP")]
    assert (flow.settle(), flow.protocol) == (udp, "udp")


def test_the_peer_is_told_to_reach_us_over_udp_as_well(ways):
    """RFC 3261 §8.1.1.8: a BYE goes to our Contact, and would not come over a transport that the peer lacks."""
    _, udp, flow = ways
    contact = b"Contact: <sip:%ba%b>\r\n\r\n"
    flow.send(message("INVITE") + contact % (b"", b";transport=tcp"))
    flow.fall_back()

    assert udp.sent == [message("INVITE", "UDP") + contact % (b"", b"")]


def test_what_the_connection_has_taken_is_never_sent_again(ways):
    tcp, udp, flow = ways
    flow.send(message("INVITE"))
    tcp.is_up = True
    flow.send(message("ACK"))
    tcp.is_down = True
    flow.send(message("BYE"))

    assert tcp.sent == [message("INVITE"), message("ACK")]
    assert udp.sent == [message("BYE", "UDP")]
    assert flow.settle() is udp


def test_what_was_answered_is_not_tried_again_when_the_connection_closes(ways):
    tcp, udp, flow = ways
    flow.send(message("INVITE"))
    tcp.is_up = True
    assert flow.settle() is tcp

    tcp.is_down = True
    flow.fall_back()
    assert udp.sent == []


def test_a_connection_that_closes_before_it_is_used_costs_nothing(ways):
    tcp, udp, flow = ways
    tcp.is_down = True
    assert flow.is_closed
    flow.send(message("INVITE"))

    assert (udp.sent, flow.is_closed) == ([message("INVITE", "UDP")], False)

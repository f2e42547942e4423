from types import SimpleNamespace

import pytest

from sipwright.sip.transaction import CALLING, TERMINATED
from sipwright.stack import ReconnectingFlow
from sipwright.stack.reconnecting_flow import MOST_KEPT, connection_of
from sipwright.transport.flow import Flow, parse_flow_key


class Connection(Flow):
    """A connection that writes down what it is given."""

    is_reliable = True

    def __init__(self, port):
        super().__init__("tcp", ("10.0.0.1", 5060), ("30.0.0.1", port))
        self.sent = []
        self.is_open_still = True

    @property
    def is_closed(self):
        return not self.is_open_still

    def send(self, data):
        self.sent.append(data)


@pytest.fixture
def flow():
    return ReconnectingFlow(parse_flow_key("tcp/10.0.0.1:5060/30.0.0.1:40001"))


def test_what_is_sent_waits_for_the_peer_and_goes_out_in_order(flow):
    connection = Connection(40_002)
    flow.send(b"one")
    flow.send(b"two")

    assert (flow.is_lost, flow.is_open, flow.is_closed, flow.key) == (
        True,
        False,
        False,
        "tcp/10.0.0.1:5060/30.0.0.1:40001",
    )

    flow.resume(connection)
    flow.send(b"three")
    assert connection.sent == [b"one", b"two", b"three"]
    assert (flow.is_lost, flow.is_open, flow.key) == (False, True, connection.key)


def test_a_peer_may_go_away_and_come_back_again(flow):
    first, second = Connection(40_002), Connection(40_003)
    flow.resume(first)
    first.is_open_still = False
    flow.send(b"late")

    assert (flow.is_lost, first.sent) == (True, [])

    flow.resume(second)
    assert second.sent == [b"late"]


def test_of_too_many_messages_the_oldest_are_dropped(flow):
    connection = Connection(40_002)
    for number in range(MOST_KEPT + 2):
        flow.send(b"%d" % number)
    flow.resume(connection)

    assert connection.sent == [b"%d" % number for number in range(2, MOST_KEPT + 2)]


def test_what_is_withdrawn_does_not_wait_any_more(flow):
    connection = Connection(40_002)
    for data in (b"INVITE", b"CANCEL"):
        flow.send(data)
    flow.withdraw(b"INVITE")
    assert flow.has_kept

    flow.resume(connection)
    assert (connection.sent, flow.has_kept) == ([b"CANCEL"], False)


def test_what_a_connection_does_not_take_waits_for_the_next_one(flow):
    full, second = Connection(40_002), Connection(40_003)

    def refuse(data):
        raise OSError("too much waits")

    full.send = refuse
    flow.send(b"one")
    flow.resume(full)
    assert flow.has_kept

    full.is_open_still = False
    flow.resume(second)
    assert second.sent == [b"one"]


def test_what_was_written_for_an_edge_goes_by_one_again(flow):
    """Its peer may have heard it so at another node, and knows it by that Via alone (RFC 3261 §17.2.3)."""
    connection, edge = Connection(40_002), Connection(40_003)
    flow = ReconnectingFlow(parse_flow_key("tcp/10.0.0.1:5060/30.0.0.1:40001"), lambda way: edge)
    by_edge, directly, answer = (
        b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.9;branch=z9hG4bK1\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 30.0.0.1;branch=z9hG4bK1\r\n",
    )
    for message in (by_edge, directly, answer):
        flow.send(message)
    flow.resume(connection)
    flow.send(by_edge)

    assert (edge.sent, connection.sent) == ([by_edge, by_edge], [directly, answer])


def test_where_a_node_is_alone_all_goes_over_the_connection(flow):
    connection = Connection(40_002)
    flow.resume(connection)
    flow.send(b"INFO sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\r\n")

    assert len(connection.sent) == 1


def test_whoever_waits_hears_of_the_end_of_the_next_connection():
    """What it has sent may be lost with that (RFC 3261 §18.4); what is over need not hear of it."""
    watched = []
    key = parse_flow_key("tcp/10.0.0.1:5060/30.0.0.1:40001")
    flow = ReconnectingFlow(key, watch=lambda tx, connection: watched.append((tx, connection)))
    over, waits, later = (SimpleNamespace(state=state) for state in (TERMINATED, CALLING, CALLING))
    first, second = Connection(40_002), Connection(40_003)

    assert [connection_of(flow, tx) for tx in (over, waits)] == [None, None]
    assert connection_of(first, waits) is first
    flow.resume(first)
    assert watched == [(waits, first)]
    assert connection_of(flow, later) is first

    first.is_open_still = False
    flow.resume(second)
    assert watched == [(waits, first)]


def test_nobody_hears_of_a_connection_before_what_has_waited_is_sent(flow):
    """That waits for the one after it, as its transaction does."""
    watched = []
    flow._watch = lambda tx, connection: watched.append(connection)
    connection_of(flow, SimpleNamespace(state=CALLING))
    flow.send(b"one")
    broken, whole = Connection(40_002), Connection(40_003)
    broken.send = refuse
    flow.resume(broken)
    broken.is_open_still = False
    flow.resume(whole)

    assert (whole.sent, watched) == ([b"one"], [whole])


def refuse(data):
    raise OSError("gone")

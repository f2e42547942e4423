from tests.stack.conftest import PEER, response_to

from sipwright.stack import Pipeline, Stack
from sipwright.transport import Target, UdpTransport


def test_a_request_is_repeated_until_it_times_out(element, peer, outgoing, user):
    """§17.1.2.2; one timer of the loop drives it all, and rests when there is nothing to do."""
    element.stack.send_request(outgoing(), PEER, user)
    element.network.advance(40.0)

    assert len(peer.received) == 11
    assert user.statuses == [(408, True)]
    assert len(element.stack.layer) == 0
    assert element.stack.ticker.timer is None


def test_what_begins_in_silence_is_repeated_too(element, peer, outgoing, network):
    """A CANCEL at the end of the ring time, on a switch where nothing else happens: its timers have to run."""
    tx = element.stack.send_request(outgoing("INVITE"), PEER, None)
    network.advance(0.1)
    peer.send(response_to(peer.received[0], 180), element)
    network.advance(100.0)
    tx.cancel(network.now)
    network.advance(40.0)

    methods = [message.method for message in peer.received]
    assert methods.count("CANCEL") > 5
    assert len(element.stack.layer) == 0


def test_nothing_is_looked_at_between_two_deadlines(element, outgoing, user):
    """An idle switch that remembers its transactions for half a minute would be woken up ten times a second."""
    ticks, advance = [], element.stack.layer.advance

    def counted(now):
        ticks.append(now)
        advance(now)

    element.stack.layer.advance = counted
    element.stack.send_request(outgoing(), PEER, user)
    element.network.advance(33.0)

    assert len(ticks) == len([0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5, 32.0])


def test_a_shorter_timer_that_starts_meanwhile_is_in_time(element, peer, outgoing, network, user):
    element.stack.send_request(outgoing(call_id="1"), PEER, user)
    network.advance(20.0)  # the next deadline is that of its repetition at 23.5 s
    element.stack.send_request(outgoing(call_id="2"), PEER, user)
    network.advance(0.55)

    assert [message.call_id for message in peer.received].count("2") == 2


def test_a_bug_on_a_timeout_does_not_stop_the_clock(element, outgoing, user):
    class Broken:
        def on_response(self, tx, response):
            raise KeyError("bug")

    element.stack.send_request(outgoing(call_id="1"), PEER, Broken())
    element.stack.send_request(outgoing(call_id="2"), PEER, user)
    element.network.advance(33.0)

    assert element.log.events == ["timer failed"]
    assert user.statuses == [(408, True)]


async def test_closing_stops_the_clock(element, outgoing, user):
    element.stack.send_request(outgoing(), PEER, user)
    await element.stack.close()
    element.network.advance(100.0)

    assert user.statuses == []


async def test_the_loop_is_the_clock_unless_another_is_given(outgoing, user):
    transport = UdpTransport("127.0.0.1", 0)
    stack = Stack([transport], Pipeline())
    await stack.start()
    stack.send_request(outgoing(), Target("udp", *transport.local), user)

    assert stack.ticker.timer is not None
    await stack.close()

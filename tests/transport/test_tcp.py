import asyncio
import socket

import pytest

from sipwright.sip.framer import MOST_PINGS
from sipwright.transport import TcpLimits, TcpTransport, UdpTransport, parse_flow_key
from sipwright.transport.tcp_connection import MOST_AT_ONCE
from tcp_flows import connect


def message(text="hello", body=b""):
    return b"OPTIONS sip:%s SIP/2.0\r\nContent-Length: %d\r\n\r\n%s" % (text.encode(), len(body), body)


class Phone:
    """A connection of somebody else."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self.address = writer.get_extra_info("sockname")[:2]

    def write(self, data):
        self._writer.write(data)

    async def drain(self):
        await self._writer.drain()

    async def read(self, count):
        async with asyncio.timeout(60):
            return await self._reader.readexactly(count)

    async def ended(self):
        """Wait until the other end has closed the connection, and return what it had sent."""
        async with asyncio.timeout(60):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""

    def finish(self):
        """Say that nothing more comes, and read on."""
        self._writer.write_eof()

    def leave(self):
        self._writer.close()

    async def close(self):
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            pass


@pytest.fixture
async def phone():
    phones = []

    async def call(transport):
        host, port = transport.local
        phones.append(Phone(*await asyncio.open_connection("127.0.0.1" if host == "0.0.0.0" else host, port)))
        return phones[-1]

    yield call
    for one in phones:
        await one.close()


@pytest.fixture
async def listening(opened):
    async def start(host="127.0.0.1", **limits):
        transport = TcpTransport(host, 0, limits=TcpLimits(**limits))
        return transport, await opened(transport)

    return start


async def test_messages_come_up_whole_however_they_are_split(listening, phone):
    transport, inbox = await listening()
    caller = await phone(transport)
    data = message("a", b"body") + message("b")

    for byte in data[:-1]:
        caller.write(bytes([byte]))
        await caller.drain()
    await inbox.message(1)
    caller.write(data[-1:] + message("c"))
    await inbox.message(3)

    assert inbox.messages == [message("a", b"body"), message("b"), message("c")]
    assert transport.snapshot().unfinished_bytes == 0


async def test_an_answer_goes_back_on_the_connection(listening, phone):
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    flow = inbox.flows[0]

    flow.send(b"world")

    assert await caller.read(5) == b"world"
    host, port = caller.address
    assert parse_flow_key(flow.key)[:3] == ("tcp", transport.local, (host, port))
    assert (flow.is_reliable, flow.is_open, flow.is_closed) == (True, True, False)


async def test_a_connection_is_known_by_its_far_end_whoever_opened_it(listening, phone):
    """§18: connections are indexed by address, port and transport at the far end."""
    transport, inbox = await listening()
    other, other_inbox = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()

    assert transport.find(caller.address) is inbox.flows[0]

    flow = await connect(transport, other.local)
    flow.send(message("there"))
    await other_inbox.message()

    assert transport.find(other.local) is transport.flow(other.local) is flow
    assert await connect(transport, other.local) is flow
    assert flow.local == transport.local
    assert other.snapshot().accepted == 1


async def test_an_alias_leads_to_the_connection_until_it_ends(listening, phone):
    """RFC 5923 §5."""
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    flow = inbox.flows[0]

    flow.add_alias(("127.0.0.1", 5060))
    assert transport.find(("127.0.0.1", 5060)) is flow
    for port in range(100):
        flow.add_alias(("127.0.0.1", port))
    assert len(transport._aliases) == 8
    caller.leave()
    await inbox.until(lambda: inbox.closed)
    flow.add_alias(("127.0.0.1", 5060))

    assert transport.find(("127.0.0.1", 5060)) is None
    assert not transport._aliases


async def test_an_alias_does_not_displace_a_connection(listening, phone):
    transport, inbox = await listening()
    other, _ = await listening()
    flow = await connect(transport, other.local)
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()

    inbox.flows[0].add_alias(other.local)

    assert transport.find(other.local) is flow


async def test_what_is_sent_before_the_connection_stands_waits_for_it(listening):
    transport, _ = await listening()
    other, inbox = await listening()

    flow = transport.flow(other.local)
    assert not flow.is_open
    flow.send(message("1"))
    flow.send(message("2"))

    assert await inbox.message(2) == message("2")
    assert transport.snapshot().sent == 2


async def test_too_much_before_the_connection_stands_is_an_error(listening):
    transport, _ = await listening(unsent=100)
    other, _ = await listening()
    flow = transport.flow(other.local)
    flow.send(bytes(60))

    with pytest.raises(OSError, match="too much"):
        flow.send(bytes(60))
    await flow.wait_open()


async def test_a_refused_connection_is_reported(listening):
    transport, inbox = await listening()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        remote = nobody.getsockname()
        flow = transport.flow(remote)
        with pytest.raises(OSError, match="no connection"):
            await flow.wait_open()

    assert inbox.closed[0][0] is flow
    assert isinstance(inbox.closed[0][1], OSError)
    assert (flow.is_closed, transport.find(remote)) == (True, None)
    with pytest.raises(OSError, match="closed"):
        flow.send(b"x")


async def test_a_connection_that_does_not_come_about_times_out(listening):
    transport, inbox = await listening(connect=0.0)
    other, _ = await listening()

    with pytest.raises(OSError, match="no connection"):
        await connect(transport, other.local)
    assert isinstance(inbox.closed[0][1], TimeoutError)


async def test_a_ping_is_answered_with_a_pong(listening, phone):
    """RFC 5626 §4.4.1."""
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()

    caller.write(b"\r\n\r\n")

    assert await caller.read(2) == b"\r\n"
    assert (transport.snapshot().pings, len(inbox.messages)) == (1, 1)


async def test_whoever_sends_many_messages_at_once_lets_others_have_a_turn(listening, phone):
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    flow, sent = inbox.flows[0], [message(str(number)) for number in range(3 * MOST_AT_ONCE + 1)]
    flow.data_received(b"".join(sent[:-1]))
    others = len(inbox.messages) - 1
    caller.write(sent[-1])
    await inbox.message(len(sent) + 1)

    assert others == MOST_AT_ONCE
    assert inbox.messages[1:] == sent


async def test_what_waits_for_its_turn_is_lost_with_its_connection(listening, phone):
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    flow = inbox.flows[0]
    flow.data_received((MOST_AT_ONCE + 1) * message())
    flow.close()
    await inbox.until(lambda: inbox.closed)
    await flow.wait_lost()

    assert len(inbox.messages) == MOST_AT_ONCE + 1


async def test_pings_without_number_are_no_work(listening, phone):
    """Each would be answered by itself, before anything else is read: nobody needs ten answers at once."""
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    flow = inbox.flows[0]
    caller.write(1_000 * b"\r\n\r\n")
    while not flow._is_resting:  # noqa: ASYNC110
        await asyncio.sleep(0)
    pings = transport.snapshot().pings

    assert pings <= 2 * MOST_PINGS
    assert await caller.read(2 * pings) == pings * b"\r\n"
    assert not flow.is_closed


async def test_a_stream_that_cannot_be_followed_is_closed(listening, phone):
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: many\r\n\r\n")

    assert await caller.ended() == b""
    assert inbox.errors == ["Content-Length is not a number"]
    assert inbox.closed[0][1] is None
    assert transport.snapshot().framing_errors == 1


async def test_what_is_answered_before_closing_still_leaves(listening, phone):
    transport, _ = await listening()
    transport.on_framing_error = lambda error, flow: flow.send(b"400")
    caller = await phone(transport)
    caller.write(b"OPTIONS sip:a SIP/2.0\r\n\r\n")

    assert await caller.ended() == b"400"


async def test_whoever_sends_on_after_a_fault_hears_the_answer_all_the_same(listening, phone, monkeypatch):
    """RFC 1122 §4.2.2.13: to close with something unread resets the connection, and what was sent may be lost."""
    monkeypatch.setattr("sipwright.transport.tcp_connection.LINGERS", 60.0)
    transport, inbox = await listening(body=1_000)
    transport.on_framing_error = lambda error, flow: flow.send(b"513")
    caller = await phone(transport)
    caller.write(message("a", b"x" * 600_000))
    await caller.drain()
    caller.write(b"y" * 600_000 + message())
    caller.finish()

    assert await caller.ended() == b"513"
    assert (inbox.messages, transport.snapshot().connections) == ([], 0)


async def test_whoever_never_leaves_after_a_fault_is_left(listening, phone, monkeypatch):
    monkeypatch.setattr("sipwright.transport.tcp_connection.LINGERS", 0.01)
    transport, _ = await listening()
    flows = []
    transport.on_framing_error = lambda error, flow: flows.append(flow)
    caller = await phone(transport)
    caller.write(b"OPTIONS sip:a SIP/2.0\r\n\r\n")
    await caller.ended()

    async with asyncio.timeout(60):
        await flows[0].wait_lost()
    assert flows[0].is_closed


@pytest.mark.parametrize("is_whole", [True, False])
async def test_whoever_sends_nothing_more_is_taken_for_gone(listening, phone, is_whole):
    """A peer may shut its half of a stream and read on; of what it has asked, it hears what is said at once."""
    transport, inbox = await listening()
    on_message = transport.on_message
    transport.on_message = lambda data, flow: (on_message(data, flow), flow.send(b"200"))
    caller = await phone(transport)
    caller.write(message("a") if is_whole else message("a")[:-3])
    caller.finish()

    assert await caller.ended() == (b"200" if is_whole else b"")
    await inbox.until(lambda: inbox.closed)
    flow = inbox.closed[0][0]
    assert (len(inbox.messages), inbox.errors, flow.is_closed) == (is_whole, [], True)
    with pytest.raises(OSError, match="is closed"):
        flow.send(b"later")


async def test_headers_without_end_are_refused(listening, phone):
    transport, inbox = await listening(head=1_000)
    caller = await phone(transport)
    caller.write(b"OPTIONS sip:a SIP/2.0\r\n" + b"X: y\r\n" * 500)

    await caller.ended()
    assert inbox.errors == ["The headers are longer than 1000 bytes"]


async def test_a_slow_message_is_given_half_a_minute(listening, phone):
    """Slowloris: a byte now and then does not prolong the time."""
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message()[:20])
    await caller.drain()
    quick_caller = await phone(transport)
    quick_caller.write(message())
    await inbox.message()
    now = transport.loop.time()

    transport.sweep(now + 29.0)
    assert transport.snapshot().connections == 2
    transport.sweep(now + 31.0)

    await caller.ended()
    assert (transport.snapshot().connections, transport.snapshot().slow) == (1, 1)
    assert not inbox.flows[0].is_closed


async def test_a_connection_that_never_says_anything_is_closed(listening, phone):
    transport, _ = await listening()
    caller = await phone(transport)
    caller.write(b"\r\n\r\n")
    await caller.read(2)

    transport.sweep(transport.loop.time() + 31.0)

    await caller.ended()


async def test_pings_do_not_prolong_the_time_for_a_first_message(listening, phone):
    """Fifty connections of an address could be held for ever by two bytes a minute."""
    transport, _ = await listening()
    caller = await phone(transport)
    caller.write(b"\r\n\r\n")
    await caller.read(2)
    (flow,) = transport._waiting
    transport._waiting[flow] -= 29.0
    caller.write(b"\r\n\r\n")
    await caller.read(2)

    transport.sweep(transport.loop.time() + 2.0)

    await caller.ended()


async def test_an_idle_connection_outlives_a_registration(listening, phone):
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    inbox.flows[0].vouch()
    now = transport.loop.time()

    transport.sweep(now + 3_600.0)
    assert not inbox.flows[0].is_closed
    transport.sweep(now + 4_300.0)

    assert inbox.flows[0].is_closed
    assert transport.snapshot().idle == 1
    await caller.ended()


async def test_an_idle_connection_of_a_stranger_is_soon_closed(listening, phone):
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    now = transport.loop.time()

    transport.sweep(now + 299.0)
    assert not inbox.flows[0].is_closed
    transport.sweep(now + 301.0)

    assert inbox.flows[0].is_closed
    await caller.ended()


async def test_strangers_are_limited_for_each_source_and_those_we_know_are_not(listening, phone):
    transport, inbox = await listening(strangers_per_source=2)
    for number in range(3):
        caller = await phone(transport)
        caller.write(message())
        await inbox.message(number + 1)
        inbox.flows[-1].vouch()
        inbox.flows[-1].vouch()
    for number in range(3, 5):
        (await phone(transport)).write(message())
        await inbox.message(number + 1)
    refused = await phone(transport)

    assert await refused.ended() == b""
    assert (transport.snapshot().refused, transport.snapshot().connections) == (1, 5)
    inbox.flows[-1].close()
    again = await phone(transport)
    again.write(message())
    await inbox.message(6)
    for flow in inbox.flows[:5]:
        flow.close()
    inbox.flows[5].close()
    assert not transport._strangers
    assert not transport._sources


async def test_connections_are_limited_in_all(listening, phone):
    transport, inbox = await listening(connections=1)
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    second_caller = await phone(transport)

    assert await second_caller.ended() == b""
    assert (transport.snapshot().refused, inbox.closed) == (1, [])


async def test_connections_are_limited_for_each_source(listening, phone):
    transport, inbox = await listening(connections_per_source=1)
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    second_caller = await phone(transport)
    await second_caller.ended()
    caller.leave()
    await inbox.until(lambda: inbox.closed)
    third_caller = await phone(transport)
    third_caller.write(message())

    await inbox.message(2)

    assert (transport.snapshot().refused, transport.snapshot().accepted) == (1, 2)


async def test_unfinished_messages_are_limited_in_all(listening, phone):
    transport, inbox = await listening(unfinished=150)
    caller = await phone(transport)
    caller.write(message("slow", bytes(100))[:-1])
    await inbox.until(lambda: True)
    second_caller = await phone(transport)
    second_caller.write(message("second", bytes(100))[:-1])

    await caller.ended()

    assert transport.snapshot().slow == 1
    second_caller.write(b"\0")
    assert await inbox.message() == message("second", bytes(100))
    assert transport.snapshot().unfinished_bytes == 0


async def test_a_peer_that_does_not_read_is_dropped(listening):
    transport, inbox = await listening(unsent=50_000)
    host, port = transport.local
    with socket.create_connection((host, port)) as peer:
        peer.sendall(message())
        await inbox.message()
        flow = inbox.flows[0]

        for _ in range(10_000):
            if not flow.is_closed:
                flow.send(bytes(10_000))

    assert flow.is_closed
    assert transport.snapshot().slow == 1
    assert transport.snapshot().connections == 0
    await inbox.until(lambda: bool(inbox.closed))


async def test_a_peer_that_leaves_is_forgotten(listening, phone):
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message() + message("half", b"body")[:-2])
    await inbox.message()
    caller.leave()
    await inbox.until(lambda: bool(inbox.closed))

    assert (transport.snapshot().connections, transport.snapshot().unfinished_bytes) == (0, 0)
    assert not transport._flows
    assert not transport._sources
    inbox.flows[0].close()
    inbox.flows[0].abort()
    assert len(inbox.closed) == 1


async def test_a_handler_may_close_the_connection_between_two_messages(listening, phone):
    transport, inbox = await listening()
    note = transport.on_message

    def close(data, flow):
        note(data, flow)
        flow.close()

    transport.on_message = close
    caller = await phone(transport)
    caller.write(message("1") + message("2"))
    await caller.ended()

    assert inbox.messages == [message("1")]


async def test_closing_the_transport_closes_everything(listening, phone):
    transport, inbox = await listening()
    other, _ = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    pending = transport.flow(other.local)

    await transport.close()

    assert await caller.ended() == b""
    assert pending.is_closed
    assert transport.snapshot().connections == 0
    with pytest.raises(OSError, match="closed"):
        transport.flow(("127.0.0.1", 9))


async def test_a_peer_that_does_not_read_does_not_hold_up_the_end(listening):
    transport, inbox = await listening(closing=0.0)
    with socket.create_connection(transport.local) as peer:
        peer.sendall(message())
        await inbox.message()
        inbox.flows[0].send(bytes(900_000))
        for _ in range(10):
            inbox.flows[0].send(bytes(10_000))
        await transport.close()

    assert inbox.flows[0].is_closed


async def test_a_wildcard_listener_knows_which_address_was_used(listening, phone):
    transport, inbox = await listening("0.0.0.0")
    other, _ = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()

    assert inbox.flows[0].local == ("127.0.0.1", transport.local[1])
    assert (await connect(transport, other.local)).local == ("127.0.0.1", transport.local[1])


async def test_ipv6(ipv6, opened, phone):
    transport = TcpTransport("::1", 0)
    inbox = await opened(transport)
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()

    assert inbox.flows[0].key.startswith("tcp/[::1]:")
    assert (transport.reaches("::1"), transport.reaches("127.0.0.1")) == (True, False)


async def test_an_address_in_use_is_an_error(listening, opened):
    transport, _ = await listening()

    with pytest.raises(OSError, match="in use"):
        await TcpTransport(*transport.local).start()
    await opened(UdpTransport(*transport.local))


async def test_the_sweeper_rests_when_there_is_nobody(listening, phone):
    transport, inbox = await listening()
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()

    assert transport._sweeper is not None
    transport._sweep()
    assert transport._sweeper is not None
    caller.leave()
    await inbox.until(lambda: bool(inbox.closed))
    transport._sweep()

    assert transport._sweeper is None


async def test_the_tap_hears_both_ways(listening, phone):
    transport, inbox = await listening()
    heard = []
    transport.tap.listen(lambda direction, at, flow, data: heard.append((direction, data)))
    caller = await phone(transport)
    caller.write(message())
    await inbox.message()
    inbox.flows[0].send(b"c")

    assert heard == [("in", message()), ("out", b"c")]

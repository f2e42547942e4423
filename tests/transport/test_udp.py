import asyncio
import socket
import time

import pytest

from sipwright.transport import UdpTransport, udp


@pytest.fixture
def phone():
    """A socket of somebody else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


async def receive(phone):
    async with asyncio.timeout(60):
        ready = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(phone.fileno(), ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(phone.fileno())
        return phone.recvfrom(65535)


async def test_a_datagram_comes_up_with_its_flow_and_the_answer_goes_back(opened, phone):
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)

    phone.sendto(b"hello", transport.local)
    assert await inbox.message() == b"hello"
    flow = inbox.flows[0]
    flow.send(b"world")

    assert await receive(phone) == (b"world", transport.local)
    assert flow.key == f"udp/127.0.0.1:{transport.local[1]}/127.0.0.1:{phone.getsockname()[1]}"
    assert (flow.is_reliable, flow.is_closed, flow.protocol) == (False, False, "udp")


async def test_more_than_one_wake_up_can_hold_arrives_in_order(opened, phone):
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)
    sent = [b"%d" % number for number in range(3 * udp.DATAGRAMS_PER_WAKE)]
    for data in sent:
        phone.sendto(data, transport.local)

    await inbox.message(len(sent))

    assert inbox.messages == sent
    assert len(set(inbox.flows)) == 1
    assert transport.snapshot().received == len(sent)


async def test_how_long_a_datagram_waits_is_known_before_it_is_read(opened, phone):
    """The kernel may take a moment until it begins with its stamps, and gives none before."""
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)
    found = 0.0
    while found < 0.002:
        assert transport.unread_for == 0.0
        before = time.monotonic()
        phone.sendto(b"first", transport.local)
        while (found := transport.unread_for) < 0.002 and time.monotonic() < before + 0.01:
            pass
        waited = time.monotonic() - before
        await inbox.message(len(inbox.messages) + 1)

    assert found <= waited + 0.001
    assert transport.unread_for == 0.0


async def test_a_burst_is_read_and_only_what_comes_turn_after_turn_counts_as_being_behind(opened, phone):
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)
    behind = []
    transport.on_behind = lambda: behind.append(len(inbox.messages))
    burst = udp.DATAGRAMS_PER_WAKE * udp.TURNS_BEHIND

    for number in range(burst - 1):
        phone.sendto(b"%d" % number, transport.local)
    await inbox.message(burst - 1)
    phone.sendto(b"alone", transport.local)
    await inbox.message(burst)

    assert behind == []

    for number in range(burst + 1):
        phone.sendto(b"%d" % number, transport.local)
    await inbox.message(2 * burst + 1)

    assert behind == [2 * burst]


async def test_what_waits_is_lost_rather_than_stale(opened, phone):
    """RFC 3261 §17.1.1.2: what has waited for T1 has been sent again; some hundred messages wait for less."""
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)
    sent = [b"%04d " % number + 1_000 * b"x" for number in range(1_000)]
    for data in sent:
        phone.sendto(data, transport.local)
    phone.sendto(b"last", transport.local)
    await inbox.message(200)
    while inbox.messages[-1] != b"last":
        phone.sendto(b"last", transport.local)
        await asyncio.sleep(0)

    received = [data for data in inbox.messages if data != b"last"]
    assert received == sent[: len(received)]
    assert 200 <= len(received) <= 700


async def test_a_wildcard_socket_answers_from_the_address_that_was_asked(opened, phone):
    """RFC 3581 §4: the response MUST be sent from the address that the request was received on."""
    transport = UdpTransport("0.0.0.0", 0)
    inbox = await opened(transport)
    port = transport.local[1]

    for host in ("127.0.0.2", "127.0.0.1"):
        phone.sendto(b"hello", (host, port))
        await inbox.message(len(inbox.messages) + 1)
        inbox.flows[-1].send(b"world")

        assert inbox.flows[-1].local == (host, port)
        assert await receive(phone) == (b"world", (host, port))


async def test_a_wildcard_socket_asks_the_routing_table_for_its_address(opened, phone):
    transport = UdpTransport("0.0.0.0", 0)
    await opened(transport)
    phone_address = phone.getsockname()

    flow = transport.flow(phone_address)
    flow.send(b"hello")

    assert flow.local == ("127.0.0.1", transport.local[1])
    assert await receive(phone) == (b"hello", flow.local)
    assert transport.flow(phone_address) is flow
    assert transport.flow(phone_address, ("127.0.0.5", 1)).local[0] == "127.0.0.5"
    assert transport.flow(phone_address, ("127.0.0.5", 1)).redirected(9).local[0] == "127.0.0.5"
    assert transport.flow(phone_address, ("192.0.2.1", 1)).local[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["::", "::1"])
async def test_ipv6(ipv6, opened, host):
    transport = UdpTransport(host, 0)
    inbox = await opened(transport)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as phone:
        phone.bind(("::1", 0))
        phone.setblocking(False)

        phone.sendto(b"hello", ("::1", transport.local[1]))
        await inbox.message()
        inbox.flows[0].send(b"world")

        assert (await receive(phone))[0] == b"world"
        assert inbox.flows[0].key.startswith("udp/[::1]:")
    assert (transport.reaches("::1"), transport.reaches("127.0.0.1")) == (True, False)


async def test_keep_alives_and_stun_are_not_messages(opened, phone):
    """RFC 5626 §4.4.2 and the habits of phones: CRLF, zeros, nothing at all."""
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)
    stun = bytes.fromhex("000100002112a442") + bytes(12)
    for data in (b"\r\n\r\n", b"\0\0\0\0", b"\0", b"", stun, b"\r\nlate", b"end"):
        phone.sendto(data, transport.local)

    await inbox.message(2)

    assert inbox.messages == [b"late", b"end"]
    assert inbox.stun == [stun]
    assert transport.snapshot().keepalives == 4


async def test_a_port_that_is_closed_harms_nobody(opened, phone):
    """§18.4: an ICMP error is not the end of the socket."""
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        flow = transport.flow(gone.getsockname())
    for _ in range(3):
        flow.send(b"anybody?")
    phone.sendto(b"hello", transport.local)

    assert await inbox.message() == b"hello"


async def test_an_icmp_error_on_the_socket_is_counted_and_nothing_else(opened, phone):
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)
    errors = [ConnectionRefusedError(111, "refused"), OSError(105, "no buffers")]

    def refuse_twice(data, peer):
        if errors:
            raise errors.pop()
        return phone.sendto(data, peer)

    transport.sendto = refuse_twice
    flow = transport.flow(phone.getsockname())
    for data in (b"1", b"2", b"3"):
        flow.send(data)

    assert [(await receive(phone))[0] for _ in range(2)] == [
        b"2",
        b"3",
    ]  # an error of another one loses nothing
    assert transport._is_empty(ConnectionRefusedError(111, "refused"), 1) is False
    assert (transport.snapshot().errors, inbox.closed) == (3, [])


class FullSocket:
    """Stands before a socket whose buffer is full until it is told otherwise."""

    def __init__(self, transport):
        self._sendto = transport.sendto
        self.is_full = True
        self.error = BlockingIOError(11, "full")
        transport.sendto = self

    def __call__(self, data, peer):
        if self.is_full:
            raise self.error
        return self._sendto(data, peer)


async def test_a_full_socket_queues_in_order_and_loses_the_oldest(opened, phone):
    transport = UdpTransport("127.0.0.1", 0, queue_messages=3)
    await opened(transport)
    full = FullSocket(transport)
    flow = transport.flow(phone.getsockname())

    for data in (b"1", b"2", b"3", b"4", b"5"):
        flow.send(data)
    transport._flush()
    before = transport.snapshot()
    full.is_full = False
    flow.send(b"6")

    assert (before.queued, before.dropped) == (3, 2)
    assert [(await receive(phone))[0] for _ in range(3)] == [b"4", b"5", b"6"]
    assert transport.snapshot().queued == 0


async def test_the_queue_is_bounded_in_bytes_too(opened, phone):
    transport = UdpTransport("127.0.0.1", 0, queue_bytes=10)
    await opened(transport)
    FullSocket(transport)
    flow = transport.flow(phone.getsockname())

    for data in (b"1234", b"5678", b"90ab"):
        flow.send(data)

    assert [data for _, data in transport.queue] == [b"5678", b"90ab"]


async def test_what_fails_in_the_queue_is_lost_alone(opened, phone):
    transport = UdpTransport("127.0.0.1", 0)
    await opened(transport)
    full = FullSocket(transport)
    flow = transport.flow(phone.getsockname())
    flow.send(b"1")
    full.error = PermissionError(1, "filtered")
    transport._flush()
    full.is_full = False
    flow.send(b"2")

    assert (await receive(phone))[0] == b"2"
    assert transport.snapshot().queued == 0


async def test_what_can_never_be_sent_is_an_error(opened, phone):
    transport = UdpTransport("127.0.0.1", 0)
    await opened(transport)
    flow = transport.flow(phone.getsockname())

    with pytest.raises(OSError, match="too long"):
        flow.send(bytes(70_000))
    await transport.close()
    with pytest.raises(OSError):  # noqa: PT011
        flow.send(b"x")
    assert flow.is_closed
    await transport.close()


async def test_closing_from_within_a_handler_ends_the_drain(opened, phone):
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)
    closing = []
    note = transport.on_message

    def close(data, flow):
        note(data, flow)
        closing.append(asyncio.ensure_future(transport.close()))
        transport.is_closed = True

    transport.on_message = close
    for data in (b"1", b"2"):
        phone.sendto(data, transport.local)
    await inbox.message()
    transport.is_closed = False
    await transport.close()
    await asyncio.gather(*closing)

    assert inbox.messages == [b"1"]


async def test_a_queue_that_is_not_empty_is_dropped_on_close(opened, phone):
    transport = UdpTransport("127.0.0.1", 0)
    await opened(transport)
    FullSocket(transport)
    transport.flow(phone.getsockname()).send(b"1")
    await transport.close()

    assert not transport.queue


async def test_old_flows_are_forgotten_and_live_ones_kept(opened, monkeypatch):
    monkeypatch.setattr(udp, "FLOWS_PER_GENERATION", 2)
    transport = UdpTransport("127.0.0.1", 0)
    await opened(transport)
    kept = transport.flow(("127.0.0.1", 1))
    for port in range(2, 20):
        transport.flow(("127.0.0.1", port))
        assert transport.flow(("127.0.0.1", 1)) is kept

    assert transport.snapshot().flows <= 4


async def test_an_address_in_use_is_an_error(opened):
    transport = UdpTransport("127.0.0.1", 0)
    await opened(transport)

    with pytest.raises(OSError, match="in use"):
        await UdpTransport(*transport.local).start()


async def test_a_flow_is_found_to_whomever_one_can_send(opened, phone):
    transport = UdpTransport("127.0.0.1", 0)
    await opened(transport)
    flow = transport.find(phone.getsockname())

    assert flow is transport.flow(phone.getsockname())
    assert flow.redirected(9) is transport.flow(("127.0.0.1", 9))
    assert UdpTransport("::", 0).find(("ff0e::zz", 5060)) is None


async def test_the_tap_hears_both_ways(opened, phone):
    transport = UdpTransport("127.0.0.1", 0)
    inbox = await opened(transport)
    heard = []
    transport.tap.listen(lambda direction, at, flow, data: heard.append((direction, data)))
    phone.sendto(b"a", transport.local)
    phone.sendto(b"\r\nb", transport.local)
    await inbox.message(2)
    inbox.flows[0].send(b"c")

    assert heard == [("in", b"a"), ("in", b"b"), ("out", b"c")]


async def test_of_several_workers_the_one_that_has_asked_reads_the_answer(opened, phone):
    first, second = UdpTransport("127.0.0.1", 0), UdpTransport("127.0.0.1", 0)
    for each in (first, second):
        each.is_shared = True
    inboxes = [await opened(first)]
    second._address = first.local
    inboxes.append(await opened(second))
    answer = (
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{:02}0123456789abcdef-b1\r\n"
        + 200 * "x"
    )
    for place in (0, 1, 0, 1):
        phone.sendto(answer.format(place).encode(), first.local)
        await inboxes[place].message(len(inboxes[place].messages) + 1)

    assert [len(inbox.messages) for inbox in inboxes] == [2, 2]

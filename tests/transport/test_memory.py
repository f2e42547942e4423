import asyncio

import pytest

from sipwright.transport import MemoryNetwork


def pair(network, protocol="udp", **options):
    a = network.transport("192.0.2.1", protocol=protocol, **options)
    b = network.transport("192.0.2.2", protocol=protocol)
    received = []
    b.on_message = lambda data, flow: received.append((network.now, data, flow.remote))
    return a, b, received


def test_a_message_takes_its_time():
    network = MemoryNetwork(delay=0.25)
    a, b, received = pair(network)
    a.flow(b.local).send(b"hello")
    network.advance(0.2)
    assert received == []

    network.advance(0.1)

    assert received == [(1000.25, b"hello", a.local)]
    assert network.clock() == pytest.approx(1000.3)
    assert (a.snapshot().sent, b.snapshot().received, network.delivered) == (1, 1, 1)


def test_calls_happen_in_their_order_unless_they_are_cancelled():
    network = MemoryNetwork()
    happened = []
    network.call_later(2.0, lambda: happened.append("late"))
    network.call_later(1.0, lambda: happened.append("early"))
    network.call_later(1.5, lambda: happened.append("never")).cancel()

    network.advance(3.0)

    assert happened == ["early", "late"]


def test_the_same_seed_loses_repeats_and_reorders_the_same():
    def run(seed):
        network = MemoryNetwork(seed, drop=0.2, duplicate=0.2, reorder=0.2)
        a, b, received = pair(network)
        for number in range(200):
            a.flow(b.local).send(b"%d" % number)
        network.advance(10.0)
        return [data for _, data, _ in received]

    first = run(1)

    assert run(1) == first
    assert run(2) != first
    assert 100 < len(set(first)) < 190
    assert len(first) > len(set(first))
    assert first != sorted(first, key=int)


def test_a_stream_loses_nothing_and_is_refused_where_nobody_listens():
    network = MemoryNetwork(drop=1.0, duplicate=1.0, reorder=1.0)
    a, b, received = pair(network, "tcp")
    assert a.find(b.local) is None
    flow = a.flow(b.local)
    for number in range(10):
        flow.send(b"%d" % number)
    network.advance(1.0)

    assert [data for _, data, _ in received] == [b"%d" % number for number in range(10)]
    assert (flow.is_reliable, flow.redirected(1)) == (True, flow)
    closed = []
    a.on_flow_closed = lambda flow, error: closed.append(flow)
    nobody = a.flow(("192.0.2.9", 5060))
    with pytest.raises(ConnectionRefusedError):
        nobody.send(b"x")
    assert closed == [nobody]
    with pytest.raises(OSError, match="closed"):
        nobody.send(b"x")


def test_a_connection_that_is_cut_takes_its_aliases_along():
    network = MemoryNetwork()
    a, b, _ = pair(network, "tcp")
    flow = a.flow(b.local)
    flow.add_alias(("192.0.2.2", 9))
    flow.add_alias(b.local)
    assert a.find(("192.0.2.2", 9)) is flow

    a.cut(flow)

    assert (flow.is_closed, a.find(("192.0.2.2", 9))) == (True, None)


def test_a_phone_behind_nat_is_seen_at_the_nat():
    network = MemoryNetwork()
    phone, server, received = pair(network, behind=("203.0.113.5", 40_001))
    phone.flow(server.local).send(b"hello")
    network.advance(1.0)
    back = []
    phone.on_message = lambda data, flow: back.append((data, flow.remote))
    server.flow(received[0][2]).send(b"world")
    network.advance(1.0)

    assert received[0][2] == ("203.0.113.5", 40_001)
    assert back == [(b"world", server.local)]


async def test_a_closed_transport_is_off_the_network():
    network = MemoryNetwork()
    a, b, received = pair(network)
    await b.start()
    flow = b.flow(a.local)
    await b.close()
    a.flow(b.local).send(b"x")
    network.advance(1.0)

    assert (received, flow.is_closed, a.reaches("anything")) == ([], True, True)


def test_datagram_flows_are_always_there():
    network = MemoryNetwork()
    a, b, _ = pair(network)

    assert a.find(b.local) is a.flow(b.local)
    assert a.flow(b.local).redirected(7).remote == ("192.0.2.2", 7)


def test_the_tap_hears_both_ways():
    network = MemoryNetwork()
    a, b, _ = pair(network)
    heard = []
    for transport in (a, b):
        transport.tap.listen(lambda direction, at, flow, data: heard.append((direction, data)))
    a.flow(b.local).send(b"x")
    network.advance(1.0)

    assert heard == [("out", b"x"), ("in", b"x")]


async def test_tasks_take_their_turn_while_time_passes():
    network = MemoryNetwork()
    a, b, _ = pair(network)
    done = asyncio.Event()

    async def answer():
        await asyncio.sleep(0)
        b.flow(a.local).send(b"world")

    tasks = []
    b.on_message = lambda data, flow: tasks.append(asyncio.ensure_future(answer()))
    a.on_message = lambda data, flow: done.set()
    a.flow(b.local).send(b"hello")

    await network.run(1.0)

    assert done.is_set()
    assert network.now == pytest.approx(1001.0)

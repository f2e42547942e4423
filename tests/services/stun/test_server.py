"""The STUN server on real sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from interop.harness import free_port
from sipwright.services.stun import StunServer, StunSnapshot
from sipwright.services.stun.server import BURST, RATE, Budget
from sipwright.stun import Attribute, Kind, parse_stun, write_stun
from sipwright.stun.message import write_attribute


def test_a_source_has_a_burst_and_then_a_rate():
    now = [0.0]
    budget = Budget(lambda: now[0])
    at_once = sum(budget.take("192.0.2.7") for _ in range(1_000))
    now[0] = 2.0
    later = sum(budget.take("192.0.2.7") for _ in range(1_000))

    assert (at_once, later) == (BURST, 2 * RATE)
    assert budget.take("192.0.2.8")


def test_all_of_a_network_of_ipv6_is_one_source():
    budget = Budget(lambda: 0.0)
    taken = sum(budget.take(f"2001:db8:1:2::{number:x}") for number in range(1_000))

    assert taken == BURST
    assert budget.take("2001:db8:1:3::1")
    assert budget.take("fe80::1%2")


ID = bytes.fromhex("2112a442") + b"twelve bytes"
ROOM = write_attribute(Attribute.SOFTWARE, bytes(80))


@pytest.fixture
async def serve():
    servers = []

    async def start(*places):
        server = StunServer(places, lambda: 0.0)
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
def client():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setblocking(False)
        made.bind(("127.0.0.1", 0))
        yield made


async def ask(client, place, *attributes):
    loop = asyncio.get_running_loop()
    await loop.sock_sendto(client, write_stun(Kind.REQUEST, ID, [*attributes, ROOM]), place)
    async with asyncio.timeout(60):
        data, source = await loop.sock_recvfrom(client, 2_048)
    return parse_stun(data), source


async def test_one_address_answers_what_it_can(serve, client):
    place = ("127.0.0.1", free_port("127.0.0.1"))
    await serve(place)
    message, source = await ask(client, place)
    refused, _ = await ask(client, place, write_attribute(Attribute.CHANGE_REQUEST, b"\0\0\0\x02"))

    assert source == place
    assert message.address(Attribute.XOR_MAPPED_ADDRESS) == client.getsockname()
    assert message.address(Attribute.RESPONSE_ORIGIN) == place
    assert message.get(Attribute.OTHER_ADDRESS) is None
    assert refused.kind is Kind.ERROR


async def test_two_addresses_make_four_sockets(serve, client):
    one, two = ("127.0.0.1", free_port("127.0.0.1")), ("127.0.0.2", free_port("127.0.0.2"))
    await serve(one, two)

    for place in ((host, port) for host in (one[0], two[0]) for port in (one[1], two[1])):
        message, source = await ask(client, place)
        assert source == place
        assert message.address(Attribute.OTHER_ADDRESS) == (
            two[0] if place[0] == one[0] else one[0],
            two[1] if place[1] == one[1] else one[1],
        )
        for flags in (2, 4, 6):
            _, source = await ask(
                client, place, write_attribute(Attribute.CHANGE_REQUEST, bytes((0, 0, 0, flags)))
            )
            assert (source[0] != place[0], source[1] != place[1]) == (bool(flags & 4), bool(flags & 2))


@pytest.mark.parametrize("flags", [0, 6])
async def test_an_answer_to_another_port_of_who_asks(serve, client, flags):
    place = ("127.0.0.1", free_port("127.0.0.1"))
    await serve(place, ("127.0.0.2", free_port("127.0.0.2")))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.setblocking(False)
        heard.bind(("127.0.0.1", 0))
        wishes = [
            write_attribute(Attribute.RESPONSE_PORT, heard.getsockname()[1].to_bytes(2, "big") + bytes(2)),
            write_attribute(Attribute.CHANGE_REQUEST, bytes((0, 0, 0, flags))),
        ]
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(client, write_stun(Kind.REQUEST, ID, [*wishes, ROOM]), place)
        async with asyncio.timeout(60):
            data, source = await loop.sock_recvfrom(heard, 2_048)

    assert parse_stun(data).address(Attribute.XOR_MAPPED_ADDRESS) == client.getsockname()
    assert (source == place) is (flags == 0)


async def test_two_addresses_of_one_host_are_two_sockets(serve, client):
    places = [("127.0.0.1", free_port("127.0.0.1")) for _ in range(2)]
    await serve(*places)

    for place in places:
        message, source = await ask(client, place)
        assert source == place
        assert message.get(Attribute.OTHER_ADDRESS) is None


async def test_who_asks_too_much_is_met_with_silence(serve, client):
    place = ("127.0.0.1", free_port("127.0.0.1"))
    server = await serve(place)
    loop = asyncio.get_running_loop()
    for _ in range(int(BURST)):
        await ask(client, place)
    await loop.sock_sendto(client, write_stun(Kind.REQUEST, ID, []), place)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        other.bind(("127.0.0.3", 0))
        await ask(other, place)

    assert server.snapshot() == StunSnapshot(answered=int(BURST) + 1, refused=1, unusable=0)


async def test_what_is_no_question_is_counted(serve, client):
    place = ("127.0.0.1", free_port("127.0.0.1"))
    server = await serve(place)
    await asyncio.get_running_loop().sock_sendto(client, write_stun(Kind.INDICATION, ID, []), place)
    await ask(client, place)

    assert server.snapshot() == StunSnapshot(answered=1, refused=0, unusable=1)


async def test_an_address_that_cannot_be_had(serve):
    with pytest.raises(OSError, match="assign"):
        await serve(("192.0.2.1", 3478))

"""Media rendezvous: from the socket of the reference client to the description that the other end gets."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
from pathlib import Path

import pytest
from tests.services.switch.conftest import Bench

from sipwright.sdp import media
from sipwright.services.rendezvous import HELD_FOR, MOST, Rendezvous
from sipwright.services.stun import StunServer
from sipwright.transport import UdpTransport

CLIENT = Path(__file__).parents[2] / "examples" / "rendezvous" / "rendezvous.py"
TOKEN = "abcdefghijklmnop"


@pytest.fixture(scope="module")
def client():
    spec = importlib.util.spec_from_file_location("rendezvous_client", CLIENT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_client_is_told_what_the_switch_has_seen(client):
    now = asyncio.get_running_loop().time
    seen = Rendezvous(now)
    server, transport = StunServer([], now), UdpTransport("127.0.0.1", 0)
    server.on_named = seen.note
    transport.on_stun = server.answer
    await transport.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        own, token = sock.getsockname(), client.new_token()
        found = await asyncio.to_thread(client.announce, sock, transport.local, token)
    await transport.close()

    assert found == own
    assert seen.find(token, "127.0.0.1") == own
    assert client.attribute(token) == f"a=x-rendezvous:{token}"


def test_a_token_is_of_its_host_and_of_its_first_socket_for_a_while():
    now = [0.0]
    seen = Rendezvous(lambda: now[0])
    seen.note(TOKEN, ("198.51.100.7", 4000))
    seen.note(TOKEN, ("198.51.100.7", 5000))
    seen.note("short", ("198.51.100.7", 4000))
    assert (seen.find(TOKEN, "198.51.100.7"), seen.find(TOKEN, "198.51.100.8"), len(seen)) == (
        ("198.51.100.7", 4000), None, 1,
    )  # fmt: skip

    now[0] = HELD_FOR
    assert seen.find(TOKEN, "198.51.100.7") is None
    seen.note(TOKEN, ("198.51.100.8", 5000))
    assert seen.find(TOKEN, "198.51.100.8") == ("198.51.100.8", 5000)


def test_their_number_is_bounded():
    seen = Rendezvous(lambda: 0.0)
    for number in range(MOST + 1):
        seen.note(f"token-{number:016}", ("198.51.100.7", 4000))

    assert len(seen) == 1


def offer(address):
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
        f"a=x-rendezvous:{TOKEN}\r\n"
    )


@pytest.mark.parametrize(("host", "port"), [("20.0.0.1", 40_000), ("20.0.0.9", 4000)])
def test_the_other_end_is_told_where_audio_comes_from(host, port):
    """A socket of another host than the caller's is nobody's to name."""
    seen = Rendezvous(lambda: 0.0)
    bench = Bench(seen_at=seen.find)
    bench.account("alice")
    bob = bench.phone("bob", "30.0.0.1")
    bench.account("bob", bob)
    alice = bench.phone("alice", "20.0.0.1")
    seen.note(TOKEN, (host, 40_000))
    alice.domain = "example.org"
    alice.invite(body=offer("192.168.1.7"))

    (one,) = media(bob.last("INVITE").body)
    assert (one.port, one.connection) == (port, "20.0.0.1")
    assert b"x-rendezvous" not in bob.last("INVITE").body

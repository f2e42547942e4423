"""The stack over real sockets, on both event loops."""

import asyncio
import errno
import socket
import struct

import pytest

from interop.harness import free_port
from sipwright.stack import Exchange, Pipeline, Stack
from sipwright.transport import Target, TcpTransport, UdpTransport
from sipwright.transport.flow import shown_flow

OPTIONS = (
    b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK-%s\r\nMax-Forwards: 70\r\n"
    b"From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def answer(incoming):
    incoming.respond(200, body=incoming.request.body)
    return True


@pytest.fixture
async def new_stack():
    stacks = []

    async def start(host="127.0.0.1", *protocols, steps=(answer,)):
        kinds = {"udp": UdpTransport, "tcp": TcpTransport}
        while True:  # until nobody takes the port before we do
            port = free_port()
            stack = Stack([kinds[protocol](host, port) for protocol in protocols or kinds], Pipeline(steps))
            try:
                await stack.start()
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            stacks.append(stack)
            return stack, port

    yield start
    for stack in stacks:
        await stack.close()


async def ask(stack, request, target):
    async with asyncio.timeout(60):
        user = Exchange()
        stack.send_request(request, target, user)
        return await user.final


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_a_request_is_answered(new_stack, outgoing, protocol, host):
    server, port = await new_stack(host)
    client, client_port = await new_stack()

    response = await ask(client, outgoing(), Target(protocol, "127.0.0.1", port))

    assert response.status == 200
    assert response.top_via.rport is not None
    assert response.top_via.sent_by == f"127.0.0.1:{client_port}"
    assert server.snapshot().requests == 1


async def test_a_large_request_goes_over_tcp_where_it_is_taken(new_stack, outgoing):
    server, port = await new_stack()
    client, _ = await new_stack()

    response = await ask(client, outgoing(body=bytes(2_000)), Target("udp", "127.0.0.1", port))

    assert (response.status, response.top_via.transport, len(response.body)) == (200, "TCP", 2_000)
    assert [transport.received for transport in server.snapshot().transports] == [0, 1]


async def test_a_large_request_goes_over_udp_where_tcp_is_refused(new_stack, outgoing):
    _, port = await new_stack("127.0.0.1", "udp")
    client, _ = await new_stack()

    for call_id in ("first", "second"):
        response = await ask(
            client, outgoing(call_id=call_id, body=bytes(2_000)), Target("udp", "127.0.0.1", port)
        )
        assert (response.status, response.top_via.transport) == (200, "UDP")


async def test_a_connection_is_used_in_both_directions(new_stack, outgoing):
    """RFC 5923: what the server asks of the client needs no second connection."""
    flows = []

    def note(incoming):
        flows.append(incoming.flow)
        return answer(incoming)

    server, port = await new_stack("127.0.0.1", "tcp", steps=(note,))
    client, _ = await new_stack("127.0.0.1", "tcp")
    await ask(client, outgoing(), Target("tcp", "127.0.0.1", port))

    response = await ask(server, outgoing(call_id="back"), flows[0])

    assert response.status == 200
    assert (server.snapshot().transports[0].connections, client.snapshot().transports[0].accepted) == (1, 0)


async def test_a_key_names_a_connection_and_not_a_later_one_from_the_same_port(new_stack):
    """A phone's binding must not lead to somebody else whom its NAT has given the port since."""
    came = []

    def take(incoming):
        came.append(incoming.flow)
        return answer(incoming)

    stack, port = await new_stack(steps=(take,))
    own = ("127.0.0.1", free_port())

    async def say(branch):
        with socket.socket() as phone:
            phone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            phone.bind(own)
            phone.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(phone, ("127.0.0.1", port))
            await loop.sock_sendall(phone, OPTIONS % branch)
            assert (await loop.sock_recv(phone, 4_096)).startswith(b"SIP/2.0 200")
            found = [stack.outbound.from_key(flow.key) for flow in came]
            phone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no TIME_WAIT
        return found

    first, then = await say(b"1"), await say(b"2")

    assert first == [came[0]]
    assert then == [None, came[1]]
    assert (came[0].remote, came[1].remote) == (own, own)
    assert stack.outbound.from_key(shown_flow(came[0].key)) is None  # as an older release has stored it


async def test_a_refused_connection_is_a_local_503(new_stack, outgoing):
    client, _ = await new_stack()

    response = await ask(client, outgoing(), Target("tcp", "127.0.0.1", free_port()))

    assert (response.status, response.local) == (503, True)


async def test_a_connection_that_ends_is_a_local_503(new_stack, outgoing):
    def hang_up(incoming):
        incoming.flow.close()
        return True

    _, port = await new_stack("127.0.0.1", "tcp", steps=(hang_up,))
    client, _ = await new_stack()

    response = await ask(client, outgoing(), Target("tcp", "127.0.0.1", port))

    assert (response.status, response.local) == (503, True)


async def test_a_stream_that_breaks_is_answered_and_closed(new_stack, request_text):
    _, port = await new_stack()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_text().replace("Content-Length: 0", "Content-Length: many").encode())
    async with asyncio.timeout(60):
        answered = await reader.read()
    writer.close()
    await writer.wait_closed()

    assert answered.startswith(b"SIP/2.0 400 Content-Length")


async def test_a_wildcard_stack_is_reached_at_the_address_it_gives(new_stack):
    stack, port = await new_stack("0.0.0.0")
    flow = stack.outbound.find(Target("udp", "127.0.0.1", 5062))

    assert stack.local_contact(flow, "alice") == f"<sip:alice@127.0.0.1:{port}>"
    assert stack.addresses.is_own("127.0.0.1", port)
    assert not stack.addresses.is_own("127.0.0.1", 9)

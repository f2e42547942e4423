"""TLS over real sockets: what the connection has in common with TCP is tried there."""

import asyncio
import socket
import ssl

import pytest

from authority import Authority
from sipwright.transport import TcpLimits
from sipwright.transport.certificates import Certificates
from sipwright.transport.flow import Trust
from sipwright.transport.tls import TlsTransport


def message(text="hello", body=b""):
    return b"OPTIONS sip:%s SIP/2.0\r\nContent-Length: %d\r\n\r\n%s" % (text.encode(), len(body), body)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def files(authority):
    return authority.issue("example.net", "127.0.0.1")


@pytest.fixture
async def listening(opened, authority, files):
    async def start(*others, own=files, clients=None, **limits):
        certificates = Certificates([own, *others], authorities=authority.file, clients=clients)
        transport = TlsTransport("127.0.0.1", 0, certificates, limits=TcpLimits(**limits))
        return transport, await opened(transport)

    return start


@pytest.fixture
async def phone(authority):
    writers = []

    async def call(transport, name=None, context=None):
        reader, writer = await asyncio.open_connection(
            *transport.local, ssl=context or authority.client(), server_hostname=name or "example.net"
        )
        writers.append(writer)
        return reader, writer

    yield call
    for writer in writers:
        writer.close()
        try:
            await writer.wait_closed()
        except (OSError, ssl.SSLError):
            pass


def names(writer):
    return [name for _, name in writer.get_extra_info("peercert")["subjectAltName"]]


async def test_messages_come_up_whole_and_answers_go_back(listening, phone):
    transport, inbox = await listening()
    reader, writer = await phone(transport)

    writer.write(message("a", b"x" * 40_000)[:30_000])
    await writer.drain()
    writer.write(message("a", b"x" * 40_000)[30_000:] + message("b") + b"\r\n\r\n")
    assert await inbox.message(1) == message("a", b"x" * 40_000)
    assert await inbox.message(2) == message("b")
    assert await reader.readexactly(2) == b"\r\n"
    flow = inbox.flows[0]
    flow.send(b"y" * 100_000)

    assert await reader.readexactly(100_000) == b"y" * 100_000
    assert (flow.protocol, flow.key.partition("/")[0], flow.is_reliable) == ("tls", "tls", True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_both_versions_are_spoken(listening, phone, authority, version):
    transport, inbox = await listening()
    context = authority.client()
    context.minimum_version = context.maximum_version = version
    _, writer = await phone(transport, context=context)
    writer.write(message())

    assert await inbox.message() == message()


async def test_a_version_that_is_too_old_is_not_spoken(listening, phone, authority):
    transport, inbox = await listening()
    context = authority.client()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises(ssl.SSLError):
        await phone(transport, context=context)
    await inbox.until(lambda: inbox.closed)
    assert transport.snapshot().connections == 0


async def test_the_certificate_is_that_of_the_name_that_was_asked_for(listening, phone, authority):
    transport, _ = await listening(
        authority.issue("other.example"),
        authority.issue("*.wild.example"),
        authority.issue("sip:uri.example"),
    )
    found = {}
    for name in ("example.net", "OTHER.example", "a.wild.example", "uri.example", "unknown.example"):
        found[name] = names((await phone(transport, name))[1])[0]

    assert found == {
        "example.net": "example.net",
        "OTHER.example": "other.example",
        "a.wild.example": "*.wild.example",
        "uri.example": "sip:uri.example",
        "unknown.example": "example.net",
    }


async def test_a_renewed_certificate_is_shown_without_a_restart(opened, phone, authority):
    now = [0.0]
    own = authority.issue("old.example", file="renewed")
    transport = TlsTransport("127.0.0.1", 0, Certificates([own], clock=lambda: now[0]))
    await opened(transport)
    _, before = await phone(transport)
    authority.issue("new.example", file="renewed")
    now[0] += 1.0
    _, after = await phone(transport)

    assert (names(before), names(after)) == (["old.example"], ["new.example"])


async def test_what_we_open_is_for_the_domain_that_was_looked_up(listening):
    server, there = await listening()
    client, here = await listening()
    client.flow(server.local, trust=Trust("example.net")).send(message())

    assert await there.message() == message()
    there.flows[0].send(message("back"))
    assert await here.message() == message("back")


@pytest.mark.parametrize(
    ("trust", "why"),
    [
        (Trust("example.org"), "not for example.org: it names example.net"),
        (Trust("sip.example.net"), "not for sip.example.net"),
        (Trust("127.0.0.2"), "not for 127.0.0.2"),
    ],
)
async def test_a_server_with_the_certificate_of_somebody_else_is_told_nothing(listening, trust, why):
    server, there = await listening()
    client, here = await listening()
    flow = client.flow(server.local, trust=trust)
    flow.send(message("secret"))
    await here.until(lambda: here.closed)

    assert flow.is_closed
    assert why in flow.trouble
    await there.until(lambda: there.closed)
    assert there.messages == []


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(listening, tmp_path):
    server, _ = await listening(own=Authority(tmp_path, "somebody else").issue("example.net"))
    client, here = await listening()
    flow = client.flow(server.local, trust=Trust("example.net"))
    await here.until(lambda: here.closed)

    assert flow.trouble == "its certificate is not trusted: unable to get local issuer certificate"


async def test_a_certificate_that_has_expired_is_not_believed(listening, authority):
    server, _ = await listening(own=authority.issue("example.net", days=-1))
    client, here = await listening()
    flow = client.flow(server.local, trust=Trust("example.net", "wildcard"))
    await here.until(lambda: here.closed)

    assert flow.trouble == "its certificate is not trusted: certificate has expired"


async def test_an_exception_takes_any_certificate(listening, tmp_path):
    server, there = await listening(own=Authority(tmp_path).issue("elsewhere.example"))
    client, _ = await listening()
    client.flow(server.local, trust=Trust("example.net", "off")).send(message())

    assert await there.message() == message()


async def test_a_connection_is_used_again_for_its_domain_alone(listening):
    """RFC 5923 §5: nor does the exception of one provider hold for another one."""
    server, _ = await listening()
    client, _ = await listening()
    first = client.flow(server.local, trust=Trust("example.net"))

    assert client.flow(server.local, trust=Trust("example.net")) is first
    assert client.flow(server.local, trust=Trust("example.net", "off")) is not first
    assert client.flow(server.local, trust=Trust("127.0.0.1")) is not first


async def test_a_phone_is_called_over_the_connection_that_it_opened(listening, phone):
    transport, inbox = await listening()
    _, writer = await phone(transport)
    writer.write(message())
    await inbox.message()

    assert transport.flow(writer.get_extra_info("sockname")[:2]) is inbox.flows[0]
    inbox.flows[0].add_alias(("127.0.0.1", 5061))
    assert transport.find(("127.0.0.1", 5061)) is None


async def test_a_client_may_show_who_it_is(listening, phone, authority):
    """RFC 5922 §7.4: those who show nothing may come in all the same."""
    transport, inbox = await listening(clients=authority.file)
    for context in (authority.client(), authority.client(authority.issue("trunk.example"))):
        _, writer = await phone(transport, context=context)
        writer.write(message())
        await inbox.message(len(inbox.messages) + 1)

    assert [flow.peer_names for flow in inbox.flows] == [(), ("trunk.example",)]


async def test_our_own_certificate_is_shown_to_who_asks(listening, authority):
    server, there = await listening(clients=authority.file)
    client, _ = await listening()
    client.flow(server.local, trust=Trust("example.net")).send(message())
    await there.message()

    assert there.flows[0].peer_names == ("example.net", "127.0.0.1")


async def test_a_handshake_that_does_not_end_is_given_up(listening):
    """It counts from its first byte, and is closed like a message that does not end."""
    transport, inbox = await listening(message=30.0)
    with (
        socket.create_connection(transport.local) as silent,
        socket.create_connection(transport.local) as slow,
    ):
        slow.send(bytes.fromhex("160301020001000100"))
        while transport.snapshot().unfinished_bytes < 9:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert transport.snapshot().connections == 2
        transport.sweep(asyncio.get_running_loop().time() + 31.0)

        assert (transport.snapshot().connections, transport.snapshot().slow) == (0, 2)
        assert transport.snapshot().unfinished_bytes == 0
        assert inbox.messages == []
        for one in (silent, slow):
            one.settimeout(60)
            assert await asyncio.to_thread(one.recv, 1) == b""


async def test_connections_of_one_source_count_before_their_handshake(listening):
    transport, _ = await listening(strangers_per_source=2)
    sockets = [socket.create_connection(transport.local) for _ in range(3)]
    while transport.snapshot().accepted + transport.snapshot().refused < 3:  # noqa: ASYNC110
        await asyncio.sleep(0)

    assert (transport.snapshot().connections, transport.snapshot().refused) == (2, 1)
    for one in sockets:
        one.close()


@pytest.mark.parametrize(
    "data", [b"REGISTER sip:example.net SIP/2.0\r\n\r\n", b"\x00" * 100, b"\x16\x03\x01"]
)
async def test_what_is_no_tls_is_closed_or_waited_for(listening, data):
    transport, inbox = await listening()
    with socket.create_connection(transport.local) as stranger:
        stranger.send(data)
        if data[0] == 0x16:
            stranger.close()
        await inbox.until(lambda: inbox.closed)

    assert transport.snapshot().connections == 0
    assert inbox.messages == []


async def test_a_server_that_never_answers_the_handshake_is_given_up(listening):
    client, here = await listening(connect=0.05)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        flow = client.flow(deaf.getsockname(), trust=Trust("example.net"))
        flow.send(message())
        await here.until(lambda: here.closed)

    assert flow.is_closed
    assert client.snapshot().connections == 0


async def test_a_peer_that_reads_nothing_is_dropped(listening, phone):
    transport, inbox = await listening(unsent=100_000)
    _, writer = await phone(transport)
    writer.transport.pause_reading()
    writer.write(message())
    await inbox.message()
    flow = inbox.flows[0]
    while not flow.is_closed:
        flow.send(bytes(100_000))
        await asyncio.sleep(0)

    assert transport.snapshot().slow == 1


async def test_closing_says_so_to_the_other_end(listening, phone):
    transport, inbox = await listening()
    reader, writer = await phone(transport)
    writer.write(message())
    await inbox.message()
    inbox.flows[0].send(message("last"))
    inbox.flows[0].close()

    assert await reader.read() == message("last")
    with pytest.raises(ConnectionError):
        inbox.flows[0].send(message())


async def test_a_broken_stream_is_refused_and_closed(listening, phone):
    transport, inbox = await listening()
    reader, writer = await phone(transport)
    writer.write(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n")

    assert await reader.read() == b""
    assert len(inbox.errors) == 1
    assert transport.snapshot().framing_errors == 1


async def test_a_provider_is_shown_a_certificate_of_its_own_and_the_renewed_one(
    listening, authority, tmp_path
):
    server, there = await listening(clients=authority.file)
    client, _ = await listening()
    files = authority.issue("us.example", file="shown")
    shown = Trust("example.net", "on", (str(files.certificate), str(files.key)))
    client.flow(server.local, trust=shown).send(message())
    client.flow(server.local, trust=Trust("example.net")).send(message())
    await there.message(2)
    assert sorted(flow.peer_names for flow in there.flows) == [("example.net", "127.0.0.1"), ("us.example",)]

    client.flow(server.local, trust=shown).close()
    await there.until(lambda: there.closed)
    authority.issue("new.example", file="shown")
    client.flow(server.local, trust=shown).send(message())
    await there.message(3)
    assert there.flows[2].peer_names == ("new.example",)


async def test_a_certificate_that_cannot_be_shown_is_the_reason(listening, tmp_path):
    server, _ = await listening()
    client, inbox = await listening()
    flow = client.flow(server.local, trust=Trust("example.net", "on", ("/nowhere", "/nowhere")))
    await inbox.until(lambda: inbox.closed)

    assert flow.trouble == (
        "the certificate /nowhere with the key /nowhere cannot be shown: No such file or directory"
    )


async def test_a_hello_costs_nothing_before_it_is_whole_and_may_come_in_pieces(listening, authority):
    """RFC 8446 §5.1: a record says how long it is."""
    transport, inbox = await listening()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = authority.client().wrap_bio(incoming, outgoing, server_hostname="example.net")
    reader, writer = await asyncio.open_connection(*transport.local)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    for piece in (hello[:3], hello[3:100], hello[100:-1]):
        writer.write(piece)
        await asyncio.sleep(0)
    while not any(flow._hello == hello[:-1] for flow in transport._waiting):  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert [flow._tls for flow in transport._waiting] == [None]

    writer.write(hello[-1:])
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            incoming.write(await reader.read(65_536))
    writer.write(outgoing.read())
    tls.write(message())
    writer.write(outgoing.read())
    assert await inbox.message() == message()
    writer.close()


async def test_the_oldest_of_too_many_handshakes_is_given_up(listening, phone, authority, monkeypatch):
    monkeypatch.setattr("sipwright.transport.tls.MOST_HANDSHAKES", 2)
    transport, _ = await listening()
    await phone(transport)
    outgoing = ssl.MemoryBIO()
    tls = authority.client().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="example.net")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    begun = []
    for _ in range(3):
        reader, writer = await asyncio.open_connection(*transport.local)
        writer.write(hello)
        begun.append((reader, writer))
        await reader.read(1)

    async with asyncio.timeout(60):
        while await begun[0][0].read(65_536):
            pass
    assert transport.snapshot().slow == 1
    assert len(transport._shaking) == 2
    for _, writer in begun:
        writer.close()


async def test_whoever_sends_on_after_a_fault_hears_the_answer_all_the_same(
    listening, authority, monkeypatch
):
    """As over TCP: to close with something unread resets the connection, and what was sent may be lost."""
    monkeypatch.setattr("sipwright.transport.tcp_connection.LINGERS", 60.0)
    transport, inbox = await listening(body=1_000)
    transport.on_framing_error = lambda error, flow: flow.send(b"513")

    def say_all_and_read_then():
        with (
            socket.create_connection(transport.local, timeout=60) as plain,
            authority.client().wrap_socket(plain, server_hostname="example.net") as caller,
        ):
            caller.sendall(message("a", b"x" * 2_000_000) + message())
            return caller.recv(100)

    assert await asyncio.to_thread(say_all_and_read_then) == b"513"
    await inbox.until(lambda: inbox.closed)
    assert (inbox.messages, transport.snapshot().connections) == ([], 0)


async def test_whoever_never_leaves_after_a_fault_is_left(listening, phone, monkeypatch):
    monkeypatch.setattr("sipwright.transport.tcp_connection.LINGERS", 0.01)
    transport, _ = await listening()
    broken = asyncio.get_running_loop().create_future()
    transport.on_framing_error = lambda error, flow: broken.set_result(flow)
    _, writer = await phone(transport)
    writer.write(b"OPTIONS sip:a SIP/2.0\r\n\r\n")

    async with asyncio.timeout(60):
        flow = await broken
        await flow.wait_lost()
    assert flow.is_closed

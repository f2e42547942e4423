"""The server: how many connections there are, how long each may keep it waiting, and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from sipwright.config import Settings, WebSettings
from sipwright.web import connections
from sipwright.web.server import WebServer

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope, receive, send):
    """Answer /hang never, and everything else at once."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/hang":
        await receive()
        await receive()
        return
    if scope["path"] == "/much":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
            await asyncio.sleep(0)  # nobody waits in `send` any more once the client has gone
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Served:
    """A server on a port, and those who come to it."""

    def __init__(self, server: WebServer, port: int) -> None:
        self.server, self.port = server, port
        self.peers: list[Peer] = []

    async def connect(self, data: bytes = b"", tls: ssl.SSLContext | None = None) -> Peer:
        peer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls)
        peer[1].write(data)
        self.peers.append(peer)
        return peer


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve(tmp_path) -> AsyncIterator[Serve]:
    open_ones: list[Served] = []

    async def start(**web: object) -> Served:
        settings = Settings(web=WebSettings(**web))
        settings._data_dir = tmp_path
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        served = Served(WebServer(app, settings, listening), listening.getsockname()[1])
        await served.server.start()
        open_ones.append(served)
        return served

    yield start
    for served in open_ones:
        for _, writer in served.peers:
            writer.transport.abort()  # some of them never sent what they have written
        await served.server.stop()


async def test_a_connection_is_used_again(serve: Serve):
    served = await serve()
    reader, writer = await served.connect(REQUEST)
    first = await reader.readuntil(b"ok")
    writer.write(REQUEST)

    assert first.startswith(b"HTTP/1.1 200")
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    assert len(served.server.connections) == 1


async def test_what_is_no_http_is_a_problem_too(serve: Serve):
    reader, _ = await (await serve()).connect(b"INVITE sip:bob@example.org SIP/2.0\r\n\r\n")
    answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"content-type: application/problem+json" in answer.lower()


async def test_over_the_bound_the_one_that_has_waited_longest_gives_way(serve: Serve):
    served = await serve(connections=10)
    peers = [await served.connect() for _ in range(10)]
    late, _ = await served.connect(REQUEST)

    assert (await late.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    assert await is_closed(peers[0][0])
    assert len(served.server.connections) == 10


async def test_one_that_gives_way_before_anybody_looked_at_it_is_closed_too(serve: Serve):
    served = await serve(connections=10)
    with contextlib.ExitStack() as stack:
        come = [
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port), 60)) for _ in range(12)
        ]
        said = [await asyncio.to_thread(each.recv, 1) for each in come[:2]]

    assert said == [b"", b""]


async def test_where_all_are_being_answered_a_new_one_is_refused(serve: Serve):
    served = await serve(connections=10)
    for _ in range(10):
        await served.connect(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: not served.server.connections._waiting)
    late, _ = await served.connect(REQUEST)
    answer = await late.read()

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 5" in answer
    assert served.server.connections.refused == 1


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost:",
        b"POST /hang HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    ],
)
async def test_a_client_that_does_not_go_on_is_not_waited_for(serve: Serve, monkeypatch, begun: bytes):
    monkeypatch.setattr(connections, "HEAD_WITHIN", 0.05)
    monkeypatch.setattr(connections, "BODY_WITHIN", 0.05)
    served = await serve()
    reader, _ = await served.connect(begun)

    assert await is_closed(reader)
    assert len(served.server.connections) == 0


async def test_a_client_that_takes_nothing_is_let_go(serve: Serve, monkeypatch):
    monkeypatch.setattr(connections, "TAKEN_WITHIN", 0.05)
    served = await serve()
    await served.connect(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: len(served.server.connections))
    await until(lambda: not len(served.server.connections))


async def test_over_tls_when_there_is_a_certificate(serve: Serve, tmp_path):
    make_certificate(tmp_path)
    served = await serve(certificate="c.pem", key="k.pem")
    trusting = ssl.create_default_context(cafile=tmp_path / "c.pem")
    trusting.check_hostname = False
    reader, _ = await served.connect(REQUEST, trusting)

    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")


async def test_a_client_that_speaks_no_tls_takes_no_place(serve: Serve, tmp_path):
    make_certificate(tmp_path)
    served = await serve(certificate="c.pem", key="k.pem")
    reader, _ = await served.connect(REQUEST)

    assert await is_closed(reader)
    await until(lambda: not len(served.server.connections))


async def until(ask: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not ask():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.002)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionError):
        return await reader.read() == b"" or reader.at_eof()
    return True


def make_certificate(folder):
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "k.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )

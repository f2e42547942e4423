"""The web as scripts see it, against a server on loopback that only the tests allow."""

import asyncio
import contextlib
import json
import ssl

import pytest

from sipwright.services.dialplan.outside import HttpClient
from sipwright.services.dialplan.outside.guarded_web import GuardedWeb, _PublicOnly
from sipwright.transport.networks import networks

LOOPBACK = networks(["127.0.0.0/8"])


@contextlib.asynccontextmanager
async def server(answer):
    """Answer every request with what `answer` makes of its first line, headers and body."""
    heard, writers = [], []

    async def handle(reader, writer):
        writers.append(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = [
            line.split(":")[1] for line in head.lower().split("\r\n") if line.startswith("content-length")
        ]
        body = await reader.readexactly(int(length[0])) if length else b""
        heard.append((head, body))
        reply = answer(head)
        if reply is not None:
            writer.write(reply)
        else:
            await reader.read()
        writer.close()

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", heard
    finally:
        listener.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.fixture
async def client():
    client = HttpClient(LOOPBACK, timeout=60.0)
    yield client
    await client.close()


def page(body: bytes, *headers: str, status="200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


async def test_a_page_of_json(client):
    async with server(lambda head: page(b'{"name": "Alice"}', "X-A: 1")) as (url, heard):
        found = await client.get(url + "/x", {"X-Key": "k"})

    assert (found["status"], found["json"], found["headers"]["x-a"]) == (200, {"name": "Alice"}, "1")
    assert "GET /x HTTP/1.1" in heard[0][0]
    assert "x-key: k" in heard[0][0].lower()


async def test_posting(client):
    async with server(lambda head: page(b"ok", status="201 Created")) as (url, heard):
        found = await client.post(url, {}, {"json": json.dumps({"a": 1})})
        await client.post(url, {}, {"form": {"a": "b c"}})

    assert (found["status"], found["text"], found["json"]) == (201, "ok", None)
    assert [body for _, body in heard] == [b'{"a": 1}', b"a=b+c"]


async def test_without_permission_there_is_no_way_inside():
    client = HttpClient()
    async with server(lambda head: page(b"secret")) as (url, heard):
        for address in (
            url,
            url.replace("127.0.0.1", "localhost"),
            url.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        ):
            with pytest.raises(OSError, match="not on the public internet"):
                await client.get(address, {})
    await client.close()

    assert heard == []


@pytest.mark.parametrize(("allowed", "is_open"), [((), False), (("8.8.8.0/24",), True)])
def test_what_looks_public_and_is_our_own_is_inside(allowed, is_open):
    guard = _PublicOnly(networks(allowed), lambda address: address == "8.8.8.8")

    assert (guard._is_open("8.8.8.8"), guard._is_open("8.8.4.4")) == (is_open, True)


async def test_a_redirect_is_followed_and_checked(client):
    def answer(head):
        if head.startswith("GET /start"):
            return page(b"", "Location: /end", status="302 Found")
        if head.startswith("GET /inside"):
            return page(b"", "Location: http://10.0.0.1/", status="302 Found")
        if head.startswith("GET /round"):
            return page(b"", "Location: /round", status="302 Found")
        return page(b"end")

    async with server(answer) as (url, _):
        assert (await client.get(url + "/start", {}))["text"] == "end"
        with pytest.raises(OSError, match=r"10\.0\.0\.1 is not on the public internet"):
            await client.get(url + "/inside", {})
        with pytest.raises(OSError, match="more than 3 redirects"):
            await client.get(url + "/round", {})


async def test_a_secret_does_not_follow_to_another_server(client):
    async with (
        server(lambda head: page(b"end")) as (other, heard),
        server(lambda head: page(b"", f"Location: {other}/", status="302 Found")) as (url, _),
    ):
        await client.get(url, {"Authorization": "Bearer x", "X-Id": "1"})

    assert "bearer" not in heard[0][0].lower()
    assert "x-id: 1" in heard[0][0].lower()


async def test_a_page_ends_at_64_kb(client):
    async with server(lambda head: page(b"x" * 70_000)) as (url, _):
        with pytest.raises(OSError, match="larger than 64 kB"):
            await client.get(url, {})


@pytest.mark.parametrize("charset", ["punycode", "IDNA", "undefined", "no-such-thing"])
async def test_an_encoding_that_is_none_for_pages_is_not_used(client, charset):
    """To decode 64 kB of digits as punycode would hold up every call for 0.6 s."""
    digits = b"-" + b"9" * 60_000
    reply = page(digits, f"Content-Type: text/plain; charset={charset}")
    async with server(lambda head: reply) as (url, _):
        found = await client.get(url, {})

    assert found["text"] == digits.decode()


async def test_a_compressed_page_is_refused(client):
    async with server(lambda head: page(b"x", "Content-Encoding: gzip")) as (url, _):
        with pytest.raises(OSError, match="compressed"):
            await client.get(url, {})


@pytest.mark.parametrize(("scheme", "is_secure"), [("http", False), ("https", True), ("HTTPS", True)])
async def test_certificates_are_there_for_https(client, scheme, is_secure):
    async with server(lambda head: page(b"")) as (url, _):
        pass
    with pytest.raises(OSError, match="connection"):
        await client.get(url.replace("http", scheme), {})

    assert list(client._webs) == [is_secure]


def test_the_certificates_are_read_only_where_https_needs_them():
    """To read them takes longer than all else here, and a start had to wait for it."""
    webs = [GuardedWeb((), lambda address: False, 2.0, is_secure=is_secure) for is_secure in (False, True)]

    contexts = [web._client._transport._pool._ssl_context for web in webs]
    assert [bool(context.get_ca_certs()) for context in contexts] == [False, True]
    assert [context.verify_mode for context in contexts] == [ssl.CERT_REQUIRED] * 2


async def test_a_slow_server_is_a_timeout():
    client = HttpClient(LOOPBACK, timeout=0.1)
    async with server(lambda head: None) as (url, _):
        with pytest.raises(TimeoutError):
            await client.get(url, {})
    await client.close()


async def test_nobody_there(client):
    async with server(lambda head: page(b"")) as (url, _):
        pass
    with pytest.raises(OSError, match="connection"):
        await client.get(url, {})

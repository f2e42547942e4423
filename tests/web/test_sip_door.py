"""Phones in browsers that connect where the pages are: what they say gets to the switch, and who may say it."""

from __future__ import annotations

import asyncio
import socket

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from authority import Authority
from sipwright.config import Settings, WebSettings
from sipwright.transport import TcpLimits, parse_flow_key
from sipwright.transport.ws_handed import HandedWsTransport, handed_socket
from sipwright.web.server import WebServer

MESSAGE = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\n\r\n"


async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


class Site:
    """The listener of the pages and, unless the switch is away, the transports that it hands WebSockets to."""

    def __init__(self, folder):
        self.folder = folder
        self.heard = asyncio.Queue()
        self.pages, self.transports = [], []

    async def start(self, *origins, is_away=False, limits=None, **web):
        settings = Settings(web=WebSettings(**web))
        settings._data_dir = self.folder
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        self.server = WebServer(app, settings, listening)
        await self.server.start()
        for name in () if is_away else ("ws", "wss"):
            transport = HandedWsTransport(
                name, ("127.0.0.1", self.port), self.folder, origins, limits=limits or TcpLimits()
            )
            transport.on_message = lambda data, flow: self.heard.put_nowait((data.decode(), flow))
            await transport.start()
            self.transports.append(transport)
        return self

    async def browser(self, path="/sip", **options):
        options = {"subprotocols": ["sip"], "compression": None, "proxy": None} | options
        scheme = "wss" if "ssl" in options else "ws"
        page = await connect(f"{scheme}://127.0.0.1:{self.port}{path}", **options)
        self.pages.append(page)
        return page

    async def close(self):
        for page in self.pages:
            await page.close()
        for transport in self.transports:
            await transport.close()
        await self.server.stop()


@pytest.fixture
async def site(tmp_path):
    site = Site(tmp_path)
    async with asyncio.timeout(60):
        yield site
        await site.close()


async def test_what_a_browser_says_gets_to_the_switch_and_back(site):
    await site.start()
    page = await site.browser()
    await page.send(MESSAGE)
    said, flow = await site.heard.get()
    flow.send(MESSAGE.encode() + b"x" * 200_000)

    assert (said, page.subprotocol) == (MESSAGE, "sip")
    assert len(await page.recv()) == len(MESSAGE) + 200_000
    assert (flow.protocol, flow.local) == ("ws", ("127.0.0.1", site.port))
    assert flow.remote == page.local_address
    assert parse_flow_key(flow.key)[:3] == ("ws", flow.local, flow.remote)
    assert (await page.ping()) is not None


async def test_over_tls_it_is_a_wss_flow(site, tmp_path):
    authority = Authority(tmp_path)
    files = authority.issue("127.0.0.1")
    await site.start(certificate=str(files.certificate), key=str(files.key))
    page = await site.browser(ssl=authority.client())
    await page.send(MESSAGE)

    said, flow = await site.heard.get()
    assert (said, flow.protocol) == (MESSAGE, "wss")


async def test_a_trusted_proxy_says_who_is_there_and_how(site):
    await site.start(trusted_proxies=["127.0.0.1"], prefix="/phone")
    headers = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    page = await site.browser("/phone/sip", additional_headers=headers)
    await page.send(MESSAGE)

    _, flow = await site.heard.get()
    assert (flow.protocol, flow.remote[0]) == ("wss", "198.51.100.7")


async def test_nobody_else_is_believed(site):
    await site.start()
    page = await site.browser(additional_headers={"X-Forwarded-For": "198.51.100.7"})
    await page.send(MESSAGE)

    _, flow = await site.heard.get()
    assert (flow.protocol, flow.remote[0]) == ("ws", "127.0.0.1")


@pytest.mark.parametrize(("origin", "may"), [
    ("http://127.0.0.1", True), ("https://phone.example", True), ("https://other.example", False), ("null", False),
])  # fmt: skip
async def test_pages_of_other_sites_may_not_connect(site, origin, may):
    await site.start("https://phone.example")
    if may:
        await site.browser(origin=origin)
    else:
        with pytest.raises(InvalidStatus, match="403"):
            await site.browser(origin=origin)


async def test_without_the_subprotocol_there_is_no_connection(site):
    await site.start()
    with pytest.raises(InvalidStatus, match="400"):
        await site.browser(subprotocols=["chat"])


async def test_while_the_switch_is_away_a_browser_is_asked_to_come_again(site):
    await site.start(is_away=True)
    with pytest.raises(InvalidStatus, match="503"):
        await site.browser()

    assert len(site.server.connections) == 0


async def test_the_limits_of_connections_hold(site):
    await site.start(limits=TcpLimits(strangers_per_source=1))
    first = await site.browser()
    with pytest.raises((WebSocketException, OSError, EOFError)):
        await site.browser()

    await first.send(MESSAGE)
    assert (await site.heard.get())[0] == MESSAGE


async def test_either_end_closes_both(site):
    await site.start()
    first, second = await site.browser(), await site.browser()
    for page in (first, second):
        await page.send(MESSAGE)
    flows = [(await site.heard.get())[1] for _ in range(2)]
    gone = asyncio.Queue()
    site.transports[0].on_flow_closed = lambda flow, error: gone.put_nowait(flow)
    next(flow for flow in flows if flow.remote == first.local_address).close()
    await first.wait_closed()
    await gone.get()
    await second.close()

    assert (await gone.get()).remote == second.local_address
    assert site.transports[0].snapshot().connections == 0


@pytest.mark.parametrize("preamble", [b"{}\n", b"nonsense\n", b'{"remote": 1, "local": 2}\n', b"x" * 600])
async def test_whoever_does_not_say_who_is_there_is_sent_away(site, preamble):
    await site.start()
    reader, writer = await asyncio.open_unix_connection(str(site.folder / handed_socket("ws")))
    writer.write(preamble)
    try:
        left = await reader.read()
    except ConnectionResetError:
        left = b""
    writer.close()

    assert (left, site.transports[0].snapshot().connections) == (b"", 0)


async def test_the_socket_is_ours_alone_and_goes_with_the_switch(site):
    await site.start()
    path = site.folder / handed_socket("ws")
    assert path.stat().st_mode & 0o777 == 0o600
    await site.transports[0].close()

    assert not path.exists()

"""WebSockets over real sockets, with the client of the library at the other end."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from authority import Authority
from sipwright.transport import TcpLimits
from sipwright.transport.certificates import Certificates
from sipwright.transport.web_socket import MOST_FRAMES, MOST_PARTS, is_allowed
from sipwright.transport.ws import WssTransport, WsTransport
from sipwright.transport.ws_connection import WsFlow

MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\n\r\n"

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("wss"))


@pytest.fixture
async def listening(opened):
    async def start(*origins, **limits):
        transport = WsTransport("127.0.0.1", 0, origins, limits=TcpLimits(**limits))
        return transport, await opened(transport)

    return start


@pytest.fixture
async def browser():
    opened = []

    async def call(transport, **options):
        options = {"subprotocols": ["sip"], "compression": None, "proxy": None} | options
        scheme = "wss" if "ssl" in options else "ws"
        page = await connect(f"{scheme}://127.0.0.1:{transport.local[1]}/", **options)
        opened.append(page)
        return page

    yield call
    for page in opened:
        await page.close()


async def test_one_message_of_it_is_one_of_sip(listening, browser):
    transport, inbox = await listening()
    page = await browser(transport)
    assert page.subprotocol == "sip"
    await page.send(MESSAGE.decode())
    await page.send([MESSAGE[:10], MESSAGE[10:20], MESSAGE[20:]])
    await inbox.message(2)
    flow = inbox.flows[0]
    flow.send(MESSAGE)
    flow.send("Subject: ä".encode())
    flow.send(b"\xff\x00")

    assert inbox.messages == [MESSAGE, MESSAGE]
    assert [await page.recv() for _ in range(3)] == [MESSAGE.decode(), "Subject: ä", b"\xff\x00"]
    assert (flow.protocol, flow.is_reliable, flow.key[:3]) == ("ws", True, "ws/")


async def test_with_tls(opened, browser, authority):
    """The same inside of TLS."""
    transport = WssTransport("127.0.0.1", 0, Certificates([authority.issue("127.0.0.1")]))
    inbox = await opened(transport)
    page = await browser(transport, ssl=authority.client())
    await page.send(MESSAGE.decode())
    await inbox.message()
    inbox.flows[0].send(MESSAGE)

    assert await page.recv() == MESSAGE.decode()
    assert inbox.flows[0].protocol == "wss"


async def test_keep_alives_are_answered(listening, browser):
    """RFC 7118 §6: pings of WebSockets, and the CRLF of RFC 5626 §3.5.1."""
    transport, inbox = await listening()
    page = await browser(transport)
    await (await page.ping())
    await page.send("\r\n\r\n")

    assert await page.recv() == "\r\n"
    assert (inbox.messages, transport.snapshot().pings) == ([], 1)


async def test_phones_that_say_nothing_are_pinged_and_strangers_are_not(listening, browser, monkeypatch):
    transport, inbox = await listening()
    phone, stranger = await browser(transport), await browser(transport)
    for page in (phone, stranger):
        await page.send(MESSAGE.decode())
    await inbox.message(2)
    inbox.flows[0].vouch()
    pinged = []
    monkeypatch.setattr(WsFlow, "ping", lambda flow: pinged.append(flow))
    transport.sweep(asyncio.get_running_loop().time() + 26.0)

    assert pinged == [inbox.flows[0]]


async def test_the_answer_to_a_ping_shows_that_a_phone_is_there(listening, browser):
    transport, inbox = await listening()
    page = await browser(transport)
    await page.send(MESSAGE.decode())
    await inbox.message()
    flow = inbox.flows[0]
    flow.vouch()
    transport._known[flow] = 0.0
    flow.ping()
    async with asyncio.timeout(60):
        while transport._known[flow] == 0.0:  # noqa: ASYNC110
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"subprotocols": ["chat"]}, 400),
        ({"subprotocols": None}, 400),
    ],
)
async def test_who_may_not_connect_is_told_why(listening, browser, options, status):
    transport, inbox = await listening("https://phone.example")
    with pytest.raises(InvalidStatus) as refused:
        await browser(transport, **options)
    await inbox.until(lambda: inbox.closed)

    assert refused.value.response.status_code == status
    assert transport.snapshot().connections == 0


@pytest.mark.parametrize("origin", ["https://phone.example", "http://127.0.0.1:8080", None])
async def test_who_may_connect(listening, browser, origin):
    transport, _ = await listening("https://phone.example")

    assert (await browser(transport, origin=origin)).subprotocol == "sip"


@pytest.mark.parametrize(
    ("origin", "host", "allowed", "is_right"),
    [
        ("https://phone.example", "sip.example:5063", (), False),
        ("https://phone.example", "sip.example:5063", ("*",), True),
        ("https://phone.example", "sip.example:5063", ("https://phone.example",), True),
        ("https://PHONE.example", "sip.example:5063", ("https://phone.example",), True),
        ("http://phone.example", "sip.example:5063", ("https://phone.example",), False),
        ("https://phone.example:444", "sip.example:5063", ("https://phone.example",), False),
        ("https://sip.example:8443", "sip.example:5063", (), True),
        ("https://example.org", "192.0.2.1:5063", ("example.org",), True),
        ("https://evil.example.org", "192.0.2.1:5063", ("example.org",), False),
        ("https://[::1]:8080", "[::1]:5063", (), True),
        ("null", "null", (), False),
        ("https://[::", "[::", (), False),
        ("", "", (), False),
    ],
)
def test_which_sites_are_allowed(origin, host, allowed, is_right):
    assert is_allowed(origin, host, frozenset(allowed)) is is_right


async def test_a_message_that_is_too_large_ends_it(listening, browser):
    transport, inbox = await listening(head=1_000, body=1_000)
    page = await browser(transport)
    await page.send("x" * 2_001)
    with pytest.raises(ConnectionClosed) as ended:
        await page.recv()

    assert ended.value.rcvd.code == 1009
    await inbox.until(lambda: inbox.closed)


async def test_whoever_sends_on_after_it_is_told_why_all_the_same(listening):
    """To close with something unread resets the connection, and the Close may be lost (RFC 1122 §4.2.2.13)."""
    transport, inbox = await listening(head=1_000, body=1_000)
    reader, writer = await asyncio.open_connection(*transport.local)
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(Frame(Opcode.TEXT, b"x" * 600_000).serialize(mask=True))
    await writer.drain()
    writer.write(Frame(Opcode.TEXT, b"y" * 600_000).serialize(mask=True))
    told = await reader.read()
    writer.close()
    await inbox.until(lambda: inbox.closed)

    assert (told[:1], told[2:4]) == (b"\x88", b"\x03\xf1")


@pytest.mark.parametrize(
    "frames",
    [
        [Frame(Opcode.PING, b"x" * 125)] * 100,
        [Frame(Opcode.PONG, b"")] * 1_000,
        [Frame(Opcode.TEXT, b"\r\n\r\n")] * 1_000,
        [Frame(Opcode.TEXT, b"x", fin=False), *[Frame(Opcode.CONT, b"", fin=False)] * 2_000],
        [Frame(Opcode.TEXT, b"x", fin=False), *[Frame(Opcode.CONT, b"x" * 100, fin=False)] * 2 * MOST_PARTS],
    ],
    ids=["pings", "pongs", "keep-alives", "empty fragments", "small fragments"],
)
async def test_frames_that_say_nothing_end_it(listening, frames):
    """No budget of messages counts them, and each costs as much as a message."""
    transport, inbox = await listening(head=1_000_000)
    reader, writer = await asyncio.open_connection(*transport.local)
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"".join(frame.serialize(mask=True) for frame in frames))
    try:
        while await reader.read(65_536):
            pass
    except ConnectionResetError:
        pass
    writer.close()
    await inbox.until(lambda: inbox.closed)

    assert inbox.messages == []
    assert transport.snapshot().pings <= MOST_FRAMES


LATIN = MESSAGE.replace(b"\r\n\r\n", b"\r\nSubject: \xe4\r\n\r\n")
SPLIT = MESSAGE.replace(b"\r\n\r\n", b"\r\nSubject: \xc3\xa4\r\n\r\n")


def cut(data, opcode):
    """Return a message in two frames, the first of which ends in its one letter that is not ASCII."""
    middle = next(index for index, byte in enumerate(data) if byte > 127) + 1
    return [Frame(opcode, data[:middle], fin=False), Frame(Opcode.CONT, data[middle:])]


@pytest.mark.parametrize(
    ("frames", "messages", "code"),
    [
        ([Frame(Opcode.TEXT, LATIN)], [], b"\x03\xef"),
        (cut(LATIN, Opcode.TEXT), [], b"\x03\xef"),
        (
            [Frame(Opcode.TEXT, MESSAGE), *cut(LATIN, Opcode.TEXT), Frame(Opcode.TEXT, MESSAGE)],
            [MESSAGE],
            b"\x03\xef",
        ),
        (
            [*cut(LATIN, Opcode.BINARY), *cut(SPLIT, Opcode.TEXT), Frame(Opcode.CLOSE, b"\x03\xe8")],
            [LATIN, SPLIT],
            b"\x03\xe8",
        ),
    ],
    ids=["whole", "in fragments", "in between", "binary"],
)
async def test_what_is_called_text_and_is_none_ends_it(listening, frames, messages, code):
    """RFC 6455 §8.1: 1007. A message that is not UTF-8 may come as binary one (RFC 7118 §4.2)."""
    transport, inbox = await listening()
    reader, writer = await asyncio.open_connection(*transport.local)
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"".join(frame.serialize(mask=True) for frame in frames))
    told = await reader.read()
    writer.close()
    await inbox.until(lambda: inbox.closed)

    assert (inbox.messages, told[:1], told[2:4]) == (messages, b"\x88", code)


async def test_what_is_no_websocket_is_refused(listening):
    transport, inbox = await listening()
    reader, writer = await asyncio.open_connection(*transport.local)
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    head = await reader.read()
    writer.close()
    await inbox.until(lambda: inbox.closed)

    assert head.startswith(b"HTTP/1.1 426 ")
    assert inbox.messages == []


async def test_plain_sip_is_closed(listening):
    transport, inbox = await listening()
    reader, writer = await asyncio.open_connection(*transport.local)
    writer.write(MESSAGE)
    await reader.read()
    writer.close()
    await inbox.until(lambda: inbox.closed)

    assert inbox.messages == []


async def test_a_handshake_that_does_not_end_is_given_up(listening):
    transport, _ = await listening()
    reader, writer = await asyncio.open_connection(*transport.local)
    writer.write(b"GET / HTTP/1.1\r\nHost: ")
    while transport.snapshot().unfinished_bytes == 0:  # noqa: ASYNC110
        await asyncio.sleep(0)
    transport.sweep(asyncio.get_running_loop().time() + 31.0)

    assert await reader.read() == b""
    assert (transport.snapshot().connections, transport.snapshot().unfinished_bytes) == (0, 0)
    writer.close()


async def test_a_fragment_that_does_not_end_counts_as_unfinished(listening, browser):
    transport, _ = await listening()
    page = await browser(transport)

    async def endless():
        yield "x" * 500
        await asyncio.Event().wait()

    sending = asyncio.create_task(page.send(endless()))
    while transport.snapshot().unfinished_bytes < 500:  # noqa: ASYNC110
        await asyncio.sleep(0)
    transport.sweep(asyncio.get_running_loop().time() + 31.0)
    sending.cancel()

    assert transport.snapshot().slow == 1


async def test_nobody_is_connected_to(listening):
    transport, _ = await listening()

    with pytest.raises(ConnectionError, match="cannot be connected to"):
        transport.flow(("127.0.0.1", 9))


async def test_closing_says_so(listening, browser):
    transport, inbox = await listening()
    page = await browser(transport)
    await page.send(MESSAGE.decode())
    await inbox.message()
    inbox.flows[0].close()
    with pytest.raises(ConnectionClosed) as ended:
        await page.recv()

    assert ended.value.rcvd.code == 1001

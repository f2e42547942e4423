"""What comes over a stream, however it is spelled: each message gets its answer, or the stream its end, and a line.

RFC 3261 §7.5, §18.3 and RFC 5626 §3.5.1 say where one ends. After each of these the same listener answers the next one.
"""

import asyncio
import ssl

import pytest
from websockets.asyncio.client import connect

from authority import Authority
from sipwright.sip import make_response
from sipwright.stack import Pipeline, Stack
from sipwright.transport import TcpTransport
from sipwright.transport.certificates import Certificates
from sipwright.transport.tls import TlsTransport
from sipwright.transport.ws import WsTransport


def message(method="OPTIONS", branch="1", length="Content-Length: 0", body=b"", more="", end="\r\n"):
    lines = [
        f"{method} sip:bob@h SIP/2.0", f"Via: SIP/2.0/TCP 127.0.0.1:5099;branch=z9hG4bK{branch}", "Max-Forwards: 70",
        "From: <sip:a@h>;tag=a", "To: <sip:bob@h>", f"Call-ID: {branch}", f"CSeq: 1 {method}",
        "Contact: <sip:a@127.0.0.1:5099>", *([more] if more else []), *([length] if length else []),
    ]  # fmt: skip
    return end.join([*lines, "", ""]).encode("latin-1") + body


LAST = message(branch="last")
PLAIN = message()
STRAY = PLAIN.replace(b"OPTIONS sip:bob@h SIP/2.0", b"SIP/2.0 200 OK").replace(b"bob@h>", b"bob@h>;tag=b")
LONG = "X: " + "y" * 60_000

# What comes, in segments; the statuses that it is answered, and what the log says. None behind them ends the stream.
# fmt: off
CASES = {
    "two in one segment": ([PLAIN + message(branch="2")], [200, 200], []),
    "a byte a segment": ([bytes([byte]) for byte in PLAIN], [200], []),
    "no length": ([message(length=None) + PLAIN], [400, None], ["Content-Length is missing"]),
    "a length that is too small": ([message(length="Content-Length: 3", body=b"abcDEF") + message(branch="2")],
                                   [200, 400], ["CSeq is for OPTIONS and the request is DEFOPTIONS"]),
    "a length that is too large": ([message(length=f"Content-Length: {len(PLAIN)}") + PLAIN], [200], []),
    "a negative length": ([message(length="Content-Length: -1")], [400, None], ["Content-Length is not a number"]),
    "a length that is no number": ([message(length="Content-Length: 0x5")], [400, None],
                                   ["Content-Length is not a number"]),
    "an endless length": ([message(length="Content-Length: 99999999999999999999")], [400, None],
                          ["Content-Length is not a number"]),
    "one length, twice": ([message(length="Content-Length: 2\r\nContent-Length: 2", body=b"ab")], [200], []),
    "two lengths": ([message(length="Content-Length: 0\r\nl: 2", body=b"ab")], [400, None],
                    ["Content-Length is there twice with different values"]),
    "a compact length": ([message(length="l: 4", body=b"\r\n\r\n")], [200], []),
    "a folded length": ([message(length="Content-Length:\r\n 4", body=b"\0\0\0\0")], [200], []),
    "a length in the body": ([message(length="Content-Length: 21", body=b"\r\nContent-Length: 9\r\n")], [200], []),
    "a body above the largest": ([message(length="Content-Length: 300000", body=b"x" * 300_000)], [513, None],
                                 ["Content-Length is above 262144"]),
    "70 kB": ([message(length="Content-Length: 70000", body=b"x" * 70_000)], [200], []),
    "a line of 60 kB": ([message(more=LONG)], [513, None], ["The headers are longer than 16384 bytes"]),
    "a line of 60 kB in pieces": ([message(more=LONG)[at : at + 4_000] for at in range(0, 62_000, 4_000)], [513, None],
                                  ["The headers are longer than 16384 bytes"]),
    "a keep-alive before, and half of one behind": ([b"\r\n\r\n" + PLAIN + b"\r\n"], [200], []),
    "blank lines within": ([PLAIN[:70] + b"\r\n\r\n" + PLAIN[70:]], [None], ["Content-Length is missing"]),
    "letters before": ([b"xyz" + PLAIN], [400], ["CSeq is for OPTIONS and the request is xyzOPTIONS"]),
    "a line before": ([b"garbage\r\n" + PLAIN], [400], ["The first line is neither a request line nor a status line"]),
    "NULs before": ([b"\0\0" + PLAIN], [], ["The first line is neither a request line nor a status line"]),
    "a NUL in a header": ([message(more="X: a\0b")], [400], ["X has a NUL or a carriage return in its value"]),
    "a NUL in the URI": ([PLAIN.replace(b"bob@h SIP", b"b\0b@h SIP")], [400],
                         ["The Request-URI has a character that cannot be in a URI"]),
    "lines without a carriage return": ([message(end="\n")], [200], []),
    "a line without one": ([PLAIN.replace(b"70\r\n", b"70\n")], [200], []),
    "a CANCEL right behind": ([message("INVITE") + message("CANCEL")], [200, 487], []),
    "a CANCEL right before": ([message("CANCEL") + message("INVITE") + message("CANCEL")], [481, 200, 487], []),
    "no Via": ([PLAIN.replace(b"Via:", b"X:")], [], ["Via is missing"]),
    "an answer to nobody": ([STRAY], [], []),
    "an answer without a length": ([STRAY.replace(b"Content-Length: 0\r\n", b"") + PLAIN], [None],
                                   ["Content-Length is missing"]),
    "another protocol": ([b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"], [None], ["Content-Length is missing"]),
}
# fmt: on


class Log:
    """Keeps why a line was written."""

    def __init__(self):
        self.reasons = []

    def warning(self, event, *, reason, **_):
        self.reasons.append(reason)


class Ringing:
    """The user of an INVITE that rings until it is cancelled."""

    def on_cancel(self, tx, cancel):
        now = asyncio.get_running_loop().time()
        cancel.accept(now)
        tx.respond(make_response(tx.request, 487, to_tag="b"), now)

    def on_ack(self, tx, ack):
        pass

    on_timeout = on_ack


def answer(incoming):
    if incoming.request.method == "INVITE":
        incoming.open(Ringing())
    else:
        incoming.respond(200)
    return True


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("streams"))


@pytest.fixture
async def listening(authority, monkeypatch):
    monkeypatch.setattr("sipwright.transport.tcp_connection.LINGERS", 60.0)
    stacks = []

    async def start(protocol):
        certificates = Certificates([authority.issue("example.net", "127.0.0.1")], authorities=authority.file)
        make = {
            "tcp": lambda: TcpTransport("127.0.0.1", 0), "ws": lambda: WsTransport("127.0.0.1", 0),
            "tls": lambda: TlsTransport("127.0.0.1", 0, certificates),
        }  # fmt: skip
        log, transport = Log(), make[protocol]()
        stacks.append(Stack([transport], Pipeline((answer,)), logger=log))
        await stacks[-1].start()
        return transport.local, log

    yield start
    for stack in stacks:
        await stack.close()


@pytest.fixture
async def phone(authority):
    writers, tasks = [], []

    async def call(address, protocol, segments):
        tls = {"ssl": authority.client(), "server_hostname": "example.net"} if protocol == "tls" else {}
        reader, writer = await asyncio.open_connection(*address, **tls)
        writers.append(writer)
        tasks.append(asyncio.create_task(say(writer, segments)))
        return reader

    yield call
    await asyncio.gather(*tasks, return_exceptions=True)
    for writer in writers:
        writer.close()
        try:
            await writer.wait_closed()
        except (OSError, ssl.SSLError):
            pass  # the other end has left before


def statuses(data):
    lines = [line for line in data.split(b"\r\n") if line.startswith(b"SIP/2.0 ")]
    return [int(line[8:11]) for line in lines if line[8:11] != b"100"]


async def heard(reader):
    """Return the statuses that come before the answer to the last one, or the end of the stream."""
    data = b""
    async with asyncio.timeout(60):
        while b"branch=z9hG4bKlast" not in data or not data.endswith(b"\r\n\r\n"):
            more = await reader.read(65_536)
            if not more:
                return [*statuses(data), None]
            data += more
    return statuses(data)[:-1]


async def say(writer, segments):
    for segment in segments:
        writer.write(segment)
        await writer.drain()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("protocol", ["tcp", "tls"])
async def test_each_is_answered_or_ends_the_stream(listening, phone, protocol, name):
    segments, expected, reasons = CASES[name]
    address, log = await listening(protocol)
    reader = await phone(address, protocol, [*segments, LAST])
    try:
        assert await heard(reader) == expected
    except ConnectionResetError:
        # Over TLS the end comes with what is unread, so that the answer may be lost on the way.
        assert (protocol, expected[-1]) == ("tls", None)
    assert log.reasons == reasons

    assert await heard(await phone(address, protocol, [LAST])) == []


@pytest.mark.parametrize(
    ("said", "expected", "reasons"),
    [
        (message(length=None), [200], []),
        (message(length="Content-Length: 2", body=b"abc"), [200], []),
        (message(length="Content-Length: 9", body=b"abc"), [400], ["Content-Length is larger than the body"]),
        (message(length="Content-Length: -1"), [400], ["Content-Length is not a number"]),
        (b"\r\n" + PLAIN, [200], []),
        (message(end="\n"), [200], []),
        (message(more="X: a\0b"), [400], ["X has a NUL or a carriage return in its value"]),
        (b"xyz" + PLAIN, [400], ["CSeq is for OPTIONS and the request is xyzOPTIONS"]),
    ],
)
async def test_a_message_of_a_web_socket_ends_where_that_says(listening, said, expected, reasons):
    """RFC 7118 §5: its length is known, so it needs no Content-Length, and a fault in one harms no other."""
    (host, port), log = await listening("ws")
    async with connect(f"ws://{host}:{port}/", subprotocols=["sip"], compression=None, proxy=None) as page:
        await page.send(said)
        await page.send(LAST)
        found = b""
        while b"branch=z9hG4bKlast" not in found:
            more = await page.recv(decode=False)
            found += more

    assert (statuses(found)[:-1], log.reasons) == (expected, reasons)

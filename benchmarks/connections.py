"""What registrations and calls cost over TCP, beside Kamailio, and over TLS; a client of our own plays the phones.

All phones share some connections, as those behind a proxy do, so what a connection costs to open is no part of it. They
begin at their rate, whether those before were answered or not.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Coroutine

from hotpath import SDP, authorized, in_dialog, invite, register, respond
from meter import cpu_seconds
from servers import HOST, Kamailio, Server, Sipwright

__all__ = ["measure_connections"]

CONNECTIONS = 20
PATIENCE = 20.0

Costs = dict[tuple[str, str], list[float]]
"""Microseconds of CPU a piece in each round, by what was done and who did it."""

_CALL_ID = re.compile(rb"\r\nCall-ID: *([^\r]+)")
_ROUTES = re.compile(rb"\r\nRecord-Route: *([^\r]+)")
_TO = re.compile(rb"(\r\nTo: [^\r]*>)(?=\r)")
_LENGTH = re.compile(rb"\r\nContent-Length: *([0-9]+)", re.IGNORECASE)


class Line:
    """A connection, and what is to be done about whatever comes in over it, by its Call-ID."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: str) -> None:
        self._reader = reader
        self._writer = writer
        self._via = f"/{protocol.upper()} ".encode()
        self._own = b":%d" % writer.get_extra_info("sockname")[1]
        self._waiting: dict[bytes, asyncio.Queue[bytes]] = {}
        self.strangers: asyncio.Queue[bytes] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._read())

    def send(self, data: bytes) -> None:
        """Send a message that was made for UDP, with our own address."""
        kind = b";transport=" + self._via[1:-1].lower()
        data = data.replace(b"/UDP ", self._via, 1).replace(b":6090;transport=UDP", self._own + kind)
        self._writer.write(
            data.replace(b":6060", self._own).replace(b">\r\nExpires", kind + b">\r\nExpires", 1)
        )

    async def ask(self, data: bytes, *statuses: bytes) -> bytes:
        """Send a request, and return the first response of those."""
        self.send(data)
        return await self.hear(data, *statuses)

    async def hear(self, data: bytes, *statuses: bytes) -> bytes:
        """Return the first response of those to a request, or the next message of its Call-ID."""
        queue = self._waiting.setdefault(_call_id(data), asyncio.Queue())
        while True:
            found = await queue.get()
            if not statuses or found[8:11] in statuses:
                return found

    def forget(self, data: bytes) -> None:
        """Expect no more of a call."""
        self._waiting.pop(_call_id(data), None)

    def close(self) -> None:
        """Hang up."""
        self._task.cancel()
        self._writer.close()

    async def _read(self) -> None:
        reader = self._reader
        while not reader.at_eof():
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            message = head + await reader.readexactly(int(length[1])) if length else head
            queue = self._waiting.get(_call_id(message), self.strangers)
            queue.put_nowait(message)


def _call_id(message: bytes) -> bytes:
    found = _CALL_ID.search(message)
    return found[1] if found else b""


async def _open(port: int, protocol: str) -> Line:
    context = None
    if protocol == "tls":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return Line(*await asyncio.open_connection(HOST, port, ssl=context), protocol)


async def _register(line: Line, user: str, number: int, cseq: int) -> None:
    challenged = await line.ask(register(user, number, cseq), b"401")
    answer = authorized(user, number, challenged).replace(b"CSeq: 2 ", b"CSeq: %d " % (cseq + 1))
    await line.ask(answer.replace(b"-2;rport", b"-%d;rport" % (cseq + 1)), b"200")
    line.forget(answer)


async def _call(line: Line, number: int, port: int) -> None:
    request = invite(number).replace(b":5060", b":%d" % port)
    answered = await line.ask(request, b"200")
    routes = b"".join(b"\r\nRoute: " + value for value in reversed(_ROUTES.findall(answered)))
    ack, bye = (
        in_dialog(number, method, answered).replace(b"\r\nMax", routes + b"\r\nMax", 1)
        for method in ("ACK", "BYE")
    )
    line.send(ack)
    await asyncio.sleep(0.03)
    await line.ask(bye, b"200")
    line.forget(request)


async def _serve(line: Line) -> None:
    """Answer calls."""
    while True:
        request = await line.strangers.get()
        if request.startswith(b"INVITE "):
            line.send(_answer(request, "180 Ringing"))
            line.send(_answer(request, "200 OK", SDP))
        elif request.startswith(b"BYE "):
            line.send(_answer(request, "200 OK"))


def _answer(request: bytes, status: str, body: bytes = b"") -> bytes:
    """Answer a request that may have come through a proxy."""
    data = respond(request, status, 1, body)
    routes = b"".join(b"\r\nRecord-Route: " + value for value in _ROUTES.findall(request))
    data = data.replace(b"\r\nFrom", routes + b"\r\nFrom", 1)
    return _TO.sub(rb"\1;tag=s1", data)


async def _paced(work: list[Coroutine[None, None, None]], rate: int) -> None:
    """Begin so many a second, and wait for all."""
    began = time.monotonic()
    tasks: list[asyncio.Task[None]] = []
    for number, one in enumerate(work):
        if (ahead := began + number / rate - time.monotonic()) > 0:
            await asyncio.sleep(ahead)
        tasks.append(asyncio.ensure_future(one))
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*tasks)


async def _round(
    server: Server, port: int, protocol: str, first: int, counts: tuple[int, int], rate: int, costs: Costs
) -> None:
    lines = [await _open(port, protocol) for _ in range(CONNECTIONS)]
    callee = await _open(port, protocol)
    registrations, calls = counts
    numbers = range(first, first + registrations)
    serving = asyncio.ensure_future(_serve(callee))

    async def measured(what: str, work: list[Coroutine[None, None, None]], at: int) -> None:
        before = cpu_seconds(server.pid)
        await _paced(work, at)
        await asyncio.sleep(1.5)
        spent = 1e6 * (cpu_seconds(server.pid) - before) / len(work)
        costs.setdefault((f"{what} over {protocol.upper()}", server.name), []).append(spent)

    try:
        for what, cseq in (("registration", 1), ("refresh", 3)):
            await measured(
                what, [_register(lines[n % CONNECTIONS], f"u{n}", n, cseq) for n in numbers], 2 * rate
            )
        await _register(callee, "service", -first - 1, 1)
        await measured(
            "call", [_call(lines[n % CONNECTIONS], n, port) for n in range(first, first + calls)], rate
        )
    finally:
        serving.cancel()
        for line in (*lines, callee):
            line.close()


def measure_connections(port: int, rounds: int, counts: tuple[int, int], rate: int) -> Costs:
    """Let the servers take turns; `counts` are the registrations and the calls of a round."""
    costs: Costs = {}
    servers: list[tuple[Server, dict[str, int]]] = [
        (Sipwright(port, has_connections=True), {"tcp": port, "tls": port + 1})
    ]
    if Kamailio.program() is not None:
        servers.append((Kamailio(port + 2, has_connections=True), {"tcp": port + 2}))
    try:
        for server, _ in servers:
            server.start(rounds * 2 * max(counts) + 1)
        for number in range(rounds):
            for at, protocol in enumerate(("tcp", "tls")):
                first = (2 * number + at) * max(counts) + 1
                for server, ports in servers if number % 2 == 0 else servers[::-1]:
                    if protocol in ports:
                        asyncio.run(_round(server, ports[protocol], protocol, first, counts, rate, costs))
    finally:
        for server, _ in servers:
            server.close()
    return costs

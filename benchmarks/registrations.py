"""What a thousand registrations at providers cost a node: at first, and to be kept; and how evenly they are spread.

The registrar is one socket here that challenges whoever registers for the first time with a nonce, and grants every
account two minutes. Their providers are added while the switch runs, all at once. A renewal is one REGISTER and its
answer, as what was accepted goes along in advance; each provider is also asked OPTIONS now and then, as always.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from pathlib import Path
from typing import cast

from meter import cpu_seconds, resident_bytes
from servers import HOST, Sipwright

from sipwright.config import Settings
from sipwright.store.admin import providers
from sipwright.store.admin.administration import Administration
from sipwright.store.admin.specs import ProviderSpec

__all__ = ["PROVIDERS", "measure_registrations"]

PROVIDERS = 1_000
GRANTED = 120
PATIENCE = 120.0

_VIA = re.compile(rb"\r\nVia: ([^\r]+)")
_HEADERS = re.compile(rb"\r\n((?:From|Call-ID|CSeq): [^\r]+)")
_TO = re.compile(rb"\r\nTo: ([^\r]+)")
_CONTACT = re.compile(rb"\r\nContact: (<[^\r>]+>)")
_USER = re.compile(rb"\r\nTo: <sip:([^@]+)@")


class Registrar(asyncio.DatagramProtocol):
    """Answers REGISTER and OPTIONS, and notes when each REGISTER has come."""

    def __init__(self) -> None:
        self.registered: set[bytes] = set()
        self.came: list[float] = []
        self.others = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._socket = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a request."""
        status, more = b"200 OK", b""
        if data.startswith(b"REGISTER "):
            self.came.append(time.monotonic())
            if b"\r\nAuthorization: " not in data:
                status = b"401 Unauthorized"
                more = b'WWW-Authenticate: Digest realm="bench", nonce="8f3a", qop="auth"\r\n'
            elif (contact := _CONTACT.search(data)) and (user := _USER.search(data)):
                self.registered.add(user[1])
                more = b"Contact: %s;expires=%d\r\n" % (contact[1], GRANTED)
        elif data.startswith(b"SIP/2.0 "):
            return
        else:
            self.others += 1
        via, to = _VIA.search(data), _TO.search(data)
        if via is None or to is None:
            return
        said = b"\r\n".join(_HEADERS.findall(data))
        self._socket.sendto(
            b"SIP/2.0 %s\r\nVia: %s\r\n%s\r\nTo: %s;tag=bench\r\n%sContent-Length: 0\r\n\r\n"
            % (status, via[1], said, to[1], more),
            addr,
        )


def measure_registrations(port: int, rounds: int) -> dict[str, float]:
    """Let a switch register a thousand times at a registrar at the next port but two, and keep that for some time."""
    server = Sipwright(port)
    registrar, loop, thread = _serve(port + 3)
    try:
        server.start(0)
        return _measure(server, registrar, port + 3, rounds)
    finally:
        server.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def _measure(server: Sipwright, registrar: Registrar, port: int, rounds: int) -> dict[str, float]:
    empty, before = resident_bytes(server.pid), cpu_seconds(server.pid)
    began = time.monotonic()
    asyncio.run(_add(server.folder / "data", port))
    while len(registrar.registered) < PROVIDERS:
        if time.monotonic() > began + PATIENCE:
            raise SystemExit(f"only {len(registrar.registered)} of {PROVIDERS} have registered")
        time.sleep(0.1)
    first = cpu_seconds(server.pid) - before
    found = {
        "all of them after, in s": time.monotonic() - began,
        "the first one each, CPU in us": 1e6 * first / PROVIDERS,
        "a registration, bytes": (resident_bytes(server.pid) - empty) / PROVIDERS,
    }
    # Half of the time that is granted may pass before anything is renewed.
    time.sleep(GRANTED / 2)
    since, before, others = time.monotonic(), cpu_seconds(server.pid), registrar.others
    time.sleep(GRANTED * max(1, rounds // 3))
    lasted = time.monotonic() - since
    renewals = [came for came in registrar.came if came >= since]
    spent = cpu_seconds(server.pid) - before
    a_second = Counter(int(came) for came in renewals)
    found |= {
        "renewals, a second": len(renewals) / lasted,
        "renewals, most in a second": max(a_second.values(), default=0),
        "OPTIONS, a second": (registrar.others - others) / lasted,
        "kept, of one core in %": 100 * spent / lasted,
    }
    return found


async def _add(data: Path, port: int) -> None:
    """Add the providers, in one transaction."""
    settings = Settings.load(data)
    store = await Administration.open(settings.database_url, settings.key_file)
    specs = [
        ProviderSpec(
            f"p{number}", f"{HOST}:{port}", f"user{number}", "secret", register=True, account="service"
        )
        for number in range(PROVIDERS)
    ]
    try:
        await store.database.write(lambda c: [providers.add(c, store.keys, None, spec) for spec in specs])
    finally:
        await store.close()


def _serve(port: int) -> tuple[Registrar, asyncio.AbstractEventLoop, threading.Thread]:
    """Start a registrar in a thread of its own."""
    registrar, loop, is_up = Registrar(), asyncio.new_event_loop(), threading.Event()

    def run() -> None:
        loop.run_until_complete(loop.create_datagram_endpoint(lambda: registrar, local_addr=(HOST, port)))
        is_up.set()
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    is_up.wait()
    return registrar, loop, thread

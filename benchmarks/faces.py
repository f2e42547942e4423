"""How long a call waits for its 200 while the pages and the console have much to do, or strangers knock at both.

The calls are those of `set_up.py`: first while nobody looks, then beside 50 readers of all events and an export of
100,000 CDRs, beside 300 scanners at the SSH console, and beside 10,000 connections to the pages. Who reads and who
knocks is a process of its own, as are the faces that serve them.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path

from servers import HERE, HOST, Sipwright
from set_up import Times, client
from workloads import CALLING_PORT, SERVICE_PORT, register_service

__all__ = ["measure_faces"]

READERS, CDRS, SCANNERS, CONNECTIONS = 50, 100_000, 300, 10_000
ALONE = "nobody looks"
SCANNERS_SAY = (
    b"",
    b"SSH-2.0-scanner\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"SSH-2.0-x\r\n" + bytes(200),
    b"\xff" * 9_000,
)
WARM = 3.0
"""Seconds that readers have to come, and scanners to be many."""


def measure_faces(port: int, rate: float, seconds: float, rounds: int) -> dict[str, list[Times]]:
    """Offer calls to a switch, alone and beside each kind of guests, in turn."""
    server = Sipwright(port)
    web, ssh = port + 8, port + 9
    server._limits |= {"SIPWRIGHT_WEB__LISTEN": f"{HOST}:{web}", "SIPWRIGHT_SSH__LISTEN": f"{HOST}:{ssh}"}
    found: dict[str, list[Times]] = {}
    try:
        server.start(0)
        register_service(server)
        fill(server.folder / "data" / "sipwright.db")
        token = asyncio.run(make_token(server.folder / "data"))
        guests = {name: [kind, str(web), str(ssh), token] for kind, name in NAMES.items()}
        for _ in range(rounds):
            for name, given in {ALONE: [], **guests}.items():
                found.setdefault(name, []).append(_offer(server, given, rate, seconds))
    finally:
        server.close()
    return found


def _offer(server: Sipwright, guests: list[str], rate: float, seconds: float) -> Times:
    if not guests:
        with client(server.port, CALLING_PORT, SERVICE_PORT) as calls:
            return calls.offer(rate, seconds)
    line = [sys.executable, str(HERE / "faces.py"), *guests]
    there = subprocess.Popen(line, preexec_fn=lambda: os.nice(10))
    try:
        time.sleep(WARM)
        with client(server.port, CALLING_PORT, SERVICE_PORT) as calls:
            times = calls.offer(rate, seconds)
        if there.poll() is not None:
            raise SystemExit(f"{guests[0]} have gone before the end")
        return times
    finally:
        there.terminate()
        there.wait()


def fill(path: Path) -> None:
    """Put as many CDRs into the database as an export is to have."""
    database = sqlite3.connect(path, timeout=30)
    names = [row[1] for row in database.execute("PRAGMA table_info(cdrs)") if row[1] != "id"]
    now = time.time()
    known = {"call_id": "x", "leg": 0, "direction": "out", "started_at": now, "ended_at": now, "status": 200,
             "from_uri": "sip:alice@localhost", "to_uri": "sip:bob@localhost", "user_id": 1}  # fmt: skip
    rows = (
        [f"old{number}" if name == "call_id" else known.get(name) for name in names] for number in range(CDRS)
    )
    with database:
        places = ", ".join("?" for _ in names)
        database.executemany(f"INSERT INTO cdrs ({', '.join(names)}) VALUES ({places})", rows)
    database.close()


async def make_token(folder: Path) -> str:
    """Make a token of the admin's."""
    from sipwright.config import Settings
    from sipwright.usecases.actor import Actor
    from sipwright.usecases.usecases import UseCases

    uses = await UseCases.open(Settings.load(folder))
    try:
        return (await uses.tokens.create(Actor(1, "root", "admin", "cli"), "bench")).token
    finally:
        await uses.close()


# The guests, each until somebody ends them.


async def browse(web: int, _ssh: int, token: str) -> None:
    """Read all events fifty times, and export the CDRs again and again."""
    import httpx2

    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(
        base_url=f"http://{HOST}:{web}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=None,
        limits=limits,
    ) as browser:  # fmt: skip
        readers = [
            asyncio.create_task(_take(browser, "/events", "text/event-stream")) for _ in range(READERS)
        ]
        while True:
            lines = await _take(browser, "/cdrs", "text/csv")
            if lines <= CDRS or any(reader.done() for reader in readers):
                raise SystemExit(f"an export had {lines} lines, or a reader has left")


async def _take(browser: object, path: str, kind: str) -> int:
    lines = 0
    async with browser.stream("GET", path, headers={"Accept": kind}) as answer:  # type: ignore[attr-defined]
        async for part in answer.aiter_bytes():
            lines += part.count(b"\n")
    return lines


async def scan(_web: int, ssh: int, _token: str) -> None:
    """Knock at the console three hundred times at once, from seven addresses, again and again."""
    await asyncio.gather(*(_knock(ssh, number) for number in range(SCANNERS)))


async def _knock(port: int, number: int) -> None:
    while True:
        with suppress(OSError, asyncio.TimeoutError):
            source = f"127.0.{3 + number % 7}.1"
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=(source, 0))
            writer.write(SCANNERS_SAY[number % len(SCANNERS_SAY)])
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(), 1.0)
            writer.transport.abort()
        await asyncio.sleep(0.1)


async def crowd(web: int, _ssh: int, _token: str) -> None:
    """Keep ten thousand connections to the pages, half of which ask for something now and then."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    await asyncio.gather(*(_linger(web, number) for number in range(min(CONNECTIONS, most - 100))))


async def _linger(port: int, number: int) -> None:
    source = f"127.1.{number // 250}.{1 + number % 250}"
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, port, local_addr=(source, 0))
            if number % 2:
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.read()  # until we have to give way
            writer.transport.abort()
        await asyncio.sleep(1.0)


GUESTS: dict[str, Callable[[int, int, str], Coroutine[None, None, None]]] = {
    "browsers": browse, "scanners": scan, "crowd": crowd,
}  # fmt: skip
NAMES = {
    "browsers": f"{READERS} readers, an export of {CDRS:,} CDRs",
    "scanners": f"{SCANNERS} scanners at the SSH console",
    "crowd": f"{CONNECTIONS:,} connections to the pages",
}


if __name__ == "__main__":
    asyncio.run(GUESTS[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))

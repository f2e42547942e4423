"""How long a call waits for its 200 while browsers are busy: 50 readers of all events and an export of 100,000 CDRs.

    python benchmarks/faces.py [--seconds 15] [--rate 30]

The readers and the export are a process of their own, as are the faces that serve them; the calls are those of
`set_up.py`, first alone and then beside all that.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servers import FIRST_PORT, HOST, Sipwright
from set_up import Times, client, percentile
from workloads import CALLING_PORT, SERVICE_PORT, register_service

READERS = 50
CDRS = 100_000
WEB_PORT = FIRST_PORT + 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--rate", type=float, default=30.0)
    parser.add_argument("--load", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        asyncio.run(load(*options.load))
        return
    alone, beside, exported = measure_faces(options.rate, options.seconds)
    print(f"set-up at {options.rate:g} calls/s, ms: 50 %, 99 %, longest")
    for name, times in (
        ("nobody looks", alone),
        (f"{READERS} readers and an export of {CDRS:,} CDRs", beside),
    ):
        shown = [1e3 * percentile(times.set_up, percent) for percent in (50, 99, 100)]
        print(f"  {name:45} {shown[0]:7.1f} {shown[1]:7.1f} {shown[2]:7.1f}  {times.trouble}")
    print(f"  {exported}")


def measure_faces(rate: float, seconds: float) -> tuple[Times, Times, str]:
    """Offer calls to a switch that nobody looks at, and again beside readers and an export."""
    server = Sipwright(FIRST_PORT)
    server._limits = server._limits | {"SIPWRIGHT_WEB__LISTEN": f"{HOST}:{WEB_PORT}"}
    try:
        server.start(0)
        register_service(server)
        fill(server.folder / "data" / "sipwright.db")
        with client(server.port, CALLING_PORT, SERVICE_PORT) as calls:
            alone = calls.offer(rate, seconds)
        token = asyncio.run(make_token(server.folder / "data"))
        with tempfile.TemporaryFile("w+") as said:
            line = [sys.executable, __file__, "--load", f"http://{HOST}:{WEB_PORT}", token]
            watching = subprocess.Popen(line, stdout=said, preexec_fn=lambda: os.nice(10))
            time.sleep(2)
            with client(server.port, CALLING_PORT, SERVICE_PORT) as calls:
                beside = calls.offer(rate, seconds)
            watching.terminate()
            watching.wait()
            said.seek(0)
            lines = said.read().splitlines()
        return alone, beside, lines[-1] if lines else "the export did not end in time"
    finally:
        server.close()


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


async def load(url: str, token: str) -> None:
    """Read all events fifty times, and export the CDRs again and again, until somebody ends it."""
    import httpx2

    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(
        base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=None, limits=limits
    ) as browser:
        readers = [asyncio.create_task(read(browser)) for _ in range(READERS)]
        while True:
            began, lines = time.monotonic(), 0
            async with browser.stream("GET", "/cdrs", headers={"Accept": "text/csv"}) as answer:
                async for part in answer.aiter_bytes():
                    lines += part.count(b"\n")
            took = time.monotonic() - began
            print(
                f"an export of {lines:,} lines took {took:.1f} s; {READERS} readers: {len(readers)}",
                flush=True,
            )


async def read(browser: object) -> None:
    async with browser.stream("GET", "/events") as answer:  # type: ignore[attr-defined]
        async for _ in answer.aiter_bytes():
            pass


if __name__ == "__main__":
    main()

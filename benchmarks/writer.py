"""What a stored row costs: CPU microseconds per row, everything included, on the real loop.

Offers binding refreshes (and with ``--mixed`` calls, CDRs and deletions) at a fixed rate, each with a
callback after its commit, and subtracts what the same loop costs with a ``put`` that stores nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from sipwright.store.crypto import create_key_file
from sipwright.store.live.live_store import Store

Put = Callable[[str, Any, Any, Callable[[], None]], None]
DOCUMENT = b"{" + b'"leg": ["sip:alice@example.org", 12345, "z9hG4bKabcdef"], ' * 40 + b"}"


def binding(number: int) -> tuple[str, Any, Any]:
    contact = f"<sip:u{number}@192.168.1.{number % 250}:5060;transport=udp>"
    source = f"udp/10.0.0.1:5060/10.1.{number % 250}.9:{20000 + number % 30000}"
    call_id, now = f"{number:032x}@host", time.time()
    row = (number, contact, 1.0, source, None, call_id, 7, now + 120, "Baresip 1.0.0", None, None, now)
    return "binding", (number, contact), row


def call(number: int) -> tuple[str, Any, Any]:
    call_id, now = f"{number * 2654435761 % 2**64:016x}", time.time()
    row = (call_id, "node1", 1, number, "out", "TALKING", "alice", "bob", now, now, DOCUMENT)
    return "call", call_id, row


def cdr(number: int) -> tuple[str, Any, Any]:
    call_id, now = f"{number * 2654435761 % 2**64:016x}", time.time()
    head = (call_id, 0, "out", number, 1, "sip:alice@example.org", "sip:bob@example.org", "bob@local")
    row = (*head, "main", 3, now, now, now, now, 200, "OK", "caller", f"{call_id}@host", None)
    return "cdr", (call_id, 0), row


def rows(mixed: bool, accounts: int) -> list[tuple[str, Any, Any]]:
    numbers = list(range(accounts))
    random.Random(1).shuffle(numbers)
    if not mixed:
        return [binding(number) for number in numbers]
    found = []
    for number in numbers:
        found += [call(number), binding(number), cdr(number), ("call", call(number)[1], None)]
    return found


async def offer(put: Put, work: list[tuple[str, Any, Any]], rate: int) -> float:
    """Put rows at a rate, one by one as datagrams would come, and give the CPU time it took."""
    committed = 0
    done = asyncio.Event()

    def on_commit() -> None:
        nonlocal committed
        committed += 1
        if committed == len(work):
            done.set()

    loop = asyncio.get_running_loop()
    started_cpu, started_at = time.process_time(), loop.time()
    for index, (kind, key, row) in enumerate(work):
        put(kind, key, row, on_commit)
        if index % 3 == 2:
            due = started_at + index / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
    await done.wait()
    return time.process_time() - started_cpu


def put_nothing(kind: str, key: Any, row: Any, on_commit: Callable[[], None]) -> None:
    on_commit()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="the database; default: a fresh SQLite file")
    parser.add_argument("--rate", type=int, default=3_000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--mixed", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        key_file = Path(folder) / "key"
        create_key_file(key_file)
        store = await Store.open(arguments.url or f"sqlite:///{folder}/bench.db", key_file)
        work = rows(arguments.mixed, arguments.rows)
        if not arguments.mixed:
            await offer(store.writer.put, work, 10**9)
        await store.writer.drain()
        before = store.writer.snapshot()
        idle = await offer(put_nothing, work, arguments.rate)
        spent = await offer(store.writer.put, work, arguments.rate)
        after = store.writer.snapshot()
        commits = after.commits - before.commits
        per_row = (spent - idle) / len(work) * 1e6
        grouped = (after.rows - before.rows) / commits
        print(
            f"{len(work)} rows at {arguments.rate}/s, {grouped:.1f} to a commit: {per_row:.1f} us of CPU each"
        )
        await store.close()


if __name__ == "__main__":
    uvloop.run(main())

"""What a call costs the switch while nobody reads its events, and while 1,000 readers want every one of them.

The readers hang at a process of their own, as they do at that of the pages: it reads the control socket once and hands
each event to all of them. So the two figures are of the switch alone; what the readers' process takes is said beside
them. Nobody reads in the first rounds, since events are made for a minute after the last reader has gone.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from meter import cpu_seconds
from servers import HERE, Sipwright
from workloads import call, service

from sipwright.control.client import SwitchClient
from sipwright.control.events import Event

__all__ = ["READERS", "measure_watchers"]

READERS = 1_000
KEPT = 100
"""Events that wait for one reader; then it loses the oldest."""

Figures = dict[str, list[float]]


def measure_watchers(port: int, rounds: int, calls: int, rate: int) -> Figures:
    """Return the CPU of a call in each round, in microseconds: with no reader, with all, and that of their process."""
    server = Sipwright(port)
    found: Figures = {"0 readers": [], f"{READERS:,} readers": [], "the readers' own process": []}
    try:
        server.start(0)
        with service(server):
            call(server, calls, rate)  # what the first calls of a process cost
            for is_read in (False, True):
                for _ in range(rounds):
                    _round(server, is_read, calls, rate, found)
    finally:
        server.close()
    return found


def _round(server: Sipwright, is_read: bool, calls: int, rate: int, found: Figures) -> None:
    if not is_read:
        found["0 readers"].append(call(server, calls, rate).each)
        return
    readers = subprocess.Popen(
        [sys.executable, str(HERE / "watchers.py"), str(server.folder / "data")],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert readers.stdout is not None
        assert readers.stdout.readline() == "reading\n"
        before = cpu_seconds(readers.pid)
        cost = call(server, calls, rate)
        found[f"{READERS:,} readers"].append(cost.each)
        found["the readers' own process"].append(1e6 * (cpu_seconds(readers.pid) - before) / cost.count)
    finally:
        readers.terminate()
        readers.wait()


async def read(folder: Path) -> None:
    """Hand every event to all readers, each of whom takes what has come now and then."""
    queues: list[deque[Event]] = [deque(maxlen=KEPT) for _ in range(READERS)]
    client = SwitchClient(folder)
    events = client.events()
    reading = asyncio.ensure_future(_hand_on(events, queues))
    while not (await client.request("status"))["readers"]:  # noqa: ASYNC110 - another process knows it
        await asyncio.sleep(0.1)
    print("reading", flush=True)
    await reading


async def _hand_on(events: AsyncIterator[Event], queues: list[deque[Event]]) -> None:
    async for event in events:
        for queue in queues:
            queue.append(event)


if __name__ == "__main__":
    asyncio.run(read(Path(sys.argv[1])))

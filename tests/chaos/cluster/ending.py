"""What is left when all is over: first calls that are in progress still, as every face shows them, and then nothing."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .nodes import Node
from .standing import StandingCall

if TYPE_CHECKING:
    from .load import ClusterLoad

__all__ = ["check_end"]

SHOWN_WITHIN = 10.0
"""Seconds in which all faces of all nodes show a call that has begun, or is over."""

MOST_FILES = 400
"""Files and connections that a node may have open: those of its phones are a fourth of that."""

MOST_MEMORY = 600e6
"""Bytes of a node that has nothing to do any more."""

CALLEE = "pb"
"""Whom a standing call is to."""


async def check_end(load: ClusterLoad) -> None:
    """Note what the faces of the nodes say otherwise than it is."""
    nodes = load.switch.nodes
    calls = [StandingCall(load, load.line_at(node)) for node in nodes]
    await asyncio.gather(*(call.begin() for call in calls))
    for node in nodes:
        await _shows(load, node, len(calls))
    await load.lamps.check({CALLEE: len(calls)})
    await asyncio.gather(*(call.end() for call in calls))
    for node in nodes:
        await _shows(load, node, 0)
    await load.lamps.check({})
    for node in nodes:
        await _is_idle(load, node)


async def _shows(load: ClusterLoad, node: Node, number: int) -> None:
    """Note which face of a node shows another number of calls: the list of all, or what all nodes count together."""
    deadline = time.monotonic() + SHOWN_WITHIN
    while True:
        listed = len(await node.command("calls"))
        counted = sum([(await one.status())["calls"] for one in load.switch.nodes])
        if listed == counted == number:
            return
        if time.monotonic() > deadline:
            load.ledger.fault(
                "end", node.name, f"{listed} calls listed, {counted} counted, and there are {number}"
            )
            return
        await asyncio.sleep(0.2)


async def _is_idle(load: ClusterLoad, node: Node) -> None:
    """Note what a node has not let go of: legs, runs, rows that wait, files, memory."""
    found: dict[str, Any] = {}

    def left() -> dict[str, int]:
        tables, storage = found["tables"], found["storage"]
        counted = {
            "calls": tables["calls"], "legs": tables["legs"], "scripts": found["scripts"],
            "bytes on its disk": storage["on_disk_bytes"],
        }  # fmt: skip
        return {name: number for name, number in counted.items() if number}

    deadline = time.monotonic() + SHOWN_WITHIN
    while True:
        found = await node.status()
        if not left() or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    for name, number in left().items():
        load.ledger.fault("end", node.name, f"{number} {name} are left")
    files, memory = len(os.listdir(f"/proc/{node.pid}/fd")), _resident(node.pid)
    counts = load.ledger.counts
    counts["files of a node in the end, at most"] = max(counts["files of a node in the end, at most"], files)
    counts["megabytes of a node in the end, at most"] = max(
        counts["megabytes of a node in the end, at most"], int(memory / 1e6)
    )
    if files > MOST_FILES:
        load.ledger.fault("end", node.name, f"has {files} files open")
    if memory > MOST_MEMORY:
        load.ledger.fault("end", node.name, f"has {memory / 1e6:.0f} MB")


def _resident(pid: int) -> float:
    """Return the bytes in memory of a process (`man 5 proc_pid_statm`)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * float(os.sysconf("SC_PAGE_SIZE"))

"""Calls and runs go on that another process has left: the earlier one of this node, or that of a node that is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from sipwright.services.rows import CallRow
from sipwright.services.switch import Call, Switch

from .script_bridge import Scripts, StoredRun

__all__ = ["take_up"]

AT_ONCE = 50
"""Calls that go on before the loop has a turn: some 10 ms."""


async def take_up(
    switch: Switch, scripts: Scripts, rows: Sequence[CallRow], runs: Iterable[StoredRun]
) -> None:
    """Go on with calls and runs, a few at a time: what comes in meanwhile is put aside, but has to be read.

    First all calls are there again, since one may look at another. Then each goes on in one turn with its run.
    """
    waiting: dict[str, Call] = {}
    for start in range(0, len(rows), AT_ONCE):
        waiting |= switch.recover(rows[start : start + AT_ONCE])
        await asyncio.sleep(0)
    left = {run.row.id: run for run in runs}
    calls = [switch.calls[row.id] for row in rows if row.id in switch.calls]
    for start in range(0, len(calls), AT_ONCE):
        some = calls[start : start + AT_ONCE]
        of_them = [left.pop(call.execution_id) for call in some if call.execution_id in left]
        scripts.recover(of_them, waiting)
        switch.resume(some)
        await asyncio.sleep(0)
    scripts.recover(left.values(), waiting, switch.unread)

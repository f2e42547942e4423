"""How tasks are ended, when what they use may lose the word of it.

A cancellation is said once, and whoever catches it in passing has it: on Python 3.11 `asyncio.wait_for` does so when
what it waits for comes in the same turn of the loop, and so do libraries that wait with it, among them the driver of
PostgreSQL while it connects. A task that goes on for ever is then not ended by one word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog

__all__ = ["end", "whereabouts"]

log = structlog.get_logger(__name__)

AGAIN = 0.5
"""Seconds after which a task that goes on is told once more."""

PATIENCE = 5.0
"""Seconds after which what goes on all the same is left alone."""


async def end(
    tasks: Iterable[asyncio.Task[Any]], *, again: float = AGAIN, patience: float = PATIENCE
) -> None:
    """Cancel tasks and wait until they have ended; what does not is named in the log, and waited for no longer."""
    left = {task for task in tasks if not task.done()}
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    while left and loop.time() < until:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=again)
        for task in ended:
            task.cancelled() or task.exception()  # it is no news any more
    if left:
        log.error("tasks do not end, and are left alone", tasks=[whereabouts(task) for task in left])


def whereabouts(task: asyncio.Task[Any]) -> str:
    """Say what a task is doing: its functions with their lines, the one that waits at the end."""
    places = []
    step: Any = task.get_coro()
    while (frame := getattr(step, "cr_frame", None) or getattr(step, "gi_frame", None)) is not None:
        places.append(f"{step.__qualname__}:{frame.f_lineno}")
        step = getattr(step, "cr_await", None) or getattr(step, "gi_yieldfrom", None)
    return " > ".join(places) or repr(task.get_coro())

"""A test call through the running switch, as ``sipwright call-test`` places it, in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

__all__ = ["place_test_call"]

PATIENCE = 60.0
"""Seconds after which a test call is given up; it usually takes three."""

TALK = 5
"""Seconds that the two talk, so that somebody sees it."""

_one_at_a_time = asyncio.Lock()


async def place_test_call(data: Path) -> tuple[bool, str]:
    """Place a test call; returns whether all went well, and a sentence that says what did not."""
    if _one_at_a_time.locked():
        return False, "A test call is under way already."
    async with _one_at_a_time:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sipwright.commands", "call-test", "--talk", str(TALK), "--data", str(data),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            printed, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()
            return False, f"The test call did not end within {PATIENCE:.0f} seconds."
    if process.returncode == 0:
        return True, "The test call went well: every check is right."
    lines = [line for line in printed.decode("utf-8", "replace").splitlines() if line.strip()]
    return False, lines[-1] if lines else "The test call failed."

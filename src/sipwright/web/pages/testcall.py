"""A test call through the running switch, as ``sipwright call-test`` places it, in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

__all__ = ["TestCall", "place_test_call"]

PATIENCE = 60.0
"""Seconds after which a test call is given up; it usually takes three."""

TALK = 5
"""Seconds that the two talk, so that somebody sees it."""


@dataclass(frozen=True, slots=True)
class TestCall:
    """What came of a test call, in a sentence, the id by which its page is found, and the dialplan that it ran."""

    went_well: bool
    told: str
    call: str | None = None
    dialplan: str = ""


_one_at_a_time = asyncio.Lock()


async def place_test_call(data: Path) -> TestCall:
    """Place a test call whose records and dialplan stay, and say how it went."""
    if _one_at_a_time.locked():
        return TestCall(False, "A test call is under way already.")
    async with _one_at_a_time:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sipwright.commands", "call-test", "--talk", str(TALK), "--keep", "--json",
            "--data", str(data),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            printed, complaint = await asyncio.wait_for(process.communicate(), PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()
            return TestCall(False, f"The test call did not end within {PATIENCE:.0f} seconds.")
    try:
        return _found(orjson.loads(printed))
    except orjson.JSONDecodeError:
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        return TestCall(False, lines[-1] if lines else "The test call failed.")


def _found(report: dict[str, Any]) -> TestCall:
    wrong = [f"{check['check']}: {check['detail']}" for check in report["checks"] if not check["ok"]]
    if report["ok"]:
        told = "The test call went well: every check is right."
    else:
        told = f"The test call did not go as it should: {'; '.join(wrong)}."
    return TestCall(report["ok"], told, report["call"], report["dialplan"])

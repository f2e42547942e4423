"""What is looked for again and again: it goes on when the database fails, and that is said once."""

import asyncio

import pytest
from structlog.testing import capture_logs

from sipwright.node.several.looking import keep_looking
from sipwright.store import StoreError


async def test_it_goes_on_after_failures_and_complains_of_each_outage_once():
    outcomes = [StoreError("away"), OSError("away"), None, TimeoutError(), None]

    async def look():
        if not outcomes:
            raise asyncio.CancelledError
        if (error := outcomes.pop(0)) is not None:
            raise error

    with capture_logs() as logged, pytest.raises(asyncio.CancelledError):
        await keep_looking(look, 0.0, "news cannot be followed")

    assert [(entry["event"], entry["error"]) for entry in logged if entry["log_level"] == "error"] == [
        ("news cannot be followed", "away"),
        ("news cannot be followed", "TimeoutError"),
    ]


async def test_a_fault_of_ours_ends_it():
    async def look():
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        await keep_looking(look, 0.0, "news cannot be followed")

"""What is looked for again and again: it goes on when the database fails, and that is said once."""

import asyncio

import pytest
from structlog.testing import capture_logs

from sipwright.node.several.looking import keep_looking
from sipwright.store import StoreError
from sipwright.store.writing.board import BINDINGS, Board, Glance

ALWAYS = Glance(None, BINDINGS)


async def test_it_goes_on_after_failures_and_complains_of_each_outage_once():
    outcomes = [StoreError("away"), OSError("away"), None, TimeoutError(), None]

    async def look():
        if not outcomes:
            raise asyncio.CancelledError
        if (error := outcomes.pop(0)) is not None:
            raise error

    with capture_logs() as logged, pytest.raises(asyncio.CancelledError):
        await keep_looking(look, 0.0, "news cannot be followed", ALWAYS)

    assert [(entry["event"], entry["error"]) for entry in logged if entry["log_level"] == "error"] == [
        ("news cannot be followed", "away"),
        ("news cannot be followed", "TimeoutError"),
    ]


async def test_a_fault_of_ours_ends_it():
    async def look():
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        await keep_looking(look, 0.0, "news cannot be followed", ALWAYS)


async def test_nobody_looks_where_nothing_is_said_and_at_once_again_after_a_failure(tmp_path):
    board = Board(tmp_path / "sipwright.db", is_kept=True)
    looked, turns = [], 0

    class Counted(Glance):
        def __call__(self):
            nonlocal turns
            turns += 1
            if turns == 6:
                board.tell(BINDINGS)
            if turns == 10:
                raise asyncio.CancelledError
            return super().__call__()

    async def look():
        looked.append(turns)
        if turns == 6:
            raise StoreError("away")

    with pytest.raises(asyncio.CancelledError):
        await keep_looking(look, 0.0, "news cannot be followed", Counted(board, BINDINGS))
    board.close()

    assert looked == [1, 6, 7]

"""The ground: what was done already is written down, however long the database is away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases import Actor, UseCases, ground
from sipwright.usecases.errors import Unavailable
from sipwright.usecases.ground import Ground

PLACED = {"call": "c1", "repeated": False}


class Away:
    """A database that reads, and does not write until it is back."""

    def __init__(self, ground: Ground) -> None:
        self._write = ground._write
        self.refused = 0
        self.is_back = False
        ground._write = self.write  # type: ignore[method-assign]

    async def write(self, *given: Any, **options: Any) -> Any:
        if not self.is_back:
            self.refused += 1
            raise Unavailable("the database does not work: database is locked")
        return await self._write(*given, **options)


@pytest.fixture
async def away(usecases: UseCases, switch: Any, admin: Actor, monkeypatch: pytest.MonkeyPatch) -> Away:
    monkeypatch.setattr(ground, "RECORD_AGAIN", 0.0)
    switch.answers |= {"calls.place": PLACED, "messages.send": {}}
    await usecases.accounts.create(admin, AccountSpec("alice", "secret"))
    return Away(usecases.ground)


async def test_a_call_that_rings_is_not_said_to_have_failed_since_it_cannot_be_noted(
    usecases: UseCases, away: Away, admin: Actor
):
    with capture_logs() as lines:
        assert await usecases.calls.place(admin, "alice", "bob") == "c1"
    assert [line["event"] for line in lines] == ["what was done is not in the audit yet"]
    while away.refused < 3:  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(0)
    away.is_back = True
    await asyncio.gather(*usecases.ground._recording)

    (row, *_) = await usecases.audit.list(admin)
    assert (row.action, row.subject, row.user) == ("calls.place", "c1", "admin")
    assert not usecases.ground._recording


async def test_what_waits_to_be_noted_is_bounded_and_ends_with_the_process(
    usecases: UseCases, away: Away, admin: Actor
):
    with capture_logs() as lines:
        for _ in range(ground.MOST_TOLD + 1):
            await usecases.messages.send(admin, "alice", "bob", "hello")
    assert [line["is_tried_again"] for line in lines].count(False) == 1
    await usecases.ground.close()
    await asyncio.gather(*usecases.ground._recording, return_exceptions=True)

    assert not usecases.ground._recording

"""The ground: what was done already is written down, however long the database is away."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from sipwright.store.admin.specs import AccountSpec
from sipwright.usecases import Actor, UseCases, audit_spool
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
async def away(usecases: UseCases, switch: Any, admin: Actor) -> Away:
    switch.answers |= {"calls.place": PLACED, "messages.send": {}}
    await usecases.accounts.create(admin, AccountSpec("alice", "secret"))
    return Away(usecases.ground)


def after_a_restart(usecases: UseCases) -> UseCases:
    """Return what a process has that begins with the same folder and database."""
    ground = usecases.ground
    return UseCases(ground.administration, ground.settings, ground.switch)


async def test_a_call_that_rings_is_not_said_to_have_failed_since_it_cannot_be_noted(
    usecases: UseCases, away: Away, admin: Actor
):
    with capture_logs() as lines:
        assert await usecases.calls.place(admin, "alice", "bob") == "c1"

    assert [(line["event"], "audit" in line) for line in lines] == [
        ("what was done is not in the audit yet", False)
    ]
    assert not await usecases.ground.record_what_waits()


async def test_what_could_not_be_noted_is_noted_after_the_end_of_its_process(
    usecases: UseCases, away: Away, admin: Actor
):
    before = time.time()
    await usecases.calls.place(admin, "alice", "bob")
    until = time.time()

    later = after_a_restart(usecases)
    assert await later.ground.record_what_waits()
    (row, *_) = (await later.audit.list(admin)).items
    assert (row.action, row.subject, row.user, row.after) == (
        "calls.place", "c1", "admin", {"from": "alice@example.org", "to": "bob"},
    )  # fmt: skip
    assert before <= row.at <= until


async def test_who_reads_the_audit_finds_what_waited(usecases: UseCases, away: Away, admin: Actor):
    await usecases.calls.place(admin, "alice", "bob")
    away.is_back = True

    assert next(iter((await usecases.audit.list(admin)).items)).action == "calls.place"


async def test_the_faces_write_down_what_others_could_not(usecases: UseCases, away: Away, admin: Actor):
    await usecases.calls.place(admin, "alice", "bob")
    later = after_a_restart(usecases)
    watching = asyncio.create_task(later.ground.watch_what_waits())
    while later.ground._spool.is_used():  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(0)
    watching.cancel()

    assert next(iter((await later.audit.list(admin)).items)).action == "calls.place"


async def test_what_neither_database_nor_disk_takes_is_in_the_log(
    usecases: UseCases, away: Away, admin: Actor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(audit_spool, "MOST", 0)
    with capture_logs() as lines:
        assert await usecases.calls.place(admin, "alice", "bob") == "c1"

    (full, lost) = lines
    assert full["event"] == "what is done cannot wait on disk for the audit"
    assert (lost["audit"]["action"], lost["audit"]["subject"]) == ("calls.place", "c1")


async def test_nothing_stays_on_disk_of_what_is_noted(usecases: UseCases, away: Away, admin: Actor):
    away.is_back = True
    await usecases.messages.send(admin, "alice", "bob", "hello")

    assert not usecases.ground._spool.is_used()

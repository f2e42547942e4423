"""Calls that another node has given to this one, in the database."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from sipwright.services.leases import Ask, Fence, node_lease
from sipwright.services.rows import CallRow, ExecutionRow
from sipwright.store import Store
from sipwright.store.errors import FencedError
from sipwright.store.live.moved_calls import (
    calls_of,
    forget_tags,
    note_tags,
    read_moved_tags,
    take_calls,
)
from sipwright.store.live.node_register import NodeRegister
from sipwright.store.schema import tables

B = Fence(node_lease("b"), 1)


def run(name: str, call_id: str, state: str) -> ExecutionRow:
    return ExecutionRow(name, call_id, 1, 1, 1, 1, state, None, 1.0, None, None, "a", None)


@pytest.fixture
async def given(store: Store) -> Store:
    """Two calls that the node `b` was given, with a run that waits and one that is over, and one that `a` has."""
    await NodeRegister(store.database).execute(Ask(B.lease, "b/1", 60.0, is_new=True))

    def fill(c):
        for number, (name, node) in enumerate((("two", "b"), ("one", "b"), ("own", "a"))):
            row = CallRow(name, node, 1, 1, "out", "talking", "alice", "bob", 9.0 - number, None, b"{}")
            c.execute(insert(tables.calls).values(row._asdict()))
        c.execute(insert(tables.executions).values(run("waits", "one", "waiting")._asdict()))
        c.execute(insert(tables.executions).values(run("over", "one", "done")._asdict()))
        c.execute(insert(tables.executions).values(run("other", "own", "waiting")._asdict()))

    await store.database.write(fill)
    return store


async def test_they_are_read_with_their_runs_and_their_tags_lead_there(given: Store):
    moved = await given.database.write(
        lambda c: take_calls(c, B, "b", 5, ["one", "two", "own", "none"], ["t1", "t2"])
    )
    tags = await given.database.read(read_moved_tags)
    nodes = await given.database.read(
        lambda c: dict(c.execute(select(tables.executions.c.id, tables.executions.c.node)).all())
    )

    assert [row.id for row in moved.calls] == ["one", "two"]
    assert [(row.id, row.node) for row in moved.executions] == [("waits", "b")]
    assert list(moved.journals) == ["waits"]
    assert tags == {"t1": 5, "t2": 5}
    assert nodes == {"waits": "b", "over": "a", "other": "a"}
    assert await given.database.read(lambda c: calls_of(c, "b")) == {"one", "two"}


async def test_what_was_not_given_leads_nowhere(given: Store):
    moved = await given.database.write(lambda c: take_calls(c, B, "b", 5, ["own"], ["t1"]))

    assert (moved.calls, moved.executions, await given.database.read(read_moved_tags)) == ([], [], {})


async def test_a_zombie_takes_nothing(given: Store):
    with pytest.raises(FencedError):
        await given.database.write(lambda c: take_calls(c, Fence(B.lease, 7), "b", 5, ["one"], ["t1"]))


async def test_the_last_boot_of_a_tag_counts_and_it_is_forgotten(given: Store):
    await given.database.write(lambda c: note_tags(c, 5, ["t1", "t2"]))
    await given.database.write(lambda c: note_tags(c, 6, ["t2"]))
    assert await given.database.read(read_moved_tags) == {"t1": 5, "t2": 6}

    await given.database.write(lambda c: forget_tags(c, ["t1", "nothing"]))
    await given.database.write(lambda c: forget_tags(c, []))
    assert await given.database.read(read_moved_tags) == {"t2": 6}

"""Nodes in the database, and what is taken over from one that is gone."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select, update

from sipwright.services.leases import Ask, Fence, node_lease
from sipwright.services.rows import CallRow, ExecutionRow, SubscriptionRow
from sipwright.store import RegistrationRow, Store
from sipwright.store.errors import FencedError
from sipwright.store.live import node_register
from sipwright.store.live.node_register import NodeRegister, read_nodes
from sipwright.store.schema import tables, watching_tables
from sipwright.store.schema.cluster_tables import boots, nodes

A, B = Fence(node_lease("a"), 1), Fence(node_lease("b"), 1)


def call(name: str, node: str) -> CallRow:
    return CallRow(name, node, 1, 1, "out", "talking", "alice", "bob", 1.0, None, b"{}")


def run(name: str, node: str | None, call_id: str) -> ExecutionRow:
    return ExecutionRow(name, call_id, 1, 1, 1, 1, "waiting", None, 1.0, None, None, node, None)


@pytest.fixture
async def register(store: Store) -> NodeRegister:
    """Two nodes, each with a call, a run, a subscription and a registration."""
    found = NodeRegister(store.database)
    for number, (fence, name) in enumerate(((A, "a"), (B, "b"))):
        await found.execute(Ask(fence.lease, f"{name}/1", 0.0 if name == "a" else 60.0, is_new=True))
        await found.enter(fence, name, f"home-{name}", "1.0", "127.0.0.1:5060")

        def fill(c, name=name, number=number):
            c.execute(insert(tables.calls).values(call(f"call-{name}", name)._asdict()))
            c.execute(insert(tables.executions).values(run(f"run-{name}", name, f"call-{name}")._asdict()))
            c.execute(
                insert(watching_tables.subscriptions).values(
                    SubscriptionRow(f"sub-{name}", name, 1, 2, "dialog", 1.0, b"{}")._asdict()
                )
            )
            row = RegistrationRow(number, name, "registered", None, "id", 4, None, 200, "OK", 1.0)
            c.execute(insert(tables.registrations).values(row._asdict()))

        await store.database.write(fill)
    return found


async def lease_of(register: NodeRegister, name: str):
    return next(row for row in (await register.nodes())[1] if row.name == node_lease(name))


async def nodes_of(store: Store, table) -> set[str]:
    return set(await store.database.read(lambda c: list(c.scalars(select(table.c.node)))))


async def test_a_node_is_there_when_it_has_entered(register: NodeRegister):
    found = await register.find("a")

    assert (found.home, found.boot, found.state, found.version) == ("home-a", 1, "up", "1.0")
    assert found.age < 5.0
    assert [row.name for row in (await register.nodes())[0]] == ["a", "b"]


async def test_one_without_its_lease_does_not_enter(register: NodeRegister):
    with pytest.raises(FencedError):
        await register.enter(Fence(node_lease("a"), 7), "a", "home", "1.0", "127.0.0.1:5060")


async def test_a_beat_renews_the_lease_and_tells_of_the_others(register: NodeRegister):
    beat = await register.beat(Ask(B.lease, "b/1", 60.0, renew=1), "b")

    assert beat.answer.is_granted
    assert [row.name for row in beat.nodes] == ["a", "b"]
    assert [row.name for row in beat.leases] == ["node:a", "node:b"]
    assert sorted(beat.owners.values()) == ["a", "b"]


async def test_who_is_lost_has_an_heir_though_that_is_committed_while_a_beat_looks(
    register: NodeRegister, monkeypatch
):
    """Each statement sees what is committed by then; without an heir no phone of that node would be waited for."""

    def relieved(connection):
        connection.execute(update(nodes).where(nodes.c.name == "a").values(state="lost"))
        connection.execute(update(boots).where(boots.c.node == "a").values(owner="b"))
        return read_nodes(connection)

    monkeypatch.setattr(node_register, "read_nodes", relieved)
    seen = await register.beat(Ask(B.lease, "b/1", 60.0, renew=1), "b")

    assert ([row.state for row in seen.nodes if row.name == "a"], seen.heirs["a"]) == (["lost"], "b")


async def test_all_that_is_in_progress_at_a_node_is_taken_over(store: Store, register: NodeRegister):
    adopted = await register.adopt(B, "b/1", "b", "a", await lease_of(register, "a"))

    assert [(row.id, row.node) for row in adopted.calls] == [("call-a", "b")]
    assert [(row.id, row.node) for row in adopted.executions] == [("run-a", "b")]
    assert list(adopted.journals) == ["run-a"]
    assert [row.id for row in adopted.subscriptions] == ["sub-a"]
    assert [(row.provider_id, row.node) for row in adopted.registrations] == [(0, "b")]
    for table in (tables.calls, tables.executions, watching_tables.subscriptions, tables.registrations):
        assert await nodes_of(store, table) == {"b"}
    assert (await register.find("a")).state == "lost"
    assert set(await store.database.read(lambda c: list(c.scalars(select(boots.c.owner))))) == {"b"}


async def test_what_is_taken_over_once_is_not_taken_over_again(register: NodeRegister):
    seen = await lease_of(register, "a")
    await register.adopt(B, "b/1", "b", "a", seen)

    assert await register.adopt(B, "b/1", "b", "a", seen) is None


async def test_a_node_that_lives_is_taken_over_only_when_somebody_says_so(register: NodeRegister):
    await register.execute(Ask(A.lease, "a/1", 60.0, renew=1))
    seen = await lease_of(register, "a")

    assert await register.adopt(B, "b/1", "b", "a", seen) is None
    assert (await register.adopt(B, "b/1", "b", "a", None)).calls != []
    with pytest.raises(FencedError):
        await register.enter(A, "a", "home-a", "1.0", "127.0.0.1:5060")


async def test_one_that_was_taken_over_itself_takes_over_nothing(register: NodeRegister):
    seen = await lease_of(register, "a")
    with pytest.raises(FencedError):
        await register.adopt(Fence(node_lease("b"), 0), "b/1", "b", "a", seen)


async def test_a_node_comes_back_under_a_higher_fence(register: NodeRegister):
    await register.adopt(B, "b/1", "b", "a", await lease_of(register, "a"))

    assert await register.seize("a", "a/2", 60.0) == 3
    number = await register.enter(Fence(node_lease("a"), 3), "a", "home-a", "1.0", "127.0.0.1:5060")
    assert (await register.beat(Ask(B.lease, "b/1", 60.0, renew=1), "b")).owners == {
        1: "b",
        2: "b",
        number: "a",
    }

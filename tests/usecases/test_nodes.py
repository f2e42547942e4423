"""Nodes, which are an admin's."""

import pytest
from sqlalchemy import insert

from sipwright.store import BindingRow
from sipwright.store.schema.cluster_tables import nodes
from sipwright.store.schema.tables import bindings
from sipwright.usecases.errors import NotFound
from sipwright.usecases.nodes import _silent, _stored


async def test_a_node_is_up_or_away(usecases, switch, admin):
    (away,) = await usecases.nodes.list(admin)
    switch.answers["status"] = {"node": "node1", "version": "0", "started_at": 1.0, "calls": 3, "phones": 2}

    assert (away.node, away.state) == ("node1", "away")
    assert (await usecases.nodes.get(admin, "node1")).state == "up"
    with pytest.raises(NotFound):
        await usecases.nodes.get(admin, "node2")


async def test_each_node_has_the_phones_and_calls_that_are_its_own(usecases, switch, admin):
    """The switch that is asked knows those of all, and its workers are nodes as well."""

    def work(connection):
        for first, name, phones in ((1, "node1", 1), (2, "node1+2", 2), (4, "north", 1)):
            row = {"name": name, "home": name, "boot": 1, "state": "up", "version": "0", "edge": ""}
            connection.execute(insert(nodes).values(**row, started_at=1.0, heartbeat_at=1.0))
            for number in range(phones):
                values = ("<sip:a@b>", 1.0, f"{name}!udp/x", None, "id", 1, 9e9, None, None, None, 1.0)
                key = first + number
                connection.execute(
                    insert(bindings).values(dict(zip(BindingRow._fields, (key, *values), strict=True)))
                )

    await usecases.ground.change_quietly(work)
    status = {"node": "node1", "version": "0", "started_at": 1.0, "calls": 3, "phones": 4}
    switch.answers["status"] = status
    found = await usecases.nodes.list(admin)

    assert [(view.node, view.phones, view.calls) for view in found] == [
        ("node1", 1, 0), ("node1+2", 2, 0), ("north", 1, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "shown"), [("up", "away"), ("draining", "away"), ("lost", "lost"), ("drained", "drained")]
)
async def test_one_that_does_not_answer_is_what_the_others_know_of_it(store, stored, shown):
    """Its calls are another one's: that its own data folder says so, too, is worth a look."""
    row = {"name": "node1", "home": "h", "boot": 1, "state": stored, "version": "7", "edge": ""}

    def work(connection):
        connection.execute(insert(nodes).values(**row, started_at=1.0, heartbeat_at=1.0))
        return {view.node: view for view in _stored(connection)}

    found = _silent("node1", await store.database.write(work))

    assert (found.state, found.version, found.started_at) == (shown, "7", 1.0)
    assert _silent("node2", {}).state == "away"

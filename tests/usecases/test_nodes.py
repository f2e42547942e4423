"""Nodes, which are an admin's."""

import pytest
from sqlalchemy import insert

from sipwright.store.schema.cluster_tables import nodes
from sipwright.usecases.errors import NotFound
from sipwright.usecases.nodes import _silent, _stored


async def test_a_node_is_up_or_away(usecases, switch, admin):
    (away,) = await usecases.nodes.list(admin)
    switch.answers["status"] = {"node": "node1", "version": "0", "started_at": 1.0, "calls": 3, "phones": 2}

    assert (away.node, away.state) == ("node1", "away")
    assert (await usecases.nodes.get(admin, "node1")).state == "up"
    with pytest.raises(NotFound):
        await usecases.nodes.get(admin, "node2")


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

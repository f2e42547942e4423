"""Nodes, which are an admin's."""

import pytest

from sipwright.usecases.errors import NotFound


async def test_a_node_is_up_or_away(usecases, switch, admin):
    (away,) = await usecases.nodes.list(admin)
    switch.answers["status"] = {"node": "node1", "version": "0", "started_at": 1.0, "calls": 3, "phones": 2}

    assert (away.node, away.state) == ("node1", "away")
    assert (await usecases.nodes.get(admin, "node1")).state == "up"
    with pytest.raises(NotFound):
        await usecases.nodes.get(admin, "node2")

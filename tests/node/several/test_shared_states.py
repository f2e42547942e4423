"""What is said about accounts at other nodes: presence and messages that wait."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import text

from sipwright.node.several.shared_bindings import NamedWriter
from sipwright.node.several.shared_states import SharedStates
from sipwright.services.notifier import MessageSummary, Presence, Summary
from sipwright.services.registrar import LocationTable
from store.conftest import key_file, store, url  # noqa: F401

BODY = b'<presence entity="sip:a@b"><tuple id="x"><status><basic>open</basic></status></tuple></presence>'


class Node:
    def __init__(self, store, name):  # noqa: F811
        self.store, self.told = store, []
        writer = NamedWriter(store.writer, LocationTable(), name, time.time)
        self.presence = Presence(writer, time.time, lambda account_id: False)
        self.summaries = MessageSummary(writer, time.time)
        self.clock = 0.0
        self.states = SharedStates(store, name, self.presence, self.summaries, self, lambda: self.clock)

    def changed(self, event, account_id):
        self.told.append((event, account_id))


@pytest.fixture
def nodes(store):  # noqa: F811
    return Node(store, "north"), Node(store, "south")


async def test_messages_that_wait_are_known_at_every_node(nodes):
    north, south = nodes
    north.summaries.put(1, Summary(2, 1))
    await north.store.writer.drain()
    for node in nodes:
        await node.states.catch_up()
    await south.states.catch_up()

    assert south.summaries.of(1) == Summary(2, 1)
    assert (north.told, south.told) == ([], [("message-summary", 1)])


async def test_what_a_phone_has_published_is_known_until_it_takes_it_back(nodes):
    north, south = nodes
    north.presence.put(1, None, "tag", BODY, 600, lambda: None)
    await north.store.writer.drain()
    await south.states.catch_up()
    published = south.presence.known(1, "tag")
    north.presence.put(1, "tag", "tag", b"", 0, lambda: None)
    await north.store.writer.drain()
    await south.states.catch_up()

    assert published.body == BODY
    assert south.presence.known(1, "tag") is None
    assert south.told == [("presence", 1)] * 2


async def test_what_was_said_while_a_node_could_not_look_is_heard(nodes):
    north, south = nodes
    north.summaries.put(1, Summary(2, 1))
    await north.store.writer.drain()
    older = text("UPDATE state_news SET at = at - 4000")
    await north.store.database.write(lambda c: c.execute(older))
    await south.states.catch_up()
    before = south.summaries.of(1)
    await north.store.database.write(lambda c: c.execute(text("UPDATE state_news SET at = at - 1000")))
    south.clock = 5_000.0
    await south.states.catch_up()

    assert (before, south.summaries.of(1)) == (Summary(), Summary(2, 1))


async def test_both_say_something_at_the_same_time(nodes):
    """Neither hides from the other that there is news."""
    north, south = nodes
    north.presence.put(1, None, "one", BODY, 600, lambda: None)
    south.summaries.put(1, Summary(3))
    await north.store.writer.drain()
    for node in nodes:
        await node.states.catch_up()

    assert north.summaries.of(1) == Summary(3)
    assert south.presence.known(1, "one").body == BODY

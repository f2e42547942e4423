"""Bindings of phones at other nodes: told, followed, and looked up again."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import text

from memory_writer import MemoryWriter
from sipwright.node.several.shared_bindings import NamedWriter, SharedBindings
from sipwright.services.registrar import LocationTable
from sipwright.services.registrar.bindings import Binding
from sipwright.services.rows import BindingNewsRow
from sipwright.store import BindingRow, Store
from store.conftest import key_file, store, url  # noqa: F401

FLOW, OTHER = "udp/127.0.0.1:5060/192.0.2.1:5062", "udp/127.0.0.1:5060/192.0.2.1:5063"
CONTACT, ANOTHER = "<sip:alice@192.0.2.1>", "<sip:alice@192.0.2.2>"

AHEAD = [0.0]
"""Seconds that have gone by at both nodes."""


def row(source: str = FLOW, cseq: int = 1, expires: float = 600.0):
    now = time.time()
    return (1, CONTACT, 1.0, source, None, "call-id", cseq, now + expires, None, None, None, now)


@pytest.fixture
def nodes(store: Store):  # noqa: F811
    """Two nodes on one database, each with its table, what writes its bindings, and what follows the other's."""
    made = {}
    for name in ("north", "south"):
        locations = LocationTable()
        shared = SharedBindings(store, locations, name, time.time, lambda: time.monotonic() + AHEAD[0])
        made[name] = locations, NamedWriter(store.writer, locations, name, time.time), shared
    yield made
    AHEAD[0] = 0.0


async def register(nodes, store, name, contact=CONTACT, **how):  # noqa: F811
    """Let a phone register at a node."""
    locations, writer, _ = nodes[name]
    values = (1, contact, *row(**how)[2:])
    writer.put("binding", (1, contact), values)
    second = int(time.monotonic() + values[7] - time.time())
    locations.put(1, [Binding(second, values[6], "call-id", values[3], "", contact)])
    await store.writer.drain()


def sources(nodes, name):
    return [binding.source for binding in nodes[name][0].bindings(1)]


async def test_another_node_hears_of_a_phone(nodes, store):  # noqa: F811
    await register(nodes, store, "north")
    for _, _, shared in nodes.values():
        await shared.catch_up()

    assert sources(nodes, "north") == [FLOW]
    assert sources(nodes, "south") == [f"north!{FLOW}"]


async def test_phones_of_one_account_come_to_two_nodes_at_once(nodes, store):  # noqa: F811
    """Neither hides from the other that there is news."""
    await register(nodes, store, "north")
    await register(nodes, store, "south", ANOTHER)
    for _, _, shared in nodes.values():
        await shared.catch_up()

    for name in nodes:
        assert {binding.contact for binding in nodes[name][0].bindings(1)} == {CONTACT, ANOTHER}


@pytest.mark.parametrize("ahead", [-120.0, 120.0])
async def test_a_node_whose_clock_is_wrong_is_heard_and_hears(nodes, store, ahead):  # noqa: F811
    """When something was said is told by the database's clock."""
    north, south = nodes["north"], nodes["south"]
    wrong = lambda: time.time() + ahead  # noqa: E731
    writer = NamedWriter(store.writer, north[0], "north", wrong)
    listener = SharedBindings(store, north[0], "north", wrong)
    await register({"north": (north[0], writer, listener)}, store, "north")
    await register(nodes, store, "south", ANOTHER)
    await south[2].catch_up()
    await listener.catch_up()

    for locations in (north[0], south[0]):
        assert {binding.contact for binding in locations.bindings(1)} == {CONTACT, ANOTHER}


async def test_what_was_said_while_a_node_could_not_look_is_heard(nodes, store):  # noqa: F811
    await register(nodes, store, "north")
    older = text("UPDATE binding_news SET at = at - 4000")
    await store.database.write(lambda c: c.execute(older))
    await nodes["south"][2].catch_up()
    before = sources(nodes, "south")
    AHEAD[0] = 5_000.0
    await store.database.write(lambda c: c.execute(text("UPDATE binding_news SET at = at - 1000")))
    await nodes["south"][2].catch_up()

    assert (before, sources(nodes, "south")) == ([], [f"north!{FLOW}"])


async def test_news_that_were_stored_late_are_heard(nodes, store):  # noqa: F811
    """They have waited on the disk of their node until the database was back: they are as old as their commit."""
    said = BindingNewsRow(1, "north", time.time() - 3_000.0)
    store.writer.put("binding", (1, CONTACT), (*row()[:3], f"north!{FLOW}", *row()[4:]))
    store.writer.put("binding_news", 1, said)
    await store.writer.drain()
    await nodes["south"][2].catch_up()

    assert sources(nodes, "south") == [f"north!{FLOW}"]


async def test_a_phone_that_comes_to_another_node_is_that_ones(nodes, store):  # noqa: F811
    await register(nodes, store, "north")
    await nodes["south"][2].catch_up()
    await register(nodes, store, "south", cseq=2, expires=900.0)
    await nodes["north"][2].catch_up()

    assert sources(nodes, "north") == [f"south!{FLOW}"]
    assert sources(nodes, "south") == [FLOW]


async def test_one_that_has_come_back_meanwhile_stays(nodes, store):  # noqa: F811
    await register(nodes, store, "south")
    locations = nodes["north"][0]
    newer = Binding(int(time.monotonic() + 3_000), 5, "call-id", FLOW, "", CONTACT)
    locations.put(1, [newer])
    await nodes["north"][2].catch_up()

    assert locations.bindings(1) == [newer]


async def test_a_phone_that_has_gone_is_forgotten(nodes, store):  # noqa: F811
    await register(nodes, store, "north")
    await nodes["south"][2].catch_up()
    nodes["north"][1].put("binding", (1, CONTACT), None)
    await store.writer.drain()
    await nodes["south"][2].catch_up()

    assert sources(nodes, "south") == []


async def test_a_refresh_is_no_news_and_is_looked_up_when_the_time_seems_over(nodes, store):  # noqa: F811
    await register(nodes, store, "north", expires=60.0)
    locations, _, shared = nodes["south"]
    await shared.catch_up()
    await register(nodes, store, "north", cseq=2, expires=600.0)
    await shared.catch_up()
    (before,) = locations.bindings(1)
    shared.expired(1)
    await shared.catch_up()
    (after,) = locations.bindings(1)

    assert (before.cseq, after.cseq) == (1, 2)
    assert after.expires_at > before.expires_at + 500


@pytest.mark.parametrize("node", ["north", "south"])
async def test_what_goes_while_somebody_looks_does_not_come_back(nodes, store, monkeypatch, node):  # noqa: F811
    """Whether it was here or, as the links between workers tell, elsewhere."""
    await register(nodes, store, "north")
    locations, _, shared = nodes[node]
    if node == "south":
        await shared.catch_up()
    await register(nodes, store, "north", cseq=2, source=FLOW + "1")
    read, reads = store.database.read, []

    async def slow(work, **how):
        found = await read(work, **how)
        reads.append(found)
        if len(reads) == 2:  # the first one was of news
            shared.forgotten(1, CONTACT)
        return found

    monkeypatch.setattr(store.database, "read", slow)
    await shared.catch_up()

    assert len(reads) == 2
    assert locations.bindings(1) == []


async def test_what_is_heard_of_while_somebody_looks_stays(nodes, store, monkeypatch):  # noqa: F811
    await register(nodes, store, "north")
    locations, _, shared = nodes["south"]
    heard = BindingRow(1, ANOTHER, *row(f"north!{OTHER}")[2:])
    read, reads = store.database.read, []

    async def slow(work, **how):
        found = await read(work, **how)
        reads.append(found)
        if len(reads) == 2:
            shared.heard(heard)
        return found

    monkeypatch.setattr(store.database, "read", slow)
    await shared.catch_up()

    assert {(one.contact, one.source) for one in locations.bindings(1)} == {
        (CONTACT, f"north!{FLOW}"), (ANOTHER, f"north!{OTHER}"),
    }  # fmt: skip


def test_only_what_is_new_or_moved_or_gone_is_told():
    locations, writer = LocationTable(), MemoryWriter()
    named = NamedWriter(writer, locations, "north", time.time)
    told = []
    writer.put = lambda kind, key, row, on_commit=None: told.append(
        (kind, row and row[3] if kind == "binding" else key)
    )
    named.put("binding", (1, CONTACT), row())
    locations.put(1, [Binding(1, 1, "call-id", FLOW, "", CONTACT)])
    named.put("binding", (1, CONTACT), row(cseq=2))
    named.put("binding", (1, CONTACT), row(source=OTHER))
    named.put("binding", (1, CONTACT), None)
    named.put("cdr", ("a", 1), None)

    assert told == [
        ("binding_news", 1), ("binding", f"north!{FLOW}"),
        ("binding", f"north!{FLOW}"),
        ("binding_news", 1), ("binding", f"north!{OTHER}"),
        ("binding_news", 1), ("binding", None),
        ("cdr", ("a", 1)),
    ]  # fmt: skip


def test_what_a_start_reads_is_its_own_without_its_name():
    shared = SharedBindings(None, LocationTable(), "north", time.time)
    rows = [
        (1, 0.0, 1.0, f"1\ncall-id\nnorth!{FLOW}\n\n{CONTACT}"),
        (2, 0.0, 1.0, f"1\nx\nsouth!{FLOW}\n\n{CONTACT}"),
    ]

    assert [text.split("\n")[2] for *_, text in shared.own(rows)] == [FLOW, f"south!{FLOW}"]

"""What is left of workers when there are fewer."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert, select

from sipwright.store import Store
from sipwright.store.schema import tables
from sipwright.store.schema.cluster_tables import boots, nodes
from store.writing.batches import call

BINDING = {
    "account_id": 1,
    "contact": "<sip:a@b>",
    "call_id": "x",
    "cseq": 1,
    "expires_at": 9e9,
    "updated_at": 0.0,
}
FLOW = "udp/127.0.0.1:5060/192.0.2.1:5062"


def fill(connection, *names):
    """Make nodes with a call and a binding each."""
    for number, name in enumerate(names):
        connection.execute(
            insert(nodes).values(
                name=name, home="h", boot=1, state="up", version="", edge="", started_at=0.0, heartbeat_at=0.0
            )
        )
        connection.execute(insert(boots).values(node=name, owner=name, at=0.0))
        connection.execute(insert(tables.calls).values(call(f"call{number}")._replace(node=name)._asdict()))
        connection.execute(
            insert(tables.bindings).values(BINDING | {"account_id": number, "source": f"{name}!{FLOW}"})
        )


def seen(connection):
    """Return whose the calls and boots are, and where phones are."""
    return (
        set(connection.scalars(select(tables.calls.c.node))),
        set(connection.scalars(select(boots.c.owner))),
        set(connection.scalars(select(tables.bindings.c.source))),
    )


async def test_the_one_that_is_left_has_it_all(sqlite_url: str, key_file: Path):
    store = await Store.open(sqlite_url, key_file)
    await store.database.write(lambda c: fill(c, "north", "north+2", "north+3"))
    await store.gather("north", is_alone=True)

    assert await store.database.read(seen) == ({"north"}, {"north"}, {FLOW})
    await store.close()


async def test_phones_of_one_process_are_those_of_the_first_worker(sqlite_url: str, key_file: Path):
    store = await Store.open(sqlite_url, key_file)
    await store.database.write(lambda c: fill(c, "north+2"))
    await store.database.write(
        lambda c: c.execute(insert(tables.bindings).values(BINDING | {"source": FLOW}))
    )
    await store.gather("north", is_alone=False)

    assert await store.database.read(seen) == (
        {"north+2"}, {"north+2"}, {f"north!{FLOW}", f"north+2!{FLOW}"},
    )  # fmt: skip
    await store.close()

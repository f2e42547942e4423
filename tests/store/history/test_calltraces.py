"""Finding a call and everything that it left."""

from __future__ import annotations

import json

import pytest

from sipwright.store import CallRow, CdrRow, ExecutionRow, JournalRow, NotFoundError, Store, StoreError
from sipwright.store.history.calltraces import read_call
from sipwright.store.history.trace_messages import Heard, pack

SCRIPT = 'dial("bob@local")\n'


async def put_call(store: Store, name: str, sip_call_id: str = "x", started: float = 100.0) -> None:
    plan = await store.set_dialplan(None, "out", SCRIPT)
    put = store.writer.put
    for leg in (1, 0):
        put(
            "cdr",
            (name, leg),
            CdrRow(name, leg, "out", 7, 1, "sip:a", "sip:b", None, "out", plan, started, None, None, 103.0, 486,
                   "Busy Here", "callee", f"{sip_call_id}{leg}", f"run-{name}"),
        )  # fmt: skip
    execution = dict.fromkeys(ExecutionRow._fields) | {
        "id": f"run-{name}", "call_id": name, "dialplan_id": 1, "version": plan, "state": "done",
        "started_at": started + 1, "ended_at": 103.0, "outcome": "nobody answered",
    }  # fmt: skip
    put("execution", f"run-{name}", ExecutionRow(**execution))
    put("journal", (f"run-{name}", 0), JournalRow(f"run-{name}", 0, 101.0, "log", '[[1,"hi"]]', None))
    row = (name, started, pack([Heard(name, started, "in", "udp/a/b", b"INVITE")]))
    put("messages", row[:2], row)
    await store.writer.drain()


async def test_everything_about_a_call_is_found_by_the_beginning_of_its_id(store: Store):
    await put_call(store, "abc123", "one")
    await put_call(store, "abd456", "two")

    found = await read_call(store.database, "abc")
    assert (found.id, found.row, [leg["leg"] for leg in found.legs]) == ("abc123", None, [0, 1])
    (run,) = found.runs
    assert (run.dialplan, run.version, run.source, run.outcome) == ("out", 1, SCRIPT, "nobody answered")
    assert [entry.arguments for entry in run.journal] == [[[1, "hi"]]]
    assert [message.data for message in found.messages] == [b"INVITE"]
    assert (found.started_at, found.others) == (100.0, [])


async def test_a_beginning_that_fits_several_calls_names_them(store: Store):
    await put_call(store, "abc123")
    await put_call(store, "abd456")

    with pytest.raises(StoreError, match="abc123, abd456"):
        await read_call(store.database, "ab")
    for name in ("", "abx", "100%"):
        with pytest.raises(NotFoundError, match="sipwright calls"):
            await read_call(store.database, name)


async def test_a_call_is_found_by_the_end_of_its_id(store: Store):
    """Ids of one minute begin alike."""
    await put_call(store, "63a896c4b6-1301")
    await put_call(store, "63a896c4b7-2301")
    await put_call(store, "1301-63a896c4b8")

    assert (await read_call(store.database, "2301")).id == "63a896c4b7-2301"
    assert (await read_call(store.database, "1301")).id == "1301-63a896c4b8", "a beginning comes first"
    with pytest.raises(StoreError, match="63a896c4b6-1301, 63a896c4b7-2301"):
        await read_call(store.database, "301")


async def test_the_last_call_is_the_one_that_began_last(store: Store):
    with pytest.raises(NotFoundError):
        await read_call(store.database, "last")
    await put_call(store, "second", started=200.0)
    await put_call(store, "first", started=100.0)
    assert (await read_call(store.database, "last")).id == "second"
    row = CallRow("live", "node1", 1, 7, "out", "talking", "sip:a", "sip:b", 300.0, None, b"{}")
    store.writer.put("call", "live", row)
    await store.writer.drain()

    assert (await read_call(store.database, "last")).id == "live"


async def test_a_call_is_found_by_the_call_id_of_a_leg(store: Store):
    await put_call(store, "abc123", "from-the-phone@10.0.0.1/")
    document = json.dumps(["other@phone"]).encode()
    row = CallRow("live1", "node1", 1, 7, "out", "talking", "sip:a", "sip:b", 50.0, None, document)
    store.writer.put("call", "live1", row)
    await store.writer.drain()

    assert (await read_call(store.database, "from-the-phone@10.0.0.1/1")).id == "abc123"
    live = await read_call(store.database, "other@phone")
    assert (live.id, live.row["state"], live.started_at) == ("live1", "talking", 50.0)


async def test_calls_that_have_a_leg_in_common_name_each_other(store: Store):
    await put_call(store, "first", "loop")
    await put_call(store, "second", "loop")
    await put_call(store, "later", "loop", started=9000.0)

    assert (await read_call(store.database, "first")).others == ["second"]


async def test_a_call_is_found_whole_by_any_of_its_parts(store: Store):
    """It begins with the script of whoever called; nobody sees the part of another owner."""
    for name, started, user_id, linked in (("outer", 100.0, 1, None), ("inner", 101.0, 2, "outer")):
        leg = CdrRow(
            name, 0, "out", 7, user_id, "sip:a", "sip:b", None, "out", 1, started, None, None, 103.0, 486, "Busy Here",
            "callee", f"loop-{name}", None, linked,
        )  # fmt: skip
        store.writer.put("cdr", (name, 0), leg)
    await store.writer.drain()

    for name in ("outer", "inner", "last"):
        found = await read_call(store.database, name)
        assert ([part.id for part in found.whole], found.common_id, found.others) == (
            ["outer", "inner"],
            "outer",
            [],
        )
    theirs = await read_call(store.database, "last", user_id=2)
    assert ([part.id for part in theirs.whole], theirs.common_id) == (["inner"], "outer")

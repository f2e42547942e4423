"""Runs of a dialplan as they were recorded."""

from __future__ import annotations

from sipwright.store import CdrRow, ExecutionRow, JournalRow, Store
from sipwright.store.history.recordings import read_recordings
from sipwright.store.history.trace_messages import Heard, pack


async def put_run(store: Store, name: str, started: float, state: str = "done", plan: int = 1) -> None:
    put = store.writer.put
    values = dict.fromkeys(ExecutionRow._fields) | {
        "id": name, "call_id": f"call-{name}", "dialplan_id": plan, "version": 1, "state": state, "started_at": started,
    }  # fmt: skip
    put("execution", name, ExecutionRow(**values))
    for sequence in (1, 0):
        put("journal", (name, sequence), JournalRow(name, sequence, started, "log", "[]", None))
    put(
        "cdr",
        (f"call-{name}", 0),
        CdrRow(f"call-{name}", 0, "out", 7, 1, "sip:a", "sip:b", None, "out", 1, started, None, None, 103.0, 486,
               "Busy Here", "callee", name, name),
    )  # fmt: skip
    row = (
        f"call-{name}",
        started,
        pack(Heard(f"call-{name}", started, *rest) for rest in (("in", "f", b"INVITE"), ("out", "f", b""))),
    )
    put("messages", row[:2], row)
    await store.writer.drain()


async def test_runs_come_with_their_journals_and_records(store: Store):
    await store.set_dialplan(None, "out", "respond(480)\n")
    await put_run(store, "old", 10.0)
    await put_run(store, "second", 30.0, "failed")
    await put_run(store, "first", 20.0)
    await put_run(store, "waits", 40.0, "waiting")
    await put_run(store, "other", 40.0, plan=2)

    runs = await read_recordings(store.database, 1, 15.0, 10)
    assert [(run.id, run.state, run.source) for run in runs] == [
        ("first", "done", "respond(480)\n"),
        ("second", "failed", "respond(480)\n"),
    ]
    assert [entry.sequence for entry in runs[0].journal] == [0, 1]
    assert [leg["call_id"] for leg in runs[0].legs] == ["call-first"]
    assert runs[0].messages == []


async def test_the_calls_that_legs_became_come_too(store: Store):
    await store.set_dialplan(None, "out", "respond(480)\n")
    await put_run(store, "outer", 30.0)
    await put_run(store, "inner", 31.0, plan=2)
    leg = CdrRow("call-outer", 1, "out", 7, 1, "sip:a", "sip:b", "b@local", "out", 1, 30.5, None, None, 33.0, 486,
                 "Busy Here", "callee", "inner", "outer")  # fmt: skip
    store.writer.put("cdr", ("call-outer", 1), leg)
    await store.writer.drain()

    (outer,) = await read_recordings(store.database, 1, 0.0, 10)
    (inner,) = outer.inner
    assert (inner.id, inner.call_id, inner.inner) == ("inner", "call-inner", [])
    assert [entry.sequence for entry in inner.journal] == [0, 1]
    assert [one["call_id"] for one in inner.legs] == ["call-inner"]


async def test_of_too_many_runs_the_newest_are_taken(store: Store):
    for number in range(5):
        await put_run(store, f"run{number}", 10.0 + number)

    runs = await read_recordings(store.database, 1, 0.0, 2, with_messages=True)
    assert [run.id for run in runs] == ["run3", "run4"]
    assert [[message.data for message in run.messages] for run in runs] == [[b"INVITE"], [b"INVITE"]]

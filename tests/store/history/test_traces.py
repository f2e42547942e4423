"""What the calls of an account have left."""

from __future__ import annotations

from sipwright.store import CallRow, CdrRow, ExecutionRow, JournalRow, Store
from sipwright.store.history.traces import Effect, read_trace, remove_traces

OURS, OTHERS = 7, 8


def put_call(store: Store, account_id: int) -> None:
    name = f"call{account_id}"
    put = store.writer.put
    put("call", name, CallRow(name, "node1", 1, account_id, "out", "talking", "a", "b", 1.0, 2.0, b"{}"))
    for leg in (1, 0):
        put(
            "cdr",
            (name, leg),
            CdrRow(name, leg, "out", account_id, 1, "a", "b", None, "plan", 1, 1.0, 1.5, 2.0, 3.0, 200, "OK",
                   "caller", "x", "run"),
        )  # fmt: skip
    put("execution", name, ExecutionRow(name, name, 1, 1, account_id, 1, "done", None, 1.0, 3.0, "answered"))
    put("journal", (name, 1), JournalRow(name, 1, 1.2, "dial", '{"target":"b"}', '{"answered":true}'))
    put("journal", (name, 0), JournalRow(name, 0, 1.1, "log", '[[2,"hello"]]', None))


async def test_a_trace_has_the_legs_and_the_journal_in_order(store: Store):
    put_call(store, OURS)
    put_call(store, OTHERS)
    await store.writer.drain()

    trace = await read_trace(store.database, OURS)

    assert trace.calls == 1
    assert [(cdr["call_id"], cdr["leg"]) for cdr in trace.cdrs] == [("call7", 0), ("call7", 1)]
    assert [(run["state"], run["outcome"]) for run in trace.runs] == [("done", "answered")]
    assert trace.journal == [
        Effect(1.1, "log", [[2, "hello"]], None),
        Effect(1.2, "dial", {"target": "b"}, {"answered": True}),
    ]


async def test_only_the_traces_of_the_named_accounts_are_removed(store: Store):
    put_call(store, OURS)
    put_call(store, OTHERS)
    await store.writer.drain()

    await remove_traces(store.database, [OURS])

    gone, kept = await read_trace(store.database, OURS), await read_trace(store.database, OTHERS)
    assert (gone.calls, gone.cdrs, gone.runs, gone.journal) == (0, [], [], [])
    assert (kept.calls, len(kept.cdrs), len(kept.runs), len(kept.journal)) == (1, 2, 1, 2)

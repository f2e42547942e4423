"""Group commit, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from administering import Administering
from sipwright.sip.errors import Reject
from sipwright.store import CallRow, ExecutionRow, JournalRow, Store, StoreBusy, Writer
from sipwright.store.writing.grouping import AT_ONCE, Grouping, Ramp
from sipwright.store.writing.writer import Batch
from store.writing.batches import binding, bindings_of, call, cdr, iteration


class FakeCommitter:
    """Holds batches until it is told to finish them."""

    failing_since = None

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def start(self, on_done: Callable[[Batch], None]) -> None:
        self._on_done = on_done

    def submit(self, batch: Batch) -> None:
        self.batches.append(batch)

    def finish(self) -> None:
        self._on_done(self.batches[-1])

    async def close(self) -> None:
        self.is_closed = True


def at_once() -> Grouping:
    """Nothing is gathered."""
    return Grouping(urgent=AT_ONCE, patient=AT_ONCE)


def for_long() -> Grouping:
    """After a commit, rows are gathered for longer than any test takes."""
    return Grouping(urgent=Ramp(0, 1, 60.0), patient=Ramp(0, 1, 60.0), lately=60.0)


async def test_the_first_write_is_flushed_at_once_with_all_of_its_iteration():
    committer = FakeCommitter()
    writer = Writer(committer, grouping=for_long())
    writer.put("binding", (1, "a"), binding(1, "a"))
    writer.put("call", "c", call("c"))
    await iteration()

    assert [batch.size for batch in committer.batches] == [2]


async def test_later_writes_are_gathered():
    committer = FakeCommitter()
    writer = Writer(committer, grouping=for_long())
    writer.put("binding", (1, "a"), binding(1, "a"))
    await iteration()
    committer.finish()
    writer.put("binding", (2, "b"), binding(2, "b"))
    writer.put("binding", (3, "c"), binding(3, "c"))
    await iteration()

    assert [batch.size for batch in committer.batches] == [1]
    assert (writer.snapshot().waiting, writer.snapshot().under_way) == (2, 0)


async def test_later_writes_wait_for_the_batch_under_way():
    committer = FakeCommitter()
    writer = Writer(committer, grouping=at_once())
    writer.put("binding", (1, "a"), binding(1, "a"))
    await iteration()
    writer.put("binding", (2, "b"), binding(2, "b"))
    writer.put("binding", (3, "c"), binding(3, "c"))
    await iteration()
    assert [batch.size for batch in committer.batches] == [1]
    assert (writer.snapshot().waiting, writer.snapshot().under_way) == (2, 1)

    committer.finish()
    await iteration()
    assert [batch.size for batch in committer.batches] == [1, 2]


async def test_few_writes_wait_for_nothing():
    committer = FakeCommitter()
    writer = Writer(committer)
    for number in (1, 2, 3):
        writer.put("binding", (number, "a"), binding(number, "a"))
        await iteration()
        committer.finish()

    assert [batch.size for batch in committer.batches] == [1, 1, 1]


async def test_what_a_caller_waits_for_takes_with_it_what_can_wait():
    committer = FakeCommitter()
    writer = Writer(
        committer, grouping=Grouping(urgent=Ramp(10, 11, 60.0), patient=Ramp(0, 1, 60.0), lately=60.0)
    )
    writer.put("binding", (1, "a"), binding(1, "a"))
    await iteration()
    committer.finish()
    writer.put("binding", (2, "b"), binding(2, "b"))
    await iteration()
    assert [batch.size for batch in committer.batches] == [1]

    writer.put("call", "c", call("c"))
    await iteration()
    assert [batch.size for batch in committer.batches] == [1, 2]
    writer.put("binding", (3, "c"), binding(3, "c"))
    committer.finish()
    await iteration()
    assert [batch.size for batch in committer.batches] == [1, 2], "only what can wait is left"

    writer.put("call", "d", call("d"))
    await iteration()
    committer.finish()
    assert [batch.size for batch in committer.batches] == [1, 2, 2]
    await writer.drain()


async def test_what_a_caller_waits_for_is_due_when_the_batch_under_way_is_done():
    committer = FakeCommitter()
    writer = Writer(
        committer, grouping=Grouping(urgent=Ramp(10, 11, 60.0), patient=Ramp(0, 1, 60.0), lately=60.0)
    )
    writer.put("call", "c", call("c"))
    await iteration()
    writer.put("binding", (1, "a"), binding(1, "a"))
    writer.put("call", "d", call("d"))
    committer.finish()
    await iteration()

    assert [batch.size for batch in committer.batches] == [1, 2]


async def test_settling_waits_for_what_was_put_and_not_for_what_comes_after():
    """Under load there is always more to come."""
    committer = FakeCommitter()
    writer = Writer(committer, grouping=for_long())
    await writer.settle()
    writer.put("call", "a", call("a"))
    settling = asyncio.ensure_future(writer.settle())
    await iteration()
    writer.put("call", "b", call("b"))
    assert not settling.done()
    committer.finish()
    await settling
    await writer.settle(patience=0.0)

    assert (writer.snapshot().commits, writer.snapshot().waiting) == (1, 1)


async def test_writes_about_one_key_coalesce_and_all_callbacks_run_in_order():
    committer = FakeCommitter()
    writer = Writer(committer)
    told: list[int] = []
    for cseq in (1, 2, 3):
        writer.put("binding", (1, "a"), binding(1, "a", cseq), lambda cseq=cseq: told.append(cseq))
    await iteration()
    assert committer.batches[0].size == 1
    assert committer.batches[0].rows["binding"][1, "a"].cseq == 3
    assert told == []

    committer.finish()
    assert told == [1, 2, 3]


async def test_a_row_is_made_once_when_its_batch_is_committed():
    committer = FakeCommitter()
    writer = Writer(committer, grouping=for_long())
    document = b"first"
    made: list[bytes] = []

    def make() -> CallRow:
        made.append(document)
        return call("c", document=document)

    writer.put("call", "c", make)
    document = b"second"
    writer.put("call", "c", make)
    await iteration()

    assert made == [b"second"]
    assert committer.batches[0].rows["call"] == {"c": call("c", document=b"second")}


async def test_the_kinds_of_a_batch_stand_in_one_order_whoever_came_first():
    """On a database server rows are locked in that order: two nodes never wait for each other."""
    orders = []
    for first, second in (("call", "cdr"), ("cdr", "call")):
        committer = FakeCommitter()
        writer = Writer(committer)
        for kind in (first, second):
            writer.put(kind, kind, call("c") if kind == "call" else cdr("c", 0))
        await iteration()
        orders.append(list(committer.batches[0].rows))

    assert orders == [["call", "cdr"], ["call", "cdr"]]


async def test_a_row_that_cannot_be_made_costs_only_itself():
    committer = FakeCommitter()
    writer = Writer(committer, grouping=for_long())
    told: list[str] = []
    writer.put("call", "bad", lambda: call("bad", document=1 // 0), lambda: told.append("bad"))  # type: ignore[arg-type]
    writer.put("call", "good", call("good"), lambda: told.append("good"))
    with capture_logs() as logs:
        await iteration()
    committer.finish()

    assert [(entry["event"], entry["key"]) for entry in logs] == [("a row cannot be made", "bad")]
    assert committer.batches[0].rows["call"] == {"good": call("good")}
    assert told == ["good"]


async def test_a_callback_that_fails_does_not_stop_the_others():
    committer = FakeCommitter()
    writer = Writer(committer)
    told: list[str] = []
    writer.put("call", "a", call("a"), lambda: 1 / 0)
    writer.put("call", "b", call("b"), lambda: told.append("b"))
    await iteration()
    with capture_logs() as logs:
        committer.finish()

    assert told == ["b"]
    assert [entry["event"] for entry in logs] == ["a callback after a commit failed"]


async def test_a_callback_may_put_more():
    committer = FakeCommitter()
    writer = Writer(committer, grouping=at_once())
    writer.put("call", "a", call("a"), lambda: writer.put("call", "b", call("b")))
    await iteration()
    committer.finish()
    await iteration()
    assert list(committer.batches[1].rows["call"]) == ["b"]

    committer.finish()
    await asyncio.wait_for(writer.drain(), 60.0)


async def test_a_full_queue_refuses_new_keys_but_not_news_of_known_ones():
    writer = Writer(FakeCommitter(), capacity=2)
    writer.put("call", "a", call("a"))
    writer.put("call", "b", call("b"))

    with pytest.raises(StoreBusy) as refused:
        writer.put("call", "c", call("c"))
    assert isinstance(refused.value, Reject)
    assert refused.value.status == 503
    writer.put("call", "a", None)


async def test_closing_with_a_dead_database_gives_up_and_says_what_is_lost():
    committer = FakeCommitter()
    writer = Writer(committer)
    writer.put("call", "a", call("a"))
    with capture_logs() as logs:
        await writer.close(patience=0.01)

    assert committer.is_closed
    assert [(entry["event"], entry["rows"]) for entry in logs] == [("rows lost at shutdown", 1)]


async def test_every_kind_is_written_replaced_and_deleted(store: Store):
    account = await store.add_account("alice", "secret")
    writer = store.writer
    writer.put("binding", (account.id, "a"), binding(account.id, "a"))
    writer.put("binding", (account.id, "b"), binding(account.id, "b", path='["sip:edge"]', q=None))
    writer.put("call", "c1", call("c1"))
    writer.put("call", "c2", call("c2", node="node2"))
    writer.put("cdr", ("c1", 0), cdr("c1", 0))
    execution = ExecutionRow("e1", "c1", 1, 1, account.id, 1, "waiting", b"\x00snap", 1e9, None, None)
    writer.put("execution", "e1", execution)
    writer.put("journal", ("e1", 1), JournalRow("e1", 1, 1e9, "dial", '["bob"]', None))
    await writer.drain()
    assert sorted(await bindings_of(store)) == [
        binding(account.id, "a"),
        binding(account.id, "b", path='["sip:edge"]', q=None),
    ]
    assert await store.load_calls("node1") == [call("c1")]
    assert await store.load_executions("node1") == [execution]

    writer.put("binding", (account.id, "a"), binding(account.id, "a", cseq=2))
    writer.put("binding", (account.id, "b"), None)
    writer.put("call", "c1", None)
    writer.put("call", "c2", None)
    writer.put("cdr", ("c1", 0), cdr("c1", 0, status=200))
    writer.put("execution", "e1", execution._replace(state="done", snapshot=None))
    writer.put("journal", ("e1", 1), None)
    await writer.drain()
    assert await bindings_of(store) == [binding(account.id, "a", cseq=2)]
    assert await store.load_calls("node1") == []
    assert await store.load_executions("node1") == []
    assert [(row["call_id"], row["status"]) for row in await Administering(store).list_cdrs()] == [
        ("c1", 200)
    ]


async def test_a_large_batch_is_one_commit(store: Store):
    for number in range(1, 501):
        store.writer.put("call", f"c{number}", call(f"c{number}"))
        store.writer.put("cdr", (f"c{number}", 0), cdr(f"c{number}", 0))
    await store.writer.drain()
    for number in range(1, 500):
        store.writer.put("call", f"c{number}", None)
        store.writer.put("cdr", (f"c{number}", 0), None)
    await store.writer.drain()

    assert [row.id for row in await store.load_calls("node1")] == ["c500"]
    assert len(await Administering(store).list_cdrs()) == 1
    assert (store.writer.snapshot().rows, store.writer.snapshot().commits) == (1998, 2)


async def test_callbacks_run_after_the_commit(store: Store):
    seen: asyncio.Future[list[CallRow]] = asyncio.get_running_loop().create_future()

    async def look() -> None:
        seen.set_result(await store.load_calls("node1"))

    tasks: list[asyncio.Task[None]] = []
    store.writer.put("call", "c1", call("c1"), lambda: tasks.append(asyncio.ensure_future(look())))

    assert await seen == [call("c1")]


async def test_bytes_that_are_no_text_come_back_as_they_were(store: Store):
    account = await store.add_account("alice", "secret")
    contact = "<sip:\udcff\udc80caf\u00e9@192.0.2.1>"
    row = binding(account.id, contact, user_agent="nul \x00 and \U0001f4de")
    store.writer.put("binding", (account.id, contact), row)
    await store.writer.drain()
    assert await bindings_of(store) == [row]

    store.writer.put("binding", (account.id, contact), None)
    await store.writer.drain()
    assert await bindings_of(store) == []


async def test_a_row_that_the_database_refuses_costs_only_itself(store: Store):
    told: list[str] = []
    with capture_logs() as logs:
        for name, row in (
            ("a", call("a")),
            ("short", call("short")[:4]),
            ("huge", call("huge")._replace(user_id=2**70)),
            ("null", call("null")._replace(document=None)),  # type: ignore[arg-type]
            ("b", call("b")),
        ):
            store.writer.put("call", name, row, lambda name=name: told.append(name))
        await store.writer.drain()
        stored = await store.load_calls("node1")

    assert [row.id for row in stored] == ["a", "b"]
    assert [entry["key"] for entry in logs] == ["short", "huge", "null"]
    if store.database.dialect == "postgresql":  # SQLite meets them when the log is applied
        assert told == ["a", "b"]
        assert store.writer.snapshot().refused == 3


async def test_a_fault_of_ours_costs_one_batch_and_not_the_writer(store: Store):
    told: list[str] = []
    with capture_logs() as logs:
        store.writer.put("call", "a", 7, lambda: told.append("a"))  # type: ignore[arg-type]
        await store.writer.drain()
    store.writer.put("call", "b", call("b"), lambda: told.append("b"))
    await store.writer.drain()

    assert told == ["b"]
    assert [entry["event"] for entry in logs] == ["batch refused"]


async def test_bindings_without_an_account_are_swept_when_loading(store: Store):
    store.writer.put("binding", (77, "a"), binding(77, "a"))
    await store.writer.drain()

    assert await store.load_bindings() == []
    assert await bindings_of(store) == []


async def test_a_binding_is_loaded_as_the_location_table_keeps_it(store: Store):
    account = await store.add_account("alice", "secret")
    rows = [
        binding(account.id, "<sip:caf\u00e9\udcff@h>", path="<sip:p;lr>"),
        binding(account.id, "<sip:b@h>", cseq=2),
    ]
    for row in rows:
        store.writer.put("binding", (account.id, row.contact), row)
    await store.writer.drain()

    assert sorted(await store.load_bindings()) == sorted(
        (account.id, 1e9, 2e9, f"{row.cseq}\ncall\n{row.source}\n{row.path or ''}\n{row.contact}")
        for row in rows
    )


@pytest.mark.parametrize(
    ("looks", "is_away"),
    [
        ([0.25, 0.5, 0.75, 1.0, 1.25], [False] * 4 + [True]),
        ([0.25, 15.0, 15.25, 15.5, 15.75, 16.25], [False] * 5 + [True]),
        ([0.25, 1.6, 1.85, 2.1, 2.35, 2.7], [False] * 5 + [True]),
        ([0.9, 1.8, 2.7, 3.6, 4.5], [False] * 4 + [True]),
    ],
    ids=["four looks a second", "a zombie", "a stop", "nothing but stops"],
)
async def test_the_time_in_which_this_process_was_stopped_says_nothing_about_the_database(
    monkeypatch: pytest.MonkeyPatch, looks: list[float], is_away: list[bool]
):
    """Else a zombie would say at once what ends its calls, which are another node's by then."""
    writer = Writer(FakeCommitter(), grouping=at_once())
    clock = [100.0]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock[0])
    writer.look()
    writer.put("call", "a", call("a"))
    writer._flush()
    found = []
    for at in looks:
        clock[0] = 100.0 + at
        found.append(writer.look())
    monkeypatch.undo()

    assert found == is_away

"""Group commit, on both databases."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from sipwright.sip.errors import Reject
from sipwright.store import BindingRow, CallRow, CdrRow, ExecutionRow, JournalRow, Store, StoreBusy, Writer
from sipwright.store.writing import sqlite_committer
from sipwright.store.writing.log import RedoLog, Rows
from sipwright.store.writing.sqlite_committer import SqliteCommitter
from sipwright.store.writing.writer import Batch


def binding(
    account_id: int, contact: str = "<sip:alice@192.0.2.1>", cseq: int = 1, **changes: Any
) -> BindingRow:
    row = BindingRow(
        account_id,
        contact,
        1.0,
        "udp/0.0.0.0:5060/192.0.2.1:5060",
        None,
        "call",
        cseq,
        2e9,
        "UA",
        None,
        None,
        1e9,
    )
    return row._replace(**changes)


def call(call_id: str, node: str = "node1", document: bytes = b"{}") -> CallRow:
    return CallRow(call_id, node, 1, 1, "out", "TALKING", "alice", "bob", 1e9, None, document)


def cdr(call_id: str, leg: int, status: int | None = None) -> CdrRow:
    return CdrRow(
        call_id, leg, "out", None, None, "sip:a@x", "sip:b@x", "b@local", "main", 1,
        1e9, None, None, None, status, None, None, None, None,
    )  # fmt: skip


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


async def iteration() -> None:
    """Let the loop run what is due."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    """Run the loop until something holds that no event announces."""
    deadline = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0)


# --- the writer itself ---


async def test_the_first_write_is_flushed_at_once_with_all_of_its_iteration():
    committer = FakeCommitter()
    writer = Writer(committer, grouping=60.0)
    writer.put("binding", (1, "a"), binding(1, "a"))
    writer.put("call", "c", call("c"))
    await iteration()

    assert [batch.size for batch in committer.batches] == [2]


async def test_later_writes_wait_for_the_grouping_and_for_the_batch_under_way():
    committer = FakeCommitter()
    writer = Writer(committer, grouping=0.001)
    writer.put("binding", (1, "a"), binding(1, "a"))
    await iteration()
    writer.put("binding", (2, "b"), binding(2, "b"))
    writer.put("binding", (3, "c"), binding(3, "c"))
    await asyncio.sleep(0.003)
    assert [batch.size for batch in committer.batches] == [1]
    assert (writer.snapshot().waiting, writer.snapshot().under_way) == (2, 1)

    committer.finish()
    await until(lambda: len(committer.batches) == 2)
    assert [batch.size for batch in committer.batches] == [1, 2]


async def test_settling_waits_for_what_was_put_and_not_for_what_comes_after():
    """Under load there is always more to come."""
    committer = FakeCommitter()
    writer = Writer(committer, grouping=60.0)
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
    writer = Writer(committer, grouping=60.0)
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


async def test_a_row_that_cannot_be_made_costs_only_itself():
    committer = FakeCommitter()
    writer = Writer(committer, grouping=60.0)
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
    writer = Writer(committer, grouping=0.0)
    writer.put("call", "a", call("a"), lambda: writer.put("call", "b", call("b")))
    await iteration()
    committer.finish()
    await iteration()
    assert list(committer.batches[1].rows["call"]) == ["b"]

    committer.finish()
    await asyncio.wait_for(writer.drain(), 30.0)


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


# --- on the databases ---


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
    assert sorted(await store.load_bindings()) == [
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
    assert await store.load_bindings() == [binding(account.id, "a", cseq=2)]
    assert await store.load_calls("node1") == []
    assert await store.load_executions("node1") == []
    assert [(row["call_id"], row["status"]) for row in await store.list_cdrs()] == [("c1", 200)]


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
    assert len(await store.list_cdrs()) == 1
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
    assert await store.load_bindings() == [row]

    store.writer.put("binding", (account.id, contact), None)
    await store.writer.drain()
    assert await store.load_bindings() == []


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


# --- outages ---


async def test_sqlite_writes_do_not_wait_while_another_process_holds_the_lock(
    sqlite_url: str, key_file: Path, tmp_path: Path
):
    store = await Store.open(sqlite_url, key_file)
    other = sqlite3.connect(tmp_path / "sipwright.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.writer.put("call", "a", call("a"))
    await store.writer.drain()
    assert other.execute("SELECT count(*) FROM calls").fetchone() == (0,)
    other.execute("COMMIT")

    assert await store.load_calls("node1") == [call("a")]
    other.close()
    await store.close()


async def test_a_sqlite_outage_is_logged_once_and_survived_in_order(tmp_path: Path):
    path = tmp_path / "gone" / "sipwright.db"
    committer = SqliteCommitter(path)
    writer = Writer(committer)
    told: list[str] = []
    with capture_logs() as logs:
        writer.put("call", "a", call("a"), lambda: told.append("a"))
        await until(lambda: committer.failing_since is not None)
        writer.put("call", "a", None, lambda: told.append("gone"))
        assert writer.snapshot().failing_since is not None
        path.parent.mkdir()
        other = sqlite3.connect(path)
        other.execute(f"CREATE TABLE calls ({','.join(CallRow._fields)}, PRIMARY KEY (id))")
        other.commit()
        await writer.drain()

    assert told == ["a", "gone"]
    assert [entry["event"] for entry in logs] == [
        "database outage began; writes wait",
        "database outage over",
    ]
    await writer.close()
    assert other.execute("SELECT count(*) FROM calls").fetchone() == (0,)
    other.close()


async def test_a_sqlite_committer_stops_in_the_middle_of_an_outage(tmp_path: Path):
    committer = SqliteCommitter(tmp_path / "gone" / "sipwright.db")
    writer = Writer(committer)
    writer.put("call", "a", call("a"))
    await writer.close(patience=0.0)

    assert writer.snapshot().under_way == 1


@pytest.mark.peer("postgresql")
async def test_a_lost_postgres_connection_is_replaced(postgres_url: str, key_file: Path):
    store = await Store.open(postgres_url, key_file)
    store.writer.put("call", "a", call("a"))
    await store.writer.drain()
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    await store.database.write(lambda c: c.execute(text(kill + " AND datname = current_database()")))
    with capture_logs() as logs:
        store.writer.put("call", "b", call("b"))
        await store.writer.drain()

    assert [row.id for row in await store.load_calls("node1")] == ["a", "b"]
    assert [entry["event"] for entry in logs] == [
        "database outage began; writes wait",
        "database outage over",
    ]
    await store.close()


@pytest.mark.peer("postgresql")
async def test_a_postgres_committer_stops_in_the_middle_of_an_outage():
    from sipwright.store.writing.postgres_committer import PostgresCommitter

    async def refuse() -> Any:
        raise ConnectionRefusedError("nobody there")

    writer = Writer(PostgresCommitter(refuse))
    writer.put("call", "a", call("a"))
    await writer.close(patience=0.0)

    assert writer.snapshot().under_way == 1


# --- in the loop, or in the thread ---


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads in which batches were appended to the log."""
    places: list[str] = []

    def append(redo: RedoLog, rows: Rows) -> None:
        places.append(threading.current_thread().name)
        really_append(redo, rows)

    really_append = RedoLog.append
    monkeypatch.setattr(RedoLog, "append", append)
    monkeypatch.setattr(sqlite_committer, "_SLOW", 60.0)
    return places


LOOP, THREAD = "MainThread", "store-writer"


async def commit(store: Store, name: str) -> None:
    store.writer.put("call", name, call(name))
    await store.writer.drain()


async def ready(store: Store) -> None:
    """Wait until what earlier processes have left is applied."""
    await until(lambda: store.writer._committer._has_inherited)  # type: ignore[attr-defined]


async def test_sqlite_commits_in_the_loop_while_that_is_quick(
    sqlite_url: str, key_file: Path, places: list[str], monkeypatch: pytest.MonkeyPatch
):
    store = await Store.open(sqlite_url, key_file)
    await ready(store)
    await commit(store, "quick")
    monkeypatch.setattr(sqlite_committer, "_SLOW", -1.0)
    await commit(store, "slow")
    await commit(store, "after a slow one")

    assert places == [LOOP, LOOP, THREAD]
    stored = {row.id for row in await store.load_calls("node1")}
    assert stored == {"quick", "slow", "after a slow one"}
    await store.close()


async def test_the_loop_commits_again_soon_after_one_slow_commit_and_later_after_more(
    sqlite_url: str, key_file: Path, places: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sqlite_committer, "_RESPITES", (1.0, 100.0))
    store = await Store.open(sqlite_url, key_file)
    now = 1000.0
    tell = asyncio.get_running_loop().call_soon_threadsafe
    clock = SimpleNamespace(time=lambda: now, call_soon_threadsafe=tell)
    monkeypatch.setattr(store.writer._committer, "_loop", clock)
    await ready(store)
    for respite in (1.0, 2.0, 4.0):
        monkeypatch.setattr(sqlite_committer, "_SLOW", -1.0)
        await commit(store, f"slow before {respite}")
        monkeypatch.setattr(sqlite_committer, "_SLOW", 60.0)
        now += 0.9 * respite
        await commit(store, f"within {respite}")
        now += 0.1 * respite
        await commit(store, f"after {respite}")

    assert places == [LOOP, THREAD, LOOP] * 3
    await store.close()


async def test_a_sync_is_never_waited_for_by_the_loop(
    sqlite_url: str, key_file: Path, places: list[str], monkeypatch: pytest.MonkeyPatch
):
    synced: list[str] = []
    directories: list[str] = []
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.append(threading.current_thread().name))
    monkeypatch.setattr(os, "fsync", lambda _: directories.append(threading.current_thread().name))
    store = await Store.open(sqlite_url, key_file, synchronous="full")
    await ready(store)
    await commit(store, "first")
    await commit(store, "second")

    assert places == synced == [THREAD, THREAD]
    assert directories == [THREAD]
    await store.close()


async def test_a_full_disk_is_waited_for_by_the_thread(
    sqlite_url: str, key_file: Path, places: list[str], monkeypatch: pytest.MonkeyPatch
):
    store = await Store.open(sqlite_url, key_file)
    await ready(store)
    await commit(store, "first")
    write, room = os.pwritev, 0

    def pwritev(fd: int, buffers: Sequence[bytes], offset: int) -> int:
        return write(fd, [b"".join(buffers)[:7]] if not room else buffers, offset)

    monkeypatch.setattr(os, "pwritev", pwritev)
    with capture_logs() as logs:
        store.writer.put("call", "second", call("second"))
        await until(lambda: store.writer.snapshot().failing_since is not None)
        room = 1
        await store.writer.drain()

    assert places[:3] == [LOOP, LOOP, THREAD]
    assert [entry["event"] for entry in logs] == [
        "database outage began; writes wait",
        "database outage over",
    ]
    assert {row.id for row in await store.load_calls("node1")} == {"first", "second"}
    await store.close()

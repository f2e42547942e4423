"""One process that keeps an SQLite database, and the workers that hand it their batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from sipwright.folder_sockets import connect
from sipwright.services.leases import Fence
from sipwright.store import Store
from sipwright.store.schema import tables
from sipwright.store.schema.cluster_tables import leases
from sipwright.store.writing import handing_committer
from sipwright.store.writing import keeper as module
from sipwright.store.writing.handed_batches import SOCKET
from sipwright.store.writing.keeper import Keeper
from sipwright.store.writing.log import segments_in
from store.writing.batches import call, stored

FENCE = Fence("node:north", 3)


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    made = Keeper(tmp_path / "sipwright.db")
    await made.start(tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def workers(
    sqlite_url: str, key_file: Path, tmp_path: Path, keeper: Keeper
) -> AsyncIterator[list[Store]]:
    """Two workers, with their stores."""
    made = [await Store.open(sqlite_url, key_file, keeper=tmp_path) for _ in range(2)]
    yield made
    for each in made:
        await each.close()


def lease(connection: Connection, fence: int) -> None:
    connection.execute(insert(leases).values(name=FENCE.lease, owner="north/1", fence=fence, until=0.0))


async def committed(worker: Store, name: str, document: bytes = b"{}") -> None:
    """Store a call, and wait until that is told."""
    done = asyncio.Event()
    worker.writer.put("call", name, call(name, document), done.set)
    async with asyncio.timeout(60):
        await done.wait()


async def test_what_one_worker_stores_the_other_one_reads(workers: list[Store]):
    await committed(workers[0], "a")
    await committed(workers[1], "b")

    assert {row.id for row in await workers[0].load_calls("node1")} == {"a", "b"}


async def test_there_is_one_order_of_all_batches(workers: list[Store], tmp_path: Path):
    for number in range(20):
        await committed(workers[number % 2], "a", b"%d" % number)
    await workers[0].load_calls("node1")

    assert stored(tmp_path / "sipwright.db") == {"a": b"19"}
    assert len(segments_in(tmp_path / "sipwright.db-redo")) == 1


async def test_what_is_under_way_when_the_keeper_dies_is_handed_to_the_next_one(
    workers: list[Store], keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is in the log of the dead one, of which nobody was told, or was never read: it counts once in either case."""
    await committed(workers[0], "before")
    monkeypatch.setattr(module.Client, "say", lambda self, what: self.abort())
    waiting = asyncio.create_task(committed(workers[0], "a"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    monkeypatch.undo()
    await waiting
    await committed(workers[1], "b")

    assert {row.id for row in await workers[1].load_calls("node1")} == {"before", "a", "b"}
    assert not workers[0].writer.look()


async def test_workers_wait_for_a_keeper_that_is_away(
    sqlite_url: str, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(handing_committer, "NOTICED", 0.0)
    worker = await Store.open(sqlite_url, key_file, keeper=tmp_path)
    waiting = asyncio.create_task(committed(worker, "a"))
    while not worker.writer.look():  # noqa: ASYNC110 (nobody tells)
        await asyncio.sleep(0.005)
    keeper = Keeper(tmp_path / "sipwright.db")
    await keeper.start(tmp_path)
    await waiting
    await worker.close()
    await keeper.close()

    assert stored(tmp_path / "sipwright.db") == {"a": b"{}"}
    assert segments_in(tmp_path / "sipwright.db-redo") == []


async def test_nothing_is_committed_of_a_worker_that_was_taken_over(workers: list[Store]):
    lost = asyncio.Event()
    await workers[0].database.write(lambda c: lease(c, FENCE.number))
    workers[0].fence(FENCE, lost.set)
    await committed(workers[0], "a")
    await workers[1].database.write(lambda c: c.execute(update(leases).values(fence=FENCE.number + 1)))
    workers[0].writer.put("call", "b", call("b"), pytest.fail)
    async with asyncio.timeout(60):
        await lost.wait()

    assert [row.id for row in await workers[1].load_calls("node1")] == ["a"]
    await workers.pop(0).abandon()


async def test_a_row_that_cannot_be_written_costs_its_batch_and_no_more(workers: list[Store]):
    workers[0].writer.put("call", "bad", (object(),))
    await workers[0].writer.drain()
    await committed(workers[0], "good")

    assert [row.id for row in await workers[0].load_calls("node1")] == ["good"]


async def test_only_our_own_user_is_let_in(keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module.os, "geteuid", lambda: 4_711)
    monkeypatch.setattr(module, "_CREDENTIALS", Stranger())
    reader, writer = await asyncio.open_unix_connection(sock=connect(tmp_path, SOCKET))
    async with asyncio.timeout(60):
        assert await reader.read() == b""
    writer.close()


class Stranger:
    """Credentials of somebody else."""

    size = 12

    def unpack(self, data: bytes) -> tuple[int, int, int]:
        return 1, 1_000, 1_000


async def test_a_write_comes_after_what_was_committed_before(workers: list[Store]):
    await committed(workers[0], "a", b"before")

    def work(connection: Connection) -> bytes:
        connection.execute(update(tables.calls).values(document=b"written"))
        return connection.scalar(select(tables.calls.c.document)) or b""

    assert await workers[1].database.write(work) == b"written"
    assert [row.document for row in await workers[0].load_calls("node1")] == [b"written"]

"""What a worker asks of the process that keeps the tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sipwright.folder_sockets import listen
from sipwright.store.writing import keeper_link as module
from sipwright.store.writing.keeper import SOCKET
from sipwright.store.writing.keeper_link import KeeperLink


class FakeKeeper:
    """Takes workers, and answers when it is told to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.asked = asyncio.Event()
        self.bytes = 0

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_unix_server(self._came, sock=listen(self._folder, SOCKET, 8))

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        while data := await reader.read(100):
            self.bytes += len(data)
            self.asked.set()

    def answer(self, times: int) -> None:
        """Say so many times that it is done."""
        self.writer.write(b"\n" * times)

    async def die(self) -> None:
        """End, with all connections."""
        self.writer.transport.abort()
        self._server.close()
        self.asked.clear()
        self.bytes = 0


@pytest.fixture
async def keeper(tmp_path: Path) -> FakeKeeper:
    return FakeKeeper(tmp_path)


@pytest.fixture
async def link(
    tmp_path: Path, keeper: FakeKeeper, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[KeeperLink]:
    monkeypatch.setattr(module, "PAUSE", 0.001)
    made = KeeperLink(tmp_path)
    yield made
    made.close()
    await keeper.die()


async def test_who_has_waited_longest_goes_first(link: KeeperLink, keeper: FakeKeeper):
    await keeper.start()
    asked = [asyncio.create_task(link.apply()) for _ in range(3)]
    async with asyncio.timeout(60):
        while keeper.bytes < 3:
            keeper.asked.clear()
            await keeper.asked.wait()
        keeper.answer(1)
        await asked[0]
        done = [each.done() for each in asked]
        keeper.answer(2)
        await asyncio.gather(*asked)

    assert done == [True, False, False]


async def test_the_next_keeper_is_asked_for_what_the_dead_one_has_left(link: KeeperLink, keeper: FakeKeeper):
    await keeper.start()
    asked = asyncio.create_task(link.apply())
    async with asyncio.timeout(60):
        await keeper.asked.wait()
        await keeper.die()
        await keeper.start()
        await keeper.asked.wait()
        keeper.answer(1)
        await asked

    assert keeper.bytes == 1


async def test_it_is_not_waited_for_without_end(
    link: KeeperLink, keeper: FakeKeeper, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    await keeper.start()
    with pytest.raises(TimeoutError):
        await link.apply()
    async with asyncio.timeout(60):
        await keeper.asked.wait()

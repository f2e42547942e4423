"""Readers of events that come back, are slow, never read, or are a thousand: on a switch that runs."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from computing import fair_seconds
from conftest import StartSwitch
from interop.harness import Phone, free_port, is_listening, until
from sipwright.control.client import SwitchClient
from sipwright.control.events import LOST
from web.conftest import Rest, make_tokens

Event = dict[str, Any]
READERS = 1_000


@pytest.fixture(scope="module")
def rest(start_switch: StartSwitch) -> Rest:
    port = free_port()
    made = Rest(start_switch(WEB__LISTEN=f"127.0.0.1:{port}"), f"http://127.0.0.1:{port}")
    made.settings = {"WEB__LISTEN": f"127.0.0.1:{port}"}  # type: ignore[attr-defined]
    made.tokens = asyncio.run(make_tokens(made.switch, {"root": "root"}))
    wait_for_pages(made)
    return made


def wait_for_pages(rest: Rest) -> None:
    """Wait for the socket of the pages, which the switch opens once it listens itself."""
    port = int(rest.url.rpartition(":")[2])
    until(lambda: is_listening("127.0.0.1", port, "tcp"), "the pages listen")


class Reader:
    """One reader of the stream, who reads when asked to."""

    def __init__(self, rest: Rest, after: str | None = None, path: str = "/events") -> None:
        self._rest, self._after, self._path = rest, after, path

    async def __aenter__(self) -> Reader:
        self._reader, self._writer = await _connected(int(self._rest.url.rpartition(":")[2]))
        head = [
            f"GET /api/v1{self._path} HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {self._rest.tokens['root']}",
        ]
        if self._after is not None:
            head.append(f"Last-Event-ID: {self._after}")
        if self._path.endswith("/ws"):
            head += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]  # fmt: skip
        self._writer.write("\r\n".join([*head, "", ""]).encode())
        self.head = await self._reader.readuntil(b"\r\n\r\n")
        if not self._path.endswith("/ws"):
            await self._reader.readuntil(b": events of Sipwright\n\n")
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.transport.abort()

    async def next(self) -> Event:
        """Return the next event."""
        while True:
            line = await asyncio.wait_for(self._reader.readuntil(b"\n"), 60)
            if line.startswith(b"data: "):
                event: Event = json.loads(line[6:])
                return event

    async def until(self, word: str) -> list[Event]:
        """Return the events to the one that says that."""
        found = [await self.next()]
        while found[-1]["data"].get("word") != word:
            found.append(await self.next())
        return found


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect with hardly any room for what is not read."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    opened.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(opened, ("127.0.0.1", port))
    except OSError:
        opened.close()
        raise
    return await asyncio.open_connection(sock=opened, limit=1 << 20)


@asynccontextmanager
async def telling(rest: Rest) -> AsyncIterator[Any]:
    """Give what lets the switch tell of things that have happened elsewhere."""
    client = SwitchClient(rest.switch.data)

    async def tell(*words: str, **more: str) -> None:
        for first in range(0, len(words), 50):
            await asyncio.gather(*(
                client.request("events.publish", type="audit", data={"word": word, **more})
                for word in words[first : first + 50]
            ))  # fmt: skip

    yield tell
    await client.close()


def words(events: list[Event]) -> list[str]:
    return [event["data"]["word"] for event in events if "word" in event["data"]]


async def test_who_comes_back_goes_on_where_they_were(rest: Rest):
    async with telling(rest) as tell:
        async with Reader(rest) as reader:
            await tell("one")
            last = (await reader.until("one"))[-1]["id"]
        await tell("two", "three")
        async with Reader(rest, last) as reader:
            await tell("four")
            back = await reader.until("four")
        async with Reader(rest, back[0]["id"]) as reader:
            assert words(await reader.until("four")) == ["three", "four"]

    assert words(back) == ["two", "three", "four"]
    assert all(event["type"] == "audit" for event in back)


async def test_who_comes_back_after_a_restart_is_told_and_goes_on(rest: Rest):
    async with telling(rest) as tell, Reader(rest) as reader:
        await tell("before")
        last = (await reader.until("before"))[-1]["id"]
    await asyncio.to_thread(rest.switch.stop, signal.SIGKILL)
    await asyncio.to_thread(rest.switch.start, **rest.settings)  # type: ignore[attr-defined]
    await asyncio.to_thread(wait_for_pages, rest)
    async with telling(rest) as tell, Reader(rest, last) as reader:
        lost = await reader.next()
        await tell("after")
        seen = await reader.until("after")

    assert (lost["type"], lost["id"], lost["data"]) == (LOST, last, {"count": None})
    assert all(event["id"] > last for event in seen)
    assert "before" not in words(seen)


async def test_a_reader_who_does_not_read_loses_the_oldest_and_nobody_waits_for_them(rest: Rest):
    """A page that hangs, over both ways; a reader who reads hears everything meanwhile, and SIP goes on."""
    padding = {f"p{number}": "x" * 190 for number in range(15)}
    count, at_once = 6_000, 300
    async with telling(rest) as tell, Reader(rest) as quick, Reader(rest) as slow:
        async with Reader(rest, path="/events/ws") as deaf:
            assert deaf.head.startswith(b"HTTP/1.1 101")
            all_of_it: list[Event] = []
            for first in range(0, count, at_once):
                await tell(*map(str, range(first, first + at_once)), **padding)
                all_of_it += await quick.until(str(first + at_once - 1))
            with Phone(rest.switch.address) as phone, fair_seconds() as taken:
                assert phone.options().status == 200
        late = await slow.until(str(count - 1))

    def counted(events: list[Event]) -> int:
        lost = sum(event["data"]["count"] for event in events if event["type"] == LOST)
        return len(words(events)) + int(lost)

    assert counted(all_of_it) == counted(late) == count
    assert len(words(late)) < len(words(all_of_it))
    assert words(late)[-100:] == words(all_of_it)[-100:]
    assert taken() < 2.0


async def test_a_thousand_readers_hear_the_same(rest: Rest):
    async with telling(rest) as tell:
        readers = [Reader(rest) for _ in range(READERS)]
        try:
            for first in range(0, READERS, 50):
                await asyncio.gather(*(one.__aenter__() for one in readers[first : first + 50]))
            await tell("everybody")
            heard = await asyncio.gather(*(one.until("everybody") for one in readers))
        finally:
            for one in readers:
                await one.__aexit__()

    assert len({events[-1]["id"] for events in heard}) == 1

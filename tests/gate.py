"""A way to a database server that can be cut, or left open with nothing that comes through."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sipwright.event_loop import listen_no_more


class Gate:
    """Stands between a client and the socket that a database URL names, in a thread of its own."""

    def __init__(self, url: str) -> None:
        named = parse_qs(urlsplit(url).query)
        key = "unix_socket" if "unix_socket" in named else "host"
        where = Path(named[key][0])
        self._target = where if key == "unix_socket" else where / ".s.PGSQL.5432"
        self._folder = Path(tempfile.mkdtemp(prefix="gate-", dir="/tmp"))
        self._path = self._folder / ("socket" if key == "unix_socket" else ".s.PGSQL.5432")
        self.url = f"{url.partition('?')[0]}?{key}={self._path if key == 'unix_socket' else self._folder}"
        self._loop = asyncio.new_event_loop()
        self._is_open = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.open()

    def open(self) -> None:
        """Let everything through, also what has waited."""
        self._do(self._open())

    def hang(self) -> None:
        """Take connections and bytes, and hand nothing on: a server that was stopped, or a network that is cut."""
        self._do(self._hang())

    def cut(self) -> None:
        """End all connections, and take none: a server that has ended."""
        self._do(self._cut())

    def close(self) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self._folder)

    def _do(self, work) -> None:  # type: ignore[no-untyped-def]
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _open(self) -> None:
        if self._server is None:
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, self._path)
        self._is_open.set()

    async def _hang(self) -> None:
        self._is_open.clear()

    async def _cut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await listen_no_more(server)
            await asyncio.sleep(0)  # whoever was just let in is among the writers then
        self._path.unlink(missing_ok=True)
        self._is_open.set()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0.01)

    async def _end(self) -> None:
        await self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._is_open.wait()
            there, back = await asyncio.open_unix_connection(self._target)
            self._writers.add(back)
            await asyncio.gather(self._hand_on(reader, back), self._hand_on(there, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _hand_on(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self._is_open.wait()
                to.write(data)
                await to.drain()
        to.transport.abort()

"""The client of a running switch: requests over the control socket of the data folder, and the stream of events."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson

from sipwright.control.events import Event
from sipwright.control.notes import FORM, events_of
from sipwright.control.protocol import SOCKET, ControlError, write_request
from sipwright.control.shared_events import SharedEvents
from sipwright.errors import UserError
from sipwright.folder_sockets import connect

__all__ = ["SwitchAway", "SwitchClient"]

PATIENCE = 45.0
"""Seconds that an answer may take: longer than anything that a switch does about a request."""

LONGEST_ANSWER = 8 * 1024 * 1024


class SwitchAway(UserError):
    """No switch runs on the data folder, or it does not answer."""


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class SwitchClient:
    """Asks the switch of a data folder; it need not run when this is made, and may be started again meanwhile."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._connection: Connection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()
        self._shared = SharedEvents(self._listen)

    async def request(self, name: str, /, **arguments: Any) -> Any:
        """Ask for something, such as ``calls.hangup``, and return the answer.

        Raises:
            SwitchAway: There is no switch to ask.
            ControlError: The switch does not do it.
        """
        writer = await self._connected()
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            writer.write(write_request(number, name, arguments))
            async with asyncio.timeout(PATIENCE):
                return await answer
        except TimeoutError:
            raise SwitchAway(f"the switch did not answer {name!r} within {PATIENCE:g} s") from None
        finally:
            self._waiting.pop(number, None)

    async def events(self, after: str | None = None) -> AsyncIterator[Event]:
        """Give the events as they happen; with `after` those that came after that one first.

        A reader that was too slow gets an event of the type `LOST`.

        Raises:
            SwitchAway: There is no switch to ask, or it has gone.
        """
        last = after or ""
        async with aclosing(self._listen(after)) as lines:
            async for said in lines:
                if "lost" in said:
                    yield Event.lost(said["lost"], last, time.time())
                for event in events_of(said):
                    last = event.id
                    yield event

    def follow(self, after: str | None = None) -> AsyncGenerator[Event]:
        """Give the events for ever, also of a switch that is started later, or again; it is read once for all."""
        return self._shared.follow(after)

    async def _listen(self, after: str | None) -> AsyncGenerator[dict[str, Any]]:
        """Give what the switch says after the request for its events."""
        reader, writer = await self._open()
        try:
            since = {} if after is None else {"after": after}
            writer.write(write_request(0, "events", {"notes": FORM, **since}))
            while line := await _line_of(reader):
                said = orjson.loads(line)
                if "error" in said:
                    raise ControlError.from_json(said["error"])
                yield said
        finally:
            writer.close()
        raise SwitchAway(self._away())

    async def close(self) -> None:
        """Give back the connections."""
        self._shared.close()
        reading, self._reading = self._reading, None
        connection, self._connection = self._connection, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if connection is not None:
            connection[1].transport.abort()  # a task that had not begun to read yet closes nothing

    async def _connected(self) -> asyncio.StreamWriter:
        async with self._connecting:
            if self._connection is None:
                self._connection = await self._open()
                self._reading = asyncio.create_task(self._read(self._connection))
            return self._connection[1]

    async def _open(self) -> Connection:
        try:
            return await asyncio.open_unix_connection(
                sock=connect(self._folder, SOCKET), limit=LONGEST_ANSWER
            )
        except OSError:
            raise SwitchAway(self._away()) from None

    def _away(self) -> str:
        return f"no switch runs with the data folder {self._folder}; start it with 'sipwright run'"

    async def _read(self, connection: Connection) -> None:
        """Hand each answer to whoever waits for it, until the switch has gone."""
        reader, writer = connection
        try:
            while line := await _line_of(reader):
                self._take(orjson.loads(line))
        finally:
            if self._connection is connection:
                self._connection = None
            writer.close()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(SwitchAway(self._away()))

    def _take(self, parts: dict[str, Any]) -> None:
        answer = self._waiting.get(parts.get("id") or 0)
        if answer is None or answer.done():
            return
        if "error" in parts:
            answer.set_exception(ControlError.from_json(parts["error"]))
        else:
            answer.set_result(parts.get("answer"))


async def _line_of(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readline()
    except (OSError, ValueError):
        return b""
    return line if line.endswith(b"\n") else b""

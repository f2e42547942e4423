"""Events of other nodes, for those who read here; and those of this node, for those who read elsewhere.

A node whose events are read asks all others for theirs, again and again while that goes on. Those put them into the
database, a row for many of them, and on the bus, if there is one. Each row says which event it follows on. So whoever
reads them, from both, takes each once and misses none; and a node whose events nobody reads makes none.

::

    north, where somebody reads            south
      |--- events.want ------------------->|  tells from now on: `last`
      |<-- events after `last` ------------|  over the bus, at once
      |<-- the same -----------------------|  in the database
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import orjson
import structlog

from sipwright.cluster.bus import Bus
from sipwright.control.notes import FORM, notes_of
from sipwright.control.protocol import ControlError, Request
from sipwright.ending import end
from sipwright.errors import UserError
from sipwright.store.database import Database
from sipwright.store.errors import StoreError
from sipwright.store.live.node_events import ToldRow, forget_told, put_told, read_told

from ..event_stream import KEPT_FOR, EventStream, Told

__all__ = ["EventsFromOthers", "EventsToOthers"]

log = structlog.get_logger(__name__)

SUBJECT = "events"

WANTED_FOR = 15.0
"""Seconds for which a node tells another one, unless that asks again."""

ASK_EVERY = 5.0
"""Seconds after which it asks again."""

MOST_UNTOLD = 4 * 1_048_576
"""Bytes of events that wait for the database; then the oldest are lost, and whoever reads is told."""

READY_WITHIN = 1.0
"""Seconds that the first reader waits for the other nodes to tell."""

FORGET_EVERY = 30.0

Ask = Callable[..., Awaitable[Any]]


class EventsToOthers:
    """Tells other nodes what happens here, while one wants to know."""

    def __init__(
        self, stream: EventStream, database: Database, node: str, bus: Bus | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._stream = stream
        self._database = database
        self._node = node
        self._bus = bus
        self._clock = clock
        self._wanted: dict[str, float] = {}
        self._cannot_read_notes: set[str] = set()
        self._after = self._number = 0
        self._untold: deque[tuple[int, bytes]] = deque()
        self._waiting = 0
        self._forgot_at = 0.0

    @property
    def is_wanted(self) -> bool:
        """Whether another node wants to know."""
        return bool(self._wanted)

    @property
    def takes_notes(self) -> bool:
        """Whether all of them can read notes: an older version, in an upgrade of one node after the other, cannot."""
        return self._cannot_read_notes.isdisjoint(self._wanted)

    def want(self, request: Request) -> dict[str, Any]:
        """Tell from now on, for a while."""
        is_new = not self._wanted
        if is_new:
            self._stream.relay(self)
            self._after = self._number = int(self._stream.last_id)
        name = request.text("by")
        if request.arguments.get("notes") == FORM:
            self._cannot_read_notes.discard(name)
        else:
            self._cannot_read_notes.add(name)
        is_new_reader = name not in self._wanted
        self._wanted[name] = self._clock() + WANTED_FOR
        return {"last": int(self._stream.last_id), "is_new": is_new_reader}

    def take(self, told: list[Told]) -> None:
        """Take events of this node."""
        before, self._number = self._number, int(self._stream.last_id)
        lines = b"".join([each.line for each in told])
        if self._bus is not None:
            self._bus.publish(SUBJECT, _written(self._node, before, self._number, lines))
        self._untold.append((self._number, lines))
        self._waiting += len(lines)
        while self._waiting > MOST_UNTOLD:
            self._after = self._drop()

    async def look(self) -> None:
        """Put what has happened into the database, and tell no more when nobody wants to know.

        Raises:
            StoreError: The database is away.
        """
        now = self._clock()
        for name in [name for name, until in self._wanted.items() if until <= now]:
            del self._wanted[name]
            if not self._wanted:
                self._stream.relay(None)
        if self._untold:
            told, number = b"".join(lines for _, lines in self._untold), self._untold[-1][0]
            row = ToldRow(self._node, number, self._after, told)
            await self._database.write(lambda c: put_told(c, row), of_nodes=False)
            self._after = max(self._after, number)
            while self._untold and self._untold[0][0] <= number:
                self._drop()
        if now > self._forgot_at + FORGET_EVERY and self.is_wanted:
            self._forgot_at = now
            await self._database.write(lambda c: forget_told(c, self._node), of_nodes=False)

    def _drop(self) -> int:
        """Keep the oldest no more; returns the number of its last event."""
        number, lines = self._untold.popleft()
        self._waiting -= len(lines)
        return number


class EventsFromOthers:
    """Takes the events of other nodes into the stream of this one, while somebody reads that."""

    def __init__(
        self, stream: EventStream, database: Database, node: str, ask: Ask, others: Callable[[], Iterable[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """Get ready; `others` gives the names of the other nodes that live."""
        self._stream = stream
        self._database = database
        self._node = node
        self._ask = ask
        self._others = others
        self._clock = clock
        self._seen: dict[str, int] = {}
        self._asked_at: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._read_at = float("-inf")

    @property
    def is_reading(self) -> bool:
        """Whether somebody reads here, or has done so a moment ago."""
        if len(self._stream):
            self._read_at = self._clock()
        return self._clock() < self._read_at + KEPT_FOR

    async def ready(self) -> None:
        """Wait until the other nodes tell what happens, for somebody who begins to read; not for long."""
        self._read_at = self._clock()
        self.ask_all()
        waiting = [task for name, task in self._asking.items() if name not in self._seen]
        if waiting:
            await asyncio.wait(waiting, timeout=READY_WITHIN)

    async def look(self) -> None:
        """Read what others have told, and ask them to go on.

        Raises:
            StoreError: The database is away.
        """
        if not self.is_reading:
            self._seen.clear()
            self._asked_at.clear()
            return
        self.ask_all()
        if self._seen:
            for row in await self._database.read(lambda c: read_told(c, self._seen), of_nodes=False):
                self._take(row, is_stored=True)

    def heard(self, data: bytes) -> None:
        """Take what came over the bus; what something is missing before is found in the database."""
        node, after, number, told = _read(data)
        self._take(ToldRow(node, number, after, told), is_stored=False)

    async def close(self) -> None:
        """Ask no more."""
        await end(self._asking.values())

    def ask_all(self) -> None:
        """Ask those others that have not been asked for a while."""
        now = self._clock()
        for name in self._others():
            if name not in self._asking and now >= self._asked_at.get(name, float("-inf")) + ASK_EVERY:
                task = asyncio.get_running_loop().create_task(self._ask_one(name), name=f"events of {name}")
                self._asking[name] = task
                task.add_done_callback(partial(self._answered, name))

    def _answered(self, name: str, _task: object) -> None:
        del self._asking[name]

    async def _ask_one(self, name: str) -> None:
        self._asked_at[name] = self._clock()
        try:
            answer = await self._ask(name, "events.want", by=self._node, notes=FORM)
        except (ControlError, StoreError, UserError, OSError) as error:
            log.debug("another node does not tell its events", node=name, error=str(error))
            self._asked_at.pop(name, None)
            return
        last = int(answer["last"])
        if name not in self._seen:
            self._seen[name] = last
        elif answer["is_new"] and last > self._seen[name]:
            self._seen[name] = last  # it was started again, or has not heard from us for long
            self._stream.tell_lost()

    def _take(self, row: ToldRow, *, is_stored: bool) -> None:
        seen = self._seen.get(row.node)
        if seen is None or row.number <= seen:
            return
        if row.after > seen:
            if not is_stored:
                return
            self._stream.tell_lost()
        self._seen[row.node] = row.number
        for line in row.told.splitlines():
            self._stream.tell_of(note for number, note in notes_of(orjson.loads(line)) if number > seen)


def _written(node: str, after: int, number: int, lines: bytes) -> bytes:
    return orjson.dumps([node, after, number]) + b"\n" + lines


def _read(data: bytes) -> tuple[str, int, int, bytes]:
    head, _, told = data.partition(b"\n")
    node, after, number = orjson.loads(head)
    return node, after, number, told

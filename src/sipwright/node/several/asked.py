"""What other nodes ask this one for: rows of the database, looked for several times a second.

Each is taken under the fence of this node, so a node that was taken for dead does nothing that is another one's by now.
What it is asked for is what its control socket lets be asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Protocol

import orjson
import structlog

from sipwright.control.protocol import Request
from sipwright.ending import end
from sipwright.services.leases import Fence
from sipwright.store.database import Database
from sipwright.store.errors import FencedError, StoreError
from sipwright.store.live.node_requests import (
    MOST_AT_ONCE,
    AskedRow,
    answer_request,
    forget_requests,
    read_requests,
    take_request,
)
from sipwright.store.writing.board import REQUESTS

from ..control_server import Handler, answer_to

__all__ = ["Asked"]

log = structlog.get_logger(__name__)

MOST_PENDING = 32
"""Requests of other nodes that are under way."""

ATTEMPTS = 5
"""How often an answer is stored again that could not be."""


class Owner(Protocol):
    """The node as one of several."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def fence(self) -> Fence:
        """What every write of it names."""

    def may_act(self) -> bool:
        """Return whether nobody else can have taken over by now."""


class Asked:
    """Does what other nodes ask for, once it has `handlers`."""

    def __init__(self, database: Database, owner: Owner, handlers: Mapping[str, Handler]) -> None:
        self._database = database
        self._owner = owner
        self._handlers = handlers
        self._news = database.glance(REQUESTS)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    async def look(self) -> None:
        """Look for what is asked, and begin to do it.

        Raises:
            StoreError: The database is away.
        """
        if len(self._tasks) >= MOST_PENDING or not self._owner.may_act() or not self._news():
            return
        found = await self._database.read(lambda c: read_requests(c, self._owner.name), of_nodes=False)
        for row in found:
            if row.id not in self._tasks and len(self._tasks) < MOST_PENDING:
                task = asyncio.get_running_loop().create_task(
                    self._do(row), name=f"asked for {row.name[:50]}"
                )
                self._tasks[row.id] = task
                task.add_done_callback(partial(self._done, row.id))
        if len(found) < MOST_AT_ONCE and all(row.id in self._tasks for row in found):
            self._news.seen()

    def _done(self, request_id: str, _task: object) -> None:
        del self._tasks[request_id]

    async def forget(self) -> None:
        """Delete what nobody wants to know of any more.

        Raises:
            StoreError: The database is away.
        """
        await self._database.write(forget_requests, of_nodes=False)

    async def close(self) -> None:
        """Begin nothing more, and leave what is under way."""
        await end(self._tasks.values())

    async def _do(self, row: AskedRow) -> None:
        try:
            fence = self._owner.fence
            taken = await self._database.write(
                lambda c: take_request(c, row.id, self._owner.name, fence), of_nodes=False
            )
            if taken:
                request = Request(0, row.name, orjson.loads(row.arguments))
                await self._answer(row, await answer_to(self._handlers.get(row.name), request))
        except (StoreError, FencedError, OSError) as error:
            self._news.again()  # it may not have been taken
            log.debug("request of another node not done", name=row.name, error=str(error))

    async def _answer(self, row: AskedRow, answer: bytes) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._database.write(
                    lambda c: answer_request(c, row.id, answer.decode()), of_nodes=False
                )
                return
            except (StoreError, OSError):
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(attempt)

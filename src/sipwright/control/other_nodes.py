"""What another node is asked for: a row of the database that both share, and nothing depends on what is between them.

A node looks for what it is asked several times a second; a bus, where there is one, only lets it look sooner. What a
node has not begun within a second is withdrawn, and was not done: nobody learns a minute later that a call was ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from secrets import token_hex
from typing import Any

import orjson

from sipwright.control.protocol import ControlError
from sipwright.store.database import Database
from sipwright.store.live.node_requests import (
    NOT_KNOWN,
    StoredAnswer,
    ask_node,
    read_answer,
    withdraw_request,
)

__all__ = ["NoSuchNode", "NodeSilent", "OtherNodes"]

BEGUN_WITHIN = 0.9
"""Seconds within which a node that lives has begun what it was asked for."""

PATIENCE = 45.0
"""Seconds that an answer may take: longer than anything that a switch does about a request."""

FIRST_LOOK = 0.02
LONGEST_LOOK = 0.1
"""Seconds between two looks for an answer: few at first, more the longer it takes."""


class NoSuchNode(ControlError):
    """A name that no other node has."""

    def __init__(self, node: str) -> None:
        super().__init__("not_found", f"there is no node {node!r}", field="node")


class NodeSilent(ControlError):
    """A node that has not begun what it was asked for: it is not done."""

    def __init__(self, node: str) -> None:
        why = f"node {node} does not answer, so nothing was done; if it is lost, its calls go on at another one soon"
        super().__init__("unavailable", why, retry_after=5.0)


class OtherNodes:
    """Asks other nodes, over the database."""

    def __init__(
        self,
        database: Database,
        hint: Callable[[str], object] = bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Get ready; `hint` lets a node look at once, where that can be done."""
        self._database = database
        self._hint = hint
        self._clock = clock

    async def ask(self, node: str, name: str, /, **arguments: Any) -> Any:
        """Ask a node for something, such as ``calls.hangup``, and return the answer.

        Raises:
            NoSuchNode: No node is called so.
            NodeSilent: It does not answer, and nothing was done.
            ControlError: It does not do that.
            StoreError: The database is away.
        """
        request_id, text = token_hex(10), orjson.dumps(arguments).decode()
        if not await self._write(lambda c: ask_node(c, request_id, node, name, text, PATIENCE)):
            raise NoSuchNode(node)
        self._hint(node)
        started, wait = self._clock(), FIRST_LOOK
        while True:
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, LONGEST_LOOK)
            found = await self._database.read(lambda c: read_answer(c, request_id), of_nodes=False)
            if found is None or found.state == "done":
                return _read(found)
            waited = self._clock() - started
            if found.state == "asked" and waited >= BEGUN_WITHIN:
                if await self._write(lambda c: withdraw_request(c, request_id)):
                    raise NodeSilent(found.node)
            elif waited >= PATIENCE:
                return _read(None)

    async def _write(self, work: Callable[[Any], bool]) -> bool:
        return await self._database.write(work, of_nodes=False)


def _read(found: StoredAnswer | None) -> Any:
    said = orjson.loads(NOT_KNOWN if found is None or found.answer is None else found.answer)
    if "error" in said:
        raise ControlError.from_json(said["error"])
    return said.get("answer")

"""What nodes ask of each other and tell each other: over the database, and sooner where there is a bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import structlog

from sipwright.cluster.bus import Bus
from sipwright.control.other_nodes import OtherNodes
from sipwright.control.protocol import Request
from sipwright.store.errors import StoreError

from ..control_server import Handler
from ..dialog_watch import DialogWatch
from .asked import Asked
from .events_elsewhere import SUBJECT, EventsFromOthers, EventsToOthers
from .shared_lamps import SharedLamps

if TYPE_CHECKING:
    from sipwright.cluster.membership import Membership
    from sipwright.store.database import Database

    from ..event_stream import EventStream

__all__ = ["Exchange"]

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.25
"""Seconds between two looks for what is asked."""

READ_EVERY = 0.1
"""Seconds between two looks while events are read at one node that another one tells."""

LOOK_EVERY_WITH_BUS = 0.5
"""Seconds between two looks where a bus says when there is something to see."""

LOOK_EVERY_WITH_LINKS = 0.5
"""The same where there are no other nodes than the workers of one switch, who tell each other over their links."""

FORGET_EVERY = 30.0


class Exchange:
    """One node's side of it, from `start` to `close`."""

    def __init__(
        self, database: Database, membership: Membership, stream: EventStream, handlers: dict[str, Handler],
        dialogs: DialogWatch, bus: Bus | None = None,
    ) -> None:  # fmt: skip
        """Get ready; `handlers` is what can be asked for, and gets what others may ask for besides."""
        self._membership = membership
        self._bus = bus
        self.asker = OtherNodes(database, self._hint)
        self._asked = Asked(database, membership, handlers)
        self._to_others = EventsToOthers(stream, database, membership.name, self._bus)
        self.from_others = EventsFromOthers(stream, database, membership.name, self.asker.ask, self._others)
        self._hinted = asyncio.Event()
        self.on_hint: Callable[[str], object] = bool
        """Is told the name of a node that had better look, for those who can be told sooner."""
        self._is_failing = False
        self._lamps = SharedLamps(
            dialogs, database, membership.name, self.asker.ask, self._others, self._hint
        )
        handlers |= {
            "events.want": self._to_others.want, "lamps.want": self._lamps.want, "nodes.hint": self._pass_hint,
        }  # fmt: skip

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """Return what goes on while the node runs."""
        return [self._run(), self._keep_forgetting()]

    async def start(self) -> None:
        """Listen to the bus, if there is one."""
        if self._bus is not None:
            await self._bus.listen(SUBJECT, self.from_others.heard)
            await self._bus.listen(_hint_to(self._membership.name), lambda _: self._hinted.set())
            await self._bus.start()

    async def close(self) -> None:
        """Ask, tell and do nothing more."""
        await self.from_others.close()
        await self._lamps.close()
        await self._asked.close()
        if self._bus is not None:
            await self._bus.close()

    async def look(self) -> None:
        """Look once for what is asked and told.

        Raises:
            StoreError: The database is away.
        """
        await self._asked.look()
        await self._lamps.look()
        await self._to_others.look()
        await self.from_others.look()

    async def _run(self) -> None:
        while not self._membership.is_lost:
            try:
                async with asyncio.timeout(self._pause()):
                    await self._hinted.wait()
            except TimeoutError:
                pass
            self._hinted.clear()
            try:
                await self.look()
                self._is_failing = False
            except Exception as error:  # the root of a task: whatever fails now may work in a moment
                if not self._is_failing:
                    ours = not isinstance(error, StoreError | OSError)
                    what = str(error) or type(error).__name__
                    log.error("what other nodes ask and tell cannot be read", error=what, exc_info=ours)
                self._is_failing = True

    async def _keep_forgetting(self) -> None:
        while True:
            await asyncio.sleep(FORGET_EVERY)
            try:
                await self._asked.forget()
            except (StoreError, OSError) as error:
                log.debug("old requests not deleted", error=str(error))

    def _pause(self) -> float:
        if self._bus is not None and self._bus.is_there:
            return LOOK_EVERY_WITH_BUS
        if self._to_others.is_wanted or self.from_others.is_reading:
            return READ_EVERY
        are_all_linked = self._membership.beside.issuperset(self._membership.living())
        return LOOK_EVERY_WITH_LINKS if are_all_linked else LOOK_EVERY

    def _others(self) -> list[str]:
        return [name for name in self._membership.living() if name != self._membership.name]

    def hinted(self) -> None:
        """Look at once for what is asked."""
        self._hinted.set()

    def _hint(self, node: str) -> None:
        self.on_hint(node)
        if self._bus is not None:
            self._bus.publish(_hint_to(node), b"")

    def _pass_hint(self, request: Request) -> dict[str, Any]:
        """Let another node look for what somebody has asked it for."""
        self._hint(request.text("node"))
        return {}


def _hint_to(node: str) -> str:
    """Return the subject of hints to a node, whatever letters its name has."""
    return f"hint.{blake2b(node.encode(), digest_size=8).hexdigest()}"

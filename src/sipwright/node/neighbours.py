"""What a node has to do with the others of its database.

It joins them, goes on with the calls of one that is lost, and ends when it was taken for lost itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

import structlog

from sipwright.cluster.membership import Itself, Membership
from sipwright.services.leases import LeaseRow
from sipwright.services.rows import CallRow
from sipwright.store.live.node_register import Adopted, NodeRegister

from .script_bridge import Scripts, StoredRun

if TYPE_CHECKING:
    from sipwright.config import Settings
    from sipwright.services.agent import Agent
    from sipwright.services.notifier import Notifier
    from sipwright.stack import Stack
    from sipwright.store import Store

    from .dialog_watch import DialogWatch

__all__ = ["HOME", "Neighbours", "Parts"]

log = structlog.get_logger(__name__)

HOME = "sipwright.node"
"""The file in the data folder that tells it apart from all others."""

PATIENCE = 3.0
"""For how many seconds a node that stops tries to say so."""

TakeUp = Callable[[Sequence[CallRow], Iterable[StoredRun]], Awaitable[None]]


class Parts(Protocol):
    """The parts of a node that go on with what another one has left."""

    settings: Settings
    store: Store
    stack: Stack
    scripts: Scripts
    notifier: Notifier
    dialog_watch: DialogWatch
    agent: Agent


class Neighbours:
    """The other nodes, as one sees them."""

    def __init__(self, membership: Membership, register: NodeRegister) -> None:
        self.membership = membership
        self.lost = asyncio.Event()
        """Set when another node has taken over from this one: it has to end, without another word."""
        self._register = register
        self._is_holding = False

    @classmethod
    async def join(cls, settings: Settings, store: Store) -> Neighbours:
        """Take this node's place among the others.

        Raises:
            NameTaken: Another node of this name lives.
            StoreError: The database is away.
        """
        register = NodeRegister(store.database)
        home = await asyncio.to_thread(_home, settings.data_dir / HOME)
        itself = Itself(settings.node, home, metadata.version("sipwright"))
        membership = Membership(register, itself, settings.cluster.lost_after)
        fence = await membership.join()
        store.fence(fence, membership.lost)
        return cls(membership, register)

    def serve(self, parts: Parts, take_up: TakeUp) -> None:
        """Let a node go on with what others leave; `take_up` goes on with calls and runs."""
        self._parts, self._take_up = parts, take_up
        self.membership.on_lost = self._was_lost
        self.membership.on_stall = self._stalled
        self.membership.relieve = self._relieve

    async def leave(self) -> None:
        """Say that this node stops; its calls are its own for as long as its lease lasts."""
        with suppress(Exception):  # nothing depends on it
            async with asyncio.timeout(PATIENCE):
                await self.membership.say("stopped")

    def _was_lost(self) -> None:
        self._parts.stack.stop_listening()
        self.lost.set()

    def _stalled(self, is_in_doubt: bool) -> None:
        """Look at nothing that comes in until it is known whether our calls are still ours."""
        if is_in_doubt and not self._is_holding:
            self._is_holding = True
            self._parts.stack.hold()
        elif not is_in_doubt and self._is_holding:
            self._is_holding = False
            self._parts.stack.release()

    async def _relieve(self, name: str, seen: LeaseRow | None) -> bool:
        """Take over from a node, in the database first."""
        membership, parts = self.membership, self._parts
        adopted = await self._register.adopt(
            membership.fence, membership.owner, membership.itself.name, name, seen
        )
        if adopted is None:
            return False
        runs = await parts.scripts.with_plans(
            [row for row in adopted.executions if row.id in adopted.journals], adopted.journals
        )
        await self._go_on(adopted, runs)
        log.warning(
            "the calls of another node are taken over",
            from_node=name, calls=len(adopted.calls), scripts=len(adopted.executions),
            registrations=len(adopted.registrations),
        )  # fmt: skip
        return True

    async def _go_on(self, adopted: Adopted, runs: list[StoredRun]) -> None:
        parts = self._parts
        parts.dialog_watch.hold()
        subscribers = parts.notifier.recover(adopted.subscriptions)
        # As at a start, nothing that comes in is looked at before every call is there.
        parts.stack.hold()
        try:
            await self._take_up(adopted.calls, runs)
        finally:
            parts.dialog_watch.fill()
            parts.stack.release()
        parts.notifier.resume(subscribers)
        parts.agent.adopt(adopted.registrations)


def _home(path: Path) -> str:
    """Return what names a data folder, made when it is first asked for."""
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        home = token_hex(8)
        path.write_text(home + "\n", "ascii")
        return home

"""What every use case stands on: the database, the settings, and the running switch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection

from sipwright.config import Settings
from sipwright.control.client import SwitchAway, SwitchClient
from sipwright.control.other_nodes import NoSuchNode, OtherNodes
from sipwright.control.protocol import ControlError
from sipwright.errors import UserError
from sipwright.store.admin.administration import Administration
from sipwright.usecases.audit_spool import AuditSpool
from sipwright.usecases.errors import (
    Conflict,
    Invalid,
    NotFound,
    Refused,
    Unavailable,
    UseCaseError,
    translated,
)
from sipwright.usecases.trail import Noted, Told, noting

__all__ = ["Ground"]

log = structlog.get_logger(__name__)

T = TypeVar("T")

_PATIENCE = 5.0
"""Seconds that a switch may take to take a change."""

RECORD_AGAIN = 2.0
"""Seconds until it is tried again to write down what was done while the database was away."""

MOST_TOLD = 100
"""Events on their way to the switch that nobody waits for: what comes on top of them is not told."""


class Ground:
    """The database, the settings and the switch, with the errors of this layer."""

    def __init__(self, administration: Administration, settings: Settings, switch: SwitchClient) -> None:
        self.administration = administration
        self.keys = administration.keys
        self.settings = settings
        self.switch = switch
        self.others = OtherNodes(administration.database, self._let_look)
        self.unix_time: Callable[[], float] = time.time
        self._telling: set[asyncio.Task[None]] = set()
        self._spool = AuditSpool(settings.data_dir)

    @property
    def now(self) -> float:
        """The time by which the switch stores what it does."""
        return self.administration.clock()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read in one transaction.

        Raises:
            Unavailable: The database is away.
        """
        with translated():
            return await self.administration.database.read(work)

    async def look(self, work: Callable[[Connection], T]) -> T:
        """Read what no node writes, in one transaction."""
        with translated():
            return await self.administration.database.read(work, of_nodes=False)

    async def keep(self, work: Callable[[Connection], T]) -> T:
        """Write what no node reads, in one transaction."""
        found, told = await self._write(work, of_nodes=False)
        await self._ask_patiently([], told)
        return found

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Change something in one transaction, and let the switch take the change before this returns.

        Raises:
            Unavailable: The database is away, and nothing is changed.
        """
        found, told = await self._write(work)
        await self._ask_patiently(["changes.apply"], told)
        return found

    async def change_quietly(self, work: Callable[[Connection], T]) -> T:
        """Change in one transaction what no switch has in memory.

        Raises:
            Unavailable: The database is away, and nothing is changed.
        """
        found, told = await self._write(work)
        await self._ask_patiently([], told)
        return found

    async def record(self, noted: Noted) -> None:
        """Write down what the switch has done already: nobody is told that it was not, since the database is away.

        Until it is written it is on disk: this process may end before the database is back.
        """
        path = await asyncio.to_thread(self._spool.put, noted)
        with self._spool.held(alone=False) as is_ours:
            if path is None or is_ours:
                try:
                    await self.keep(noted.write)
                except Unavailable as error:
                    log.warning(
                        "what was done is not in the audit yet", error=str(error), **_lost(noted, path)
                    )
                else:
                    self._spool.take_away(path)
                    return

    async def watch_what_waits(self) -> None:
        """Write for as long as this goes on what others have not written down, such as a command that has ended."""
        while True:
            await self.record_what_waits()
            await asyncio.sleep(RECORD_AGAIN)

    async def record_what_waits(self) -> bool:
        """Write what waits on disk, and return whether nothing does any more."""
        if not self._spool.is_used():
            return True
        with self._spool.held(alone=True) as is_alone:
            if not is_alone:
                return False
            for path, noted in await asyncio.to_thread(self._spool.waiting):
                try:
                    await self.keep(noted.write_once)
                except Unavailable:
                    return False
                self._spool.take_away(path)
        return True

    def tell(self, *told: Told) -> None:
        """Let whoever reads the events of the switch know, while this goes on."""
        if len(self._telling) < MOST_TOLD:
            task = asyncio.get_running_loop().create_task(self._ask_patiently([], told), name="telling")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def hint(self, name: str, /, **arguments: Any) -> None:
        """Let the switch know something that nobody waits for; what is too much of it is not told."""
        if len(self._telling) < MOST_TOLD:
            task = asyncio.get_running_loop().create_task(self._hint(name, arguments), name="hinting")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _hint(self, name: str, arguments: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await self.switch.request(name, **arguments)
        except (UserError, TimeoutError):
            pass  # no switch runs, and so nobody is banned

    async def close(self) -> None:
        """Finish telling."""
        await asyncio.gather(*self._telling)

    async def _write(self, work: Callable[[Connection], T], *, of_nodes: bool = True) -> tuple[T, list[Told]]:
        def with_newest_key(connection: Connection) -> T:
            self.keys.follow_file()
            return work(connection)

        with translated():
            return await self.administration.database.write(noting(with_newest_key), of_nodes=of_nodes)

    async def _ask_patiently(self, names: Sequence[str], told: Sequence[Told]) -> None:
        """Ask for what a switch does by itself a little later, or what is lost without one."""
        try:
            async with asyncio.timeout(_PATIENCE):
                for name in names:
                    await self.switch.request(name)
                for event in told:
                    await self.switch.request("events.publish", **event)
        except (UserError, TimeoutError):
            pass  # a change is in the feed, which the switch reads by itself; and nobody reads events of none

    async def ask(self, name: str, /, **arguments: Any) -> Any:
        """Ask the switch for something that only it can do.

        Raises:
            Unavailable: No switch runs.
            UseCaseError: The switch does not do it.
        """
        try:
            return await self.switch.request(name, **arguments)
        except SwitchAway as error:
            raise Unavailable(str(error), outside="the switch does not answer now") from error
        except UserError as error:
            raise _said(error) from error

    async def ask_at(self, node: str, name: str, /, **arguments: Any) -> Any:
        """Ask the switch that has something, which may be another node of this database, for what only it can do.

        Raises:
            Unavailable: It does not run, or does not answer: nothing was done.
            UseCaseError: It does not do it.
        """
        if node == self.settings.node:
            return await self.ask(name, **arguments)
        try:
            with translated():
                return await self.others.ask(node, name, **arguments)
        except NoSuchNode:
            return await self.ask(name, **arguments)  # one node alone, which has another name by now
        except ControlError as error:
            raise _said(error) from error

    def _let_look(self, node: str) -> None:
        """Let another node know at once that it is asked for something, if there is a bus, or it is a worker."""
        if self.settings.cluster.nats or self.settings.run.workers > 1:
            self.hint("nodes.hint", node=node)


def _lost(noted: Noted, path: Path | None) -> dict[str, Any]:
    """Return what the log says of a row that not even the disk has: all of it."""
    return {} if path is not None else {"audit": noted.as_json()}


def _said(error: UserError) -> UseCaseError:
    """Say in the words of this layer what the switch has said."""
    text = str(error)
    match getattr(error, "kind", None):
        case "invalid":
            return Invalid.of(getattr(error, "field", None), text)
        case "not_found":
            return NotFound(text)
        case "refused":
            return Refused(text)
        case "conflict":
            return Conflict(text)
    return Unavailable(text, getattr(error, "retry_after", None) or 2.0)

"""The status page: whether everything works, and what does not, in words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Forbidden, Unavailable, UseCaseError
from sipwright.usecases.ground import Ground
from sipwright.usecases.rights import Needs, allow, needs
from sipwright.usecases.status_history import StatusHistory, StatusSeries

__all__ = ["COUNTS", "PartStatus", "Status", "StatusView"]

EVERY = 10.0
"""Seconds between two looks at everything, whether somebody reads the page or not."""

DAY = 86_400.0

COUNTS = ("calls", "legs", "phones", "scripts", "refused", "readers")
"""What is counted, for admins."""


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part of the switch; `milliseconds` is how long it took to answer."""

    part: str
    node: str
    up: bool
    milliseconds: float | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class StatusView:
    """How everything is; `wrong` says in sentences what does not work, `counts` what there is how often."""

    at: float
    up: bool
    wrong: tuple[str, ...]
    parts: tuple[PartStatus, ...]
    counts: dict[str, float] = field(default_factory=dict)


class Status:
    """Tells how everything is."""

    needed = Needs("read")

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._history = StatusHistory()

    async def watch(self) -> None:
        """Look at everything again and again, so that there is something to show of the last hours."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Look at everything once, and keep what was seen."""
        self._note(*await self._look())

    @needs("read")
    async def history(self, actor: Actor) -> StatusSeries:
        """Show what this process has seen since it began, of the last day; the numbers are an admin's."""
        return self._history.series(time.time() - DAY, COUNTS if actor.is_admin else ())

    async def get(self, actor: Actor | None) -> StatusView:
        """Show the status; without anybody who asks, if ``[web] public_status`` lets everybody see it.

        Whoever is no admin sees what works and what does not, but neither numbers nor reasons.

        Raises:
            Forbidden: Nobody asks, and it is not public.
        """
        if actor is not None:
            allow(actor, self.needed)
        elif not self._ground.settings.web.public_status:
            raise Forbidden("the status is not public here; log in first")
        parts, counts = await self._look()
        wrong = tuple(f"{one.part} of {one.node}: {one.reason}" for one in parts if not one.up)
        if actor is None or not actor.is_admin:
            parts = [PartStatus(one.part, one.node, one.up, one.milliseconds, None) for one in parts]
            wrong = tuple(f"{one.part} of {one.node} does not work" for one in parts if not one.up)
            counts = {}
        return StatusView(time.time(), not wrong, wrong, tuple(parts), counts)

    async def _look(self) -> tuple[list[PartStatus], dict[str, float]]:
        found, parts = await self._switch()
        counts = {name: float(found[name]) for name in COUNTS if isinstance(found.get(name), int | float)}
        return [await self._database(), *parts], counts

    def _note(self, parts: list[PartStatus], counts: dict[str, float]) -> None:
        now = time.time()
        for one in parts:
            self._history.note_part(now, one.part, one.node, one.milliseconds, is_up=one.up)
        self._history.note_counts(now, counts)

    async def _database(self) -> PartStatus:
        node, started = self._ground.settings.node, time.perf_counter()
        try:
            await self._ground.read(lambda c: c.execute(select(1)).scalar_one())
        except Unavailable as error:
            return PartStatus("database", node, False, None, str(error))
        return PartStatus("database", node, True, _since(started), None)

    async def _switch(self) -> tuple[Mapping[str, Any], list[PartStatus]]:
        node, started = self._ground.settings.node, time.perf_counter()
        try:
            found = await self._ground.ask("status")
        except UseCaseError as error:
            return {}, [PartStatus("switch", node, False, None, str(error))]
        parts = [PartStatus("switch", node, True, _since(started), None)]
        storage = found.get("storage") or {}
        reason = None
        if storage.get("is_away"):
            reason = "nothing can be stored now; calls that go on do so, new ones wait or are refused"
        elif storage.get("is_short"):
            reason = "the disk is nearly full; make room"
        parts.append(PartStatus("storage", node, reason is None, None, reason))
        return found, parts


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1_000, 3)

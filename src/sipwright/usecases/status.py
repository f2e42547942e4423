"""The status page: whether everything works, and what does not, in words."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from sipwright.monitor.rollups.bucket import Bucket
from sipwright.store.history.rollup_rows import read_rollups
from sipwright.store.schema import watching_tables
from sipwright.usecases.actor import Actor
from sipwright.usecases.errors import Forbidden, Unavailable, UseCaseError
from sipwright.usecases.ground import Ground
from sipwright.usecases.rights import Needs, allow, needs
from sipwright.usecases.status_history import VIEWS, StatusSeries, series_of

__all__ = ["COUNTS", "DRAWN", "AlertStatus", "PartStatus", "Status", "StatusView"]

COUNTS = ("calls", "legs", "phones", "scripts", "refused", "readers")
"""What is counted, for admins."""

DRAWN = (
    "calls", "calls_started", "calls_answered", "calls_failed_4xx", "calls_failed_5xx", "phones", "scripts", "requests",
    "retransmissions_received", "refused", "queue_rows", "cpu_seconds", "memory_bytes", "open_files",
)  # fmt: skip
"""The counts that have a graph, for admins."""

_LOOKED_AT = frozenset({"disk", "database"})
"""Alerts on what a look at the storage says already."""

SILENT_AFTER = 40.0
"""Seconds after which another node that has written nothing is taken to be away, if it writes every ten."""

REMEMBERED = 10.0
"""Seconds for which what was read for a graph serves all who look at it."""

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part of the switch; `milliseconds` is how long it took to answer, `since` when it was lost."""

    part: str
    node: str
    up: bool
    milliseconds: float | None
    reason: str | None
    since: float | None = None


@dataclass(frozen=True, slots=True)
class AlertStatus:
    """What the switch alerts about, or would if there was anybody to tell; `advice` is what to look at first."""

    text: str
    advice: str
    since: float


@dataclass(frozen=True, slots=True)
class StatusView:
    """How everything is; `wrong` says in sentences what does not work, `counts` what there is how often.

    `alerts` are what somebody has to look at though every part works; they and `counts` are an admin's.
    """

    at: float
    up: bool
    wrong: tuple[str, ...]
    parts: tuple[PartStatus, ...]
    counts: dict[str, float] = field(default_factory=dict)
    alerts: tuple[AlertStatus, ...] = ()


class Status:
    """Tells how everything is."""

    needed = Needs("read")

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._read: dict[tuple[str, int | None], tuple[float, StatusSeries]] = {}

    @needs("read")
    async def history(self, actor: Actor, view: str = "day") -> StatusSeries:
        """Show what was measured in the last day, week, month or year; the numbers are an admin's."""
        return await self._history(actor, view)

    async def public_history(self, view: str = "day") -> StatusSeries:
        """Show the same to everybody, without what is anybody's own, if ``[web] public_status`` says so."""
        self._public()
        return await self._history(None, view)

    async def get(self, actor: Actor | None) -> StatusView:
        """Show the status; without anybody who asks, if ``[web] public_status`` lets everybody see it.

        Whoever is no admin sees what works and what does not, but neither numbers nor reasons, and of providers
        their own.

        Raises:
            Forbidden: Nobody asks, and it is not public.
        """
        if actor is not None:
            allow(actor, self.needed)
        else:
            self._public()
        found, parts = await self._look()
        counts, alerts = _counts_of(found), _alerts_of(found)
        parts = [one for one in parts if _is_seen(one.part, actor)]
        wrong = tuple(f"{_named(one, actor)}: {one.reason}" for one in parts if not one.up)
        if actor is None or not actor.is_admin:
            parts = [_without_reason(one, actor) for one in parts]
            wrong = tuple(f"{_named(one, actor)} does not work" for one in parts if not one.up)
            counts, alerts = {}, ()
        return StatusView(time.time(), not wrong, wrong, tuple(parts), counts, alerts)

    def _public(self) -> None:
        if not self._ground.settings.web.public_status:
            raise Forbidden("the status is not public here; log in first")

    async def _history(self, actor: Actor | None, view: str) -> StatusSeries:
        key = view, None if actor is None else actor.user_id
        known = self._read.get(key)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        now, chosen = self._ground.now, VIEWS[view]
        rows = await self._ground.read(lambda c: read_rollups(c, chosen.span, now - chosen.seconds, now))
        is_admin = actor is not None and actor.is_admin
        seen = None if is_admin else {part for row in rows[-20:] for part in _own_parts(row.document, actor)}
        found = series_of(view, rows, DRAWN if is_admin else (), is_seen=seen)
        if len(self._read) >= 100:
            self._read.clear()
        self._read[key] = time.monotonic() + REMEMBERED, found
        return found

    async def _look(self) -> tuple[Mapping[str, Any], list[PartStatus]]:
        found, parts = await self._switch()
        database, others = await self._database()
        asked = {one.part: one for one in parts}
        if database.up and (own := asked.pop("database", None)) is not None:
            database = own
        return found, [database, *(one for one in parts if one.part != "database"), *others]

    async def _database(self) -> tuple[PartStatus, list[PartStatus]]:
        """Look at the database, and find in it how the other nodes are."""
        node, started = self._ground.settings.node, time.perf_counter()
        now = self._ground.now
        try:
            others = await self._ground.look(lambda c: list(_of_other_nodes(c, node, now)))
        except Unavailable as error:
            return PartStatus("database", node, False, None, str(error)), []
        return PartStatus("database", node, True, _since(started), None), others

    async def _switch(self) -> tuple[Mapping[str, Any], list[PartStatus]]:
        node, started = self._ground.settings.node, time.perf_counter()
        try:
            found = await self._ground.ask("status")
        except UseCaseError as error:
            return {}, [PartStatus("switch", node, False, None, str(error))]
        asked = {one["part"]: _part_of(one, node) for one in found.get("parts") or ()}
        parts = [asked.pop("switch", PartStatus("switch", node, True, _since(started), None))]
        storage = found.get("storage") or {}
        reason = None
        if storage.get("is_away"):
            reason = "nothing can be stored now; calls that go on do so, new ones wait or are refused"
        elif storage.get("is_behind"):
            reason = "the database is away; what is committed waits on the disk, and calls go on"
        elif storage.get("is_short"):
            reason = "the disk is nearly full; make room"
        elif storage.get("key_fault"):
            reason = storage["key_fault"]
        parts.append(PartStatus("storage", node, reason is None, None, reason))
        return found, [*parts, *asked.values()]


def _counts_of(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(found[name]) for name in COUNTS if isinstance(found.get(name), int | float)}


def _alerts_of(found: Mapping[str, Any]) -> tuple[AlertStatus, ...]:
    """Return what is alerted about beside what the parts say of themselves."""
    return tuple(
        AlertStatus(one["text"], one["advice"], float(one["since"]))
        for one in found.get("alerts") or ()
        if one["key"] not in _LOOKED_AT and not one["key"].startswith("part/")
    )


def _part_of(said: Mapping[str, Any], node: str) -> PartStatus:
    is_up = bool(said["up"])
    return PartStatus(
        said["part"], node, is_up, said["milliseconds"] if is_up else None,
        None if is_up else said["reason"], None if is_up else said["since"],
    )  # fmt: skip


def _of_other_nodes(connection: Connection, node: str, now: float) -> Iterable[PartStatus]:
    """Tell of other nodes by the last row that each has written within a day."""
    column = watching_tables.rollups.c
    newest = (
        select(column.node, func.max(column.at))
        .where(column.span == 10, column.at > int(now - DAY), column.node != node)
        .group_by(column.node)
    )
    for name, at in connection.execute(newest).all():
        row = next(row for row in read_rollups(connection, 10, at, at) if row.node == name)
        is_silent = now - at > SILENT_AFTER
        for part, measure in Bucket.from_document(10, at, row.document).parts.items():
            if is_silent:
                yield PartStatus(part, name, False, None, "nothing has been heard of that node", float(at))
            elif measure.down:
                yield PartStatus(part, name, False, None, "it was lost three times in a row", None)
            else:
                yield PartStatus(part, name, True, measure.answers.mean, None)


def _is_seen(part: str, actor: Actor | None) -> bool:
    """Return whether somebody sees a part: what is a user's own is called kind/user/name."""
    owned = part.partition("/")[2]
    return not owned or (actor is not None and (actor.is_admin or owned.startswith(f"{actor.name}/")))


def _own_parts(document: bytes, actor: Actor | None) -> list[str]:
    parts = Bucket.from_document(0, 0, document).parts
    return [part for part in parts if "/" in part and _is_seen(part, actor)]


def _without_reason(one: PartStatus, actor: Actor | None) -> PartStatus:
    return PartStatus(one.part, one.node, one.up, one.milliseconds, None, one.since)


def _named(one: PartStatus, actor: Actor | None) -> str:
    kind, _, owned = one.part.partition("/")
    if not owned:
        return f"{one.part} of {one.node}"
    user, _, name = owned.partition("/")
    return f"{kind} {name}" if actor is not None and user == actor.name else f"{kind} {name} of {user}"


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1_000, 3)

"""Watches the node itself: each part is asked every few seconds, all is counted, and both are rolled up into rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from sipwright.certificate import certificate_files
from sipwright.monitor.alerts.rules import Seen
from sipwright.monitor.probes.phone import PATIENCE, ProbePhone
from sipwright.monitor.probes.prober import Prober
from sipwright.monitor.rollups.rollups import LOST_AFTER, SPANS, Rollups
from sipwright.services.rows import RollupRow
from sipwright.sip import Reject
from sipwright.store import StoreError
from sipwright.store.history.rollup_rows import forget_rollups, last_rows
from sipwright.store.live.node_register import edges_of_others
from sipwright.transport.networks import network_of

from .alerting import Alerting, certificate_ends
from .counts import Changes, Counted, read_counts
from .self_probes import Probed, SelfProbes

if TYPE_CHECKING:
    from sipwright.steady_clock import SteadyClock

__all__ = ["Monitoring", "Watched"]

log = structlog.get_logger(__name__)

CERTIFICATES_EVERY = 3_600.0
"""Seconds between two looks at until when our certificates are good."""


class Watched(Probed, Counted, Protocol):
    """The parts of a node that are watched."""

    clock: SteadyClock


MOST_ALERTS = 20
"""Things that are wrong and are told of, the newest, to who asks."""


class Monitoring:
    """The watch of one node over itself."""

    def __init__(self, node: Watched, readers: Callable[[], int]) -> None:
        """`readers` tells how many read the events of the node."""
        self._node = node
        self._readers = readers
        self._every = node.settings.monitor.every
        self._probes = SelfProbes(node)
        self.prober = Prober(self._probes.probes)
        self._rollups = Rollups(node.settings.node)
        self._changes = Changes()
        settings = node.settings
        self.alerting = Alerting(
            settings.node,
            settings.data_dir,
            settings.monitor.alerts,
            per_hour=settings.monitor.alerts_per_hour,
        )
        self._certificates: Mapping[str, float] = {}
        self._certificates_at: float | None = None

    async def open(self) -> None:
        """Go on with what an earlier process has measured, and say that nobody has measured since."""
        if not self._every:
            return
        node = self._node
        self.alerting.load()
        await self._probes.open()
        rows = await node.store.database.read(lambda c: last_rows(c, node.settings.node))
        self._rollups.load(rows)
        self._put(self._absence(rows))

    async def close(self) -> None:
        """Ask nobody any more, and tell nobody."""
        await self._probes.close()
        await self.alerting.close()

    async def watch(self) -> None:
        """Look at everything again and again, until cancelled."""
        if not self._every:
            return
        await asyncio.sleep(self._every)
        while True:
            # In step with the clock, so that each row of the shortest span has one look.
            await asyncio.sleep(self._every - self._node.clock() % self._every)
            try:
                await self.look(self._node.clock())
            except Exception:  # the root of a task: the next look may work
                log.exception("the node could not be looked at")

    async def look(self, at: float) -> None:
        """Look at everything once; `at` is the Unix time."""
        await self._look_for_nodes()
        await self._probes.find_way()
        results = await self.prober.round(at)
        found = read_counts(self._node, self._readers())
        parts = {result.part: result.milliseconds for result in results}
        self._put(self._rollups.note(at, parts, self._changes.since_last(found)))
        self.alerting.look(await self._seen(found, at), at)

    async def _look_for_nodes(self) -> None:
        """Find out where the edges of the other nodes are; while the database is away they are where they were."""
        node = self._node
        if node.store.is_shared:
            try:
                async with asyncio.timeout(PATIENCE):
                    self._probes.edges = await node.store.database.read(
                        lambda c: edges_of_others(c, node.settings.node), of_nodes=False
                    )
            except (StoreError, TimeoutError) as error:
                log.debug("the other nodes cannot be looked for", error=str(error))

    async def _seen(self, counts: dict[str, float], at: float) -> Seen:
        node = self._node
        if self._certificates_at is None or at - self._certificates_at >= CERTIFICATES_EVERY:
            self._certificates_at = at
            self._certificates = await asyncio.to_thread(certificate_ends, certificate_files(node.settings))
        return Seen(
            list(self.prober.states.values()), counts, node.store.is_away, node.refusals.is_short,
            self._certificates,
        )  # fmt: skip

    def happened(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take what the guard has done; of whoever is banned it counts whether they are in a call."""
        if kind == "ban.added":
            there = {_network(leg.source) for leg in self._node.switch.ports.legs.values()}
            data = {**data, "had_calls": data.get("address") in there}
        self.alerting.rules.happened(kind, data, self._node.clock())

    @property
    def phone(self) -> ProbePhone | None:
        """The phone inside the node."""
        return self._probes.phone

    async def forget(self) -> None:
        """Delete the rows that have been kept for long enough."""
        kept = {span.seconds: float(span.kept) for span in SPANS}
        await forget_rollups(self._node.store.database, kept, self._node.clock())

    def parts(self) -> list[dict[str, Any]]:
        """Return how each part stands, for people."""
        return [
            {
                "part": state.part, "up": not state.is_down, "at": state.at, "since": state.since,
                "milliseconds": state.milliseconds, "losses": state.losses, "reason": state.reason,
            }
            for state in self.prober.states.values()
        ]  # fmt: skip

    def alerts(self) -> list[dict[str, Any]]:
        """Return what is wrong now, as it is told, or would be if there was anybody to tell; for people."""
        found = sorted(self.alerting.book.open(), key=lambda one: one.since)
        return [
            {"key": one.key, "text": one.text, "advice": one.advice, "since": one.since}
            for one in found[-MOST_ALERTS:]
        ]

    def _absence(self, rows: list[RollupRow]) -> list[RollupRow]:
        finest = [row for row in rows if row.span == SPANS[0].seconds]
        now = self._node.clock()
        if not finest or now - finest[0].at < (LOST_AFTER + 1) * self._every:
            return []
        parts = [name for name in self._rollups.parts() if not name.startswith("provider/")]
        return self._rollups.note_absence(finest[0].at + self._every, now, self._every, parts)

    def _put(self, rows: list[RollupRow]) -> None:
        writer = self._node.store.writer
        try:
            for row in rows:
                writer.put("rollup", row[:3], row)
        except Reject:
            pass  # the database has been away for so long that it takes nothing more; the log has said it


def _network(source: str | None) -> str:
    return network_of(source) if source else ""

"""``/status``: what does not work now, in words; each part, what was counted, and calls, of the last day to year."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from nicegui.events import GenericEventArguments

from sipwright.usecases.errors import Unavailable
from sipwright.usecases.status import PartStatus, StatusView
from sipwright.usecases.status_history import CountPoint, PartPoint, StatusSeries
from sipwright.web.pages.charts import Bar, bars, count_strip, drawn, part_strip
from sipwright.web.pages.elements import card, note, pill, tag
from sipwright.web.pages.format import plural, sentence
from sipwright.web.pages.layout import frame
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Tabs

__all__ = ["named", "show"]

EVERY = 5.0
"""Seconds between two looks."""
DRAWN_EVERY = 60.0
"""Seconds after which graphs are drawn anew: a minute is a point of them."""

_HOUR, _DAY = 3_600.0, 86_400.0
_SPANS = {
    "day": ("24 hours", _DAY, _HOUR / 2, "in half an hour"),
    "week": ("Week", 7 * _DAY, 6 * _HOUR, "in six hours"),
    "month": ("Month", 30 * _DAY, _DAY, "in a day"),
    "year": ("Year", 364 * _DAY, 7 * _DAY, "in a week"),
}
"""The graphs of calls: label, length, how long a bar is, and in words."""

_AGO = {"day": "24 hours ago", "week": "a week ago", "month": "a month ago", "year": "a year ago"}

_NAMES = {
    "calls": "calls", "legs": "legs of calls", "phones": "phones registered", "scripts": "dialplans running",
    "refused": "requests refused", "readers": "readers of events", "calls_started": "calls begun in 10 s",
    "calls_answered": "calls answered in 10 s", "calls_failed_4xx": "calls not answered (4xx) in 10 s",
    "calls_failed_5xx": "calls not answered (5xx) in 10 s", "requests": "SIP requests in 10 s",
    "retransmissions_received": "requests that came again in 10 s", "queue_rows": "rows waiting for the database",
    "cpu_seconds": "CPU seconds in 10 s", "memory_bytes": "memory", "open_files": "open files",
}  # fmt: skip


def named(part: str, user: str | None = None) -> str:
    """Return what people call a part: a provider by its own name, and whose it is where that is not clear."""
    kind, _, owned = part.partition("/")
    if not owned:
        return kind
    owner, _, name = owned.partition("/")
    return f"{kind} {name}" if owner == user else f"{kind} {name} of {owner}"


async def show(visit: Visit) -> None:
    """Make the page."""
    await _Status(visit).build()


class _Status:
    """The status in one browser."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.view = "day"
        self.drawn_at = 0.0

    async def build(self) -> None:
        """Make the page."""
        self.shown = await self.visit.usecases.status.get(self.visit.actor)
        with frame(self.visit, "Status", "Whether everything works, looked at every ten seconds."):
            self.top = tag("div", "stack")
            Tabs("What is shown of the last", [(name, one[0]) for name, one in _SPANS.items()], self._turn)
            self.rooms = {
                name: tag(
                    "div", "stack wide", id=f"panel-{name}", role="tabpanel", aria_labelledby=f"tab-{name}"
                )
                for name in _SPANS
            }
            await self._draw_all()
        self.visit.live(self._keep_up)

    async def _turn(self, event: GenericEventArguments) -> None:
        self.view = str(event.args)
        with self.visit.telling():
            await self._draw_all()

    async def _draw_all(self) -> None:
        room = self.rooms[self.view]
        room.clear()
        with room:
            with card("Parts", flush=True):
                self.parts = tag("div")
            self.counts = tag("div")
            with card("Calls"):
                self.calls = tag("div", "stack")
        await self._draw()
        await self._draw_calls()

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                fresh = await self.visit.usecases.status.get(self.visit.actor)
                is_old = fresh.at - self.drawn_at > DRAWN_EVERY
                if is_old or _of(fresh) != _of(self.shown):
                    self.shown = fresh
                    await self._draw()
                if is_old:
                    await self._draw_calls()
            except Unavailable:
                continue

    # --- parts and counts ---

    async def _draw(self) -> None:
        series = await self.visit.usecases.status.history(self.visit.actor, self.view)
        found, self.drawn_at = self.shown, self.shown.at
        for room in (self.top, self.parts, self.counts):
            room.clear()
        with self.top:
            self._draw_top(found)
        points = {(one.node, one.part): one.points for one in series.parts}
        with self.parts:
            with tag("ul", "parts", aria_label="Parts of the switch"):
                for part in found.parts:
                    self._draw_part(part, points.get((part.node, part.part), ()))
            with tag("div", "axis inset", aria_hidden="true"):
                tag("span", "", _AGO[self.view])
                tag("span", "", "now")
            tag("p", "quiet small inset", self._about(series))
        if found.counts:
            with self.counts, card("Counts"), tag("div", "measures"):
                for name, value in found.counts.items():
                    self._draw_count(_NAMES.get(name, name), f"{value:,.6g}", series.counts.get(name, ()))
                for name, counted in series.counts.items():
                    if name not in found.counts and counted:
                        self._draw_count(_NAMES.get(name, name), _shown(name, counted[-1].mean), counted)

    def _draw_count(self, label: str, value: str, points: Sequence[CountPoint]) -> None:
        with tag("div", "measure", data_testid="count"):
            with tag("p", "figures"):
                tag("b", "", value)
                tag("span", "quiet small", label)
            drawn(count_strip(label, points, self.shown.at, self.view))

    def _draw_top(self, found: StatusView) -> None:
        for wrong in found.wrong:
            note(sentence(wrong), "bad", role="alert")
        for alert in found.alerts:
            first = f" Look first: {alert.advice}." if alert.advice else ""
            note(
                f"{sentence(alert.text)} Since {self.visit.moment(alert.since)}.{first}", "warn", role="alert"
            )
        if not found.wrong and not found.alerts:
            works = "Everything works." if found.up else "The switch does not answer."
            note(works, "good" if found.up else "bad")

    def _draw_part(self, part: PartStatus, points: tuple[PartPoint, ...]) -> None:
        label = named(part.part, self.visit.actor.name)
        with tag("li", "part", data_testid="part"):
            with tag("div", "name"):
                tag("b", "", label)
                tag("span", "quiet small", part.node)
            with tag("div", "state"):
                pill("works", "good") if part.up else pill("does not work", "bad")
                took = f"{part.milliseconds:.1f} ms" if part.milliseconds else ""
                lost = "" if part.since is None else f"since {self.visit.moment(part.since)}"
                why = ": ".join(filter(None, (lost, part.reason)))
                tag("span", "quiet small figures", took if part.up else why)
            if points:
                drawn(
                    part_strip(f"{label} of {part.node}", points, self.shown.at, self.view, self.visit.moment)
                )

    def _about(self, series: StatusSeries) -> str:
        told = "Each part is asked every ten seconds; three losses in a row are red. Higher is slower."
        if series.since is None:
            return f"{told} Nothing has been seen yet."
        return f"{told} Seen since {self.visit.moment(series.since)}."

    # --- calls ---

    async def _draw_calls(self) -> None:
        _, length, width, unit = _SPANS[self.view]
        until = self.visit.usecases.ground.unix_time()
        with self.visit.telling():
            found = await self.visit.usecases.cdrs.counts(self.visit.actor, until - length, until, width)
            self.calls.clear()
            with self.calls:
                self._draw_keys(sum(one.answered for one in found), sum(one.calls for one in found))
                bars(
                    [
                        Bar(
                            one.answered,
                            one.calls - one.answered,
                            self._told(one.at, one.calls, one.answered),
                        )
                        for one in found
                    ],
                    self.visit.moment(found[0].at)[:-3],
                    "now",
                    unit,
                )

    def _draw_keys(self, answered: int, calls: int) -> None:
        with tag("div", "row middle"):
            tag("span", "key", f"{answered:,} answered")
            tag("span", "key failed", f"{calls - answered:,} not answered")

    def _told(self, at: float, calls: int, answered: int) -> str:
        return f"{self.visit.moment(at)[:-3]}: {plural(calls, 'call')}, {answered:,} answered"


def _of(found: StatusView) -> object:
    parts = [(part.node, part.part, part.up, part.reason) for part in found.parts]
    return found.up, found.wrong, found.alerts, parts, found.counts


def _shown(name: str, value: float) -> str:
    return f"{value / 1_000_000:,.0f} MB" if name.endswith("_bytes") else f"{value:,.3g}"

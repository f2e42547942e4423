"""Calls per day, above their records: a bar for each day, which leads to its calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from nicegui.element import Element

from sipwright.usecases.cdrs import CdrDay, CdrFilter
from sipwright.web.pages.elements import button, tag
from sipwright.web.pages.format import plural, span
from sipwright.web.pages.visit import Visit

__all__ = ["DayChart", "each_day"]

MOST_BARS = 400
_CHARTED = 30 * 86_400.0
"""Seconds of the chart without conditions, as the use case has it."""


def each_day(found: Sequence[CdrDay], first: date, last: date) -> tuple[CdrDay, ...]:
    """Return a day for each from the first to the last, unless nobody could tell so many bars apart."""
    days = (last - first).days + 1
    if not 0 < days <= MOST_BARS:
        return tuple(found)
    by_day = {day.day: day for day in found}
    names = [(first + timedelta(days=number)).isoformat() for number in range(days)]
    return tuple(by_day.get(name) or CdrDay(name, 0, 0, 0, 0.0) for name in names)


class DayChart:
    """The chart of some records; `query` is what stands in the address."""

    def __init__(self, visit: Visit, which: CdrFilter, query: dict[str, str], room: Element) -> None:
        self.visit = visit
        self.which = which
        self.query = query
        self.room = room

    async def draw(self) -> None:
        """Count, and draw unless there were no calls."""
        found = await self.visit.usecases.cdrs.per_day(self.visit.actor, self.which)
        days = each_day(found, self._first_day(), self._last_day())
        if any(day.calls for day in days):
            with self.room:
                self._bars(days)

    def _first_day(self) -> date:
        since = self.which.from_
        return self._day_of(self.visit.usecases.ground.unix_time() - _CHARTED if since is None else since)

    def _last_day(self) -> date:
        now = self.visit.usecases.ground.unix_time()
        return self._day_of(now if self.which.to is None else min(now, self.which.to - 1))

    def _day_of(self, at: float) -> date:
        return datetime.fromtimestamp(at, ZoneInfo(self.visit.zone)).date()

    def _bars(self, days: tuple[CdrDay, ...]) -> None:
        most = max(day.calls for day in days)
        total, answered = sum(day.calls for day in days), sum(day.answered for day in days)
        with tag("section", "card", aria_label="Calls per day"):
            with tag("div", "card-head"):
                tag("h2", "", "Calls per day")
                with tag("div", "row middle"):
                    tag("span", "key", f"{answered:,} answered")
                    tag("span", "key failed", f"{total - answered:,} not answered")
            with tag("figure"):
                with tag(
                    "div",
                    "bars",
                    role="group",
                    aria_label=f"{plural(total, 'call')} in {plural(len(days), 'day')}",
                ):
                    for day in days:
                        self._bar(day, most)
                with tag("div", "axis", aria_hidden="true"):
                    tag("span", "", days[0].day)
                    tag("span", "", f"at most {plural(most, 'call')} a day")
                    tag("span", "", days[-1].day)

    def _bar(self, day: CdrDay, most: int) -> None:
        told = f"{day.day}: {plural(day.calls, 'call')}, {day.answered:,} answered, talked for {span(day.talked)}"
        query = {**self.query, "from": day.day, "to": day.day}
        with button(
            "", lambda: self.visit.go(f"/cdrs?{urlencode(query)}"), title=told, aria_label=told
        ) as bar:
            bar.classes(replace="bar")
            tag("i", "failed").style(f"height: {100 * (day.calls - day.answered) / most:.2f}%")
            tag("i").style(f"height: {100 * day.answered / most:.2f}%")

"""``/cdrs``: what became of calls, found, sorted, counted per day and taken along; the address says what is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from nicegui.events import GenericEventArguments

from sipwright.usecases.cdrs import CdrDay, CdrFilter, CdrView
from sipwright.usecases.errors import Invalid
from sipwright.web.pages.elements import button, card, link, tag
from sipwright.web.pages.format import bare, plural, span, status_look
from sipwright.web.pages.layout import frame
from sipwright.web.pages.pager import Pager
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Table

__all__ = ["csv_lines", "each_day", "show", "wanted"]

ON_PAGE = 100
MOST_BARS = 400
_CHARTED = 30 * 86_400.0
"""Seconds of the chart without conditions, as the use case has it."""
_DAY = timedelta(days=1)

_COLUMNS = (
    {"key": "at", "label": "Began", "whole": True, "sorts": True},
    {"key": "from", "label": "From"},
    {"key": "to", "label": "To"},
    {"key": "status", "label": "Response"},
    {"key": "talked", "label": "Talked", "end": True},
    {"key": "act", "label": "Trace", "unseen": True},
)
_OUTCOMES = (
    ("", "any"), ("answered", "answered"), ("failed", "not answered"), ("486", "486 busy"), ("404", "404 not found"),
    ("4xx", "4xx refused"), ("5xx", "5xx our or their fault"), ("6xx", "6xx refused everywhere"),
)  # fmt: skip
_DIRECTIONS = (("", "any"), ("in", "in"), ("out", "out"), ("refused", "refused"), ("callback", "callback"))

_CSV = (
    "call", "call_id", "leg", "direction", "user", "account", "from_uri", "to_uri", "target", "answered_by", "dialplan",
    "dialplan_version", "started_at", "rang_at", "answered_at", "ended_at", "talked", "status", "reason", "hung_up_by",
    "sip_call_id",
)  # fmt: skip


async def show(visit: Visit) -> None:
    """Make the page."""
    await _Records(visit).build()


def wanted(query: dict[str, str], timezone: str = "UTC") -> CdrFilter:
    """Read conditions as they stand in an address; its days are those of a time zone.

    Raises:
        Invalid: One of them cannot be understood.
    """
    zone = ZoneInfo(timezone)
    return CdrFilter(
        from_=_day(query.get("from"), "from", zone),
        to=_day(query.get("to"), "to", zone, after=_DAY),
        account=query.get("account") or None,
        direction=query.get("direction") or None,
        status=query.get("status") or None,
        q=query.get("q") or None,
        by_call=not query.get("legs"),
    )


def _day(text: str | None, name: str, zone: ZoneInfo, after: timedelta = timedelta()) -> float | None:
    if not text:
        return None
    try:
        return (datetime.fromisoformat(text).replace(tzinfo=zone) + after).timestamp()
    except ValueError:
        raise Invalid.of(name, f"{text!r} is no day; write one such as 2026-11-29") from None


async def csv_lines(rows: AsyncIterator[CdrView]) -> AsyncIterator[str]:
    """Give the lines of a CSV file, with a head."""
    yield ",".join(_CSV) + "\r\n"
    async for row in rows:
        yield ",".join(_quoted(getattr(row, name)) for name in _CSV) + "\r\n"


def _quoted(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    if text[:1] in "=+-@\t\r" and isinstance(value, str):
        text = f"'{text}"  # a spreadsheet would run it
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\r\n') else text


def each_day(found: Sequence[CdrDay], first: date, last: date) -> tuple[CdrDay, ...]:
    """Return a day for each from the first to the last, unless nobody could tell so many bars apart."""
    days = (last - first).days + 1
    if not 0 < days <= MOST_BARS:
        return tuple(found)
    by_day = {day.day: day for day in found}
    names = [(first + timedelta(days=number)).isoformat() for number in range(days)]
    return tuple(by_day.get(name) or CdrDay(name, 0, 0, 0, 0.0) for name in names)


class _Records:
    """The records in one browser."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.query = {key: value for key, value in visit.query.items() if value}
        self.pager = Pager(ON_PAGE, self._load)
        self.fields: dict[str, Field] = {}

    async def build(self) -> None:
        """Make the page."""
        fault: Invalid | None = None
        try:
            self.which = wanted(self.query, self.visit.zone)
        except Invalid as error:
            self.which, fault = CdrFilter(by_call=True), error
        self.oldest_first = self.query.get("sort") == "oldest"
        with frame(self.visit, "Call records", "What became of calls. A record is kept of each.") as head:
            with head:
                link("Export as CSV", f"/cdrs.csv?{urlencode(self.query)}", "button", download="")
            self._filter(fault)
            self.chart = tag("div")
            with card("Records", flush=True):
                self.room = tag("div")
                back, forth = ("Older", "Newer") if self.oldest_first else ("Newer", "Older")
                self.pager.build("Pages of records", back, forth)
            await self._load()
            await self._draw_chart()

    def _filter(self, fault: Invalid | None) -> None:
        get = self.query.get
        with tag("section", "card", aria_label="Find records"):
            with tag("div", "cdr-find"):
                self.fields["q"] = Field(
                    "Find", get("q", ""), kind="search", placeholder="alice, 3531, a call's id"
                )
                self.fields["from"] = Field("From", get("from", ""), kind="date")
                self.fields["to"] = Field("To", get("to", ""), kind="date")
                button("Find records", self._apply, kind="main")
                if self.query:
                    link("Show all", "/cdrs", "button")
            with tag("details", "more") as more:
                if any(get(name) for name in ("account", "direction", "status", "legs")):
                    more.props["open"] = True
                tag("summary", "", "More conditions")
                with tag("div", "fields"):
                    self.fields["account"] = Field("Account", get("account", ""))
                    self.fields["direction"] = Field(
                        "Direction", get("direction", ""), kind="select", options=_DIRECTIONS
                    )
                    self.fields["status"] = Field(
                        "Outcome", get("status", ""), kind="select", options=_OUTCOMES
                    )
                    self.fields["legs"] = Field("Each leg on its own line", bool(get("legs")), kind="check")
            for field in self.fields.values():
                field.on("enter", self._apply)
        if fault is not None:
            for one in fault.fields:
                self.fields[one.field or "q"].fault = one.message

    def _apply(self) -> None:
        chosen = {name: field.value for name, field in self.fields.items() if field.value}
        if chosen.get("legs"):
            chosen["legs"] = "1"
        if self.oldest_first:
            chosen["sort"] = "oldest"
        self.visit.go(f"/cdrs?{urlencode(chosen)}" if chosen else "/cdrs")

    async def _load(self) -> None:
        with self.visit.telling(**self.fields):
            page = await self.visit.usecases.cdrs.list(
                self.visit.actor,
                self.which,
                oldest_first=self.oldest_first,
                limit=ON_PAGE,
                cursor=self.pager.cursor,
            )
            self._show([_row(self.visit, cdr) for cdr in page.items])
            self.pager.tell(len(page), page.next)

    def _show(self, rows: list[dict[str, Any]]) -> None:
        self.room.clear()
        with self.room:
            if rows:
                Table(
                    "Call records", _COLUMNS, rows, on_sort=self._turn_round, sort="at",
                    descending=not self.oldest_first,
                    testid="cdr",
                )  # fmt: skip
            else:
                self._nothing()

    def _nothing(self) -> None:
        with tag("div", "empty"):
            if self.query:
                tag("h3", "", "No call fits")
                tag("p", "", "Take away a condition, or look at more days.")
                link("Show all", "/cdrs", "button main")
            else:
                tag("h3", "", "No calls yet")
                tag(
                    "p",
                    "",
                    "A record is written when a call has ended. Place a test call on the switchboard.",
                )
                link("Go to the switchboard", "/", "button main")

    def _turn_round(self, _event: GenericEventArguments) -> None:
        query = dict(self.query)
        query.pop("sort", None)
        if not self.oldest_first:
            query["sort"] = "oldest"
        self.visit.go(f"/cdrs?{urlencode(query)}" if query else "/cdrs")

    async def _draw_chart(self) -> None:
        with self.visit.telling(**self.fields):
            found = await self.visit.usecases.cdrs.per_day(self.visit.actor, self.which)
            days = each_day(found, self._first_day(), self._last_day())
            if any(day.calls for day in days):
                with self.chart:
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


def _row(visit: Visit, cdr: CdrView) -> dict[str, Any]:
    heard = f"{cdr.status or ''} {cdr.reason or ''}".strip() or "no response"
    return {
        "id": f"{cdr.call_id}-{cdr.leg}",
        "at": {
            "text": visit.moment(cdr.started_at),
            "under": f"{cdr.direction}, leg {cdr.leg}" if cdr.leg else cdr.direction,
        },
        "from": {"text": bare(cdr.from_uri), "under": _whose(cdr)},
        "to": {"text": bare(cdr.target or cdr.to_uri), "under": _answerer(cdr)},
        "status": {"text": heard, "state": status_look(cdr.status) or "none"},
        "talked": {
            "text": span(cdr.talked),
            "under": f"ended by {cdr.hung_up_by}" if cdr.hung_up_by else None,
        },
        "act": {
            "actions": [{"name": "trace", "label": "Trace", "href": f"/calls/{cdr.call_id}"}],
            "of": cdr.call_id[:8],
        },
    }


def _answerer(cdr: CdrView) -> str | None:
    """Return who has answered, where that is not who was called."""
    who = bare(cdr.answered_by)
    return f"answered by {who}" if who and who != bare(cdr.to_uri) else None


def _whose(cdr: CdrView) -> str | None:
    account = cdr.account if cdr.account and cdr.account != bare(cdr.from_uri) else None
    return ", ".join(part for part in (account, cdr.user) if part) or None

"""``/cdrs``: what became of calls, found, sorted and taken along; the address says what is shown."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from nicegui.events import GenericEventArguments

from sipwright.usecases.cdrs import CdrFilter, CdrView
from sipwright.usecases.errors import Invalid
from sipwright.web.pages.cdr_chart import DayChart
from sipwright.web.pages.cdr_query import wanted
from sipwright.web.pages.elements import button, card, link, tag
from sipwright.web.pages.format import bare, ended_by, span, status_look
from sipwright.web.pages.layout import frame
from sipwright.web.pages.pager import Pager
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field, Table

__all__ = ["show"]

ON_PAGE = 100
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


async def show(visit: Visit) -> None:
    """Make the page."""
    await _Records(visit).build()


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
            with self.visit.telling(**self.fields):
                await DayChart(self.visit, self.which, self.query, self.chart).draw()

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
                field.on_enter(self._apply)
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
            "under": ended_by(cdr.hung_up_by),
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

"""``/console``: everything that happens, as it happens; filtered, searched, and held still to be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from nicegui.events import ValueChangeEventArguments

from sipwright.control.events import Event
from sipwright.usecases.errors import Invalid
from sipwright.web.pages.elements import actions, button, tag, text
from sipwright.web.pages.layout import frame
from sipwright.web.pages.live import EventLog
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Field

__all__ = ["show", "told"]

COALESCE = 0.1
"""Seconds over which events are gathered before they are sent."""
MOST_AT_ONCE = 500
"""So many of those that were gathered are shown, the newest: nobody reads more."""

_BAD = frozenset({"script.failed", "security.refused", "ban.added"})


async def show(visit: Visit) -> None:
    """Make the page."""
    await _Console(visit).build()


class _Console:
    """The console in one browser."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.filter = visit.query.get("filter", "")
        self.following: asyncio.Task[None] | None = None
        self.waiting: list[Event] = []
        self.woken = asyncio.Event()
        self.paused = False

    async def build(self) -> None:
        """Make the page."""
        with frame(self.visit, "Console", "Everything that happens, as it happens."):
            with tag("section", "card", aria_label="What is shown"), tag("div", "row"):
                self.field = Field(
                    "Filter", self.filter, placeholder="event call and user alice and regex 503",
                    hint="event, user, call, node or regex with a word each; and, or, not, brackets. Enter applies it.",
                )  # fmt: skip
                self.field.style("flex: 2 1 22rem")
                self.field.on_enter(self._refilter)
                search = Field("Search", kind="search", hint="Marks and keeps lines with that text.")
                search.style("flex: 1 1 14rem")
                search.on_value_change(self._search)
            with tag("section", "card flush", aria_label="Events"):
                with tag("div", "card-head"):
                    self.state = tag("p", "quiet small", "Waiting for events.", role="status")
                    with actions():
                        self.pause = button("Pause", self._turn_pause, aria_pressed="false")
                        button("Clear", lambda: self.log.clear_all())
                self.log = EventLog("Events")
                with self.log:
                    tag("h2", "", "Nothing has happened yet")
                    tag(
                        "p",
                        "",
                        "Calls, registrations, scripts and refusals show here when they happen. Place a call.",
                    )
        self.visit.live(self._begin)
        self.visit.live(self._send)

    async def _begin(self) -> None:
        self.following = asyncio.current_task()
        actor, wanted = self.visit.actor, self.filter

        def follow() -> AsyncIterator[Event]:
            return self.visit.usecases.events.follow(actor, q=wanted or None)

        try:
            await self.visit.persistently(follow, self._take)
        except Invalid as error:
            self.field.fault = error.fields[0].message if error.fields else str(error)
            text(self.state, "Nothing is shown until the filter is right.")

    def _take(self, event: Event) -> None:
        self.waiting.append(event)
        if len(self.waiting) > MOST_AT_ONCE:
            del self.waiting[:-MOST_AT_ONCE]
        self.woken.set()

    async def _send(self) -> None:
        while True:
            await self.woken.wait()
            self.woken.clear()
            events, self.waiting = self.waiting, []
            if events:
                self.log.append([_line(self.visit, event) for event in events])
                if not self.paused:
                    text(
                        self.state,
                        f"Live. The last event came at {self.visit.time_of_day(events[-1].at)[:8]}.",
                    )
            await asyncio.sleep(COALESCE)

    def _refilter(self) -> None:
        self.filter = str(self.field.value).strip()
        self.field.fault = ""
        if self.following is not None:
            self.following.cancel()
        text(
            self.state,
            f"Waiting for events that fit “{self.filter}”." if self.filter else "Waiting for events.",
        )
        self.log.clear_all()
        self.visit.live(self._begin)

    def _search(self, change: ValueChangeEventArguments[Any]) -> None:
        self.log.set(search=str(change.value)[:100])

    def _turn_pause(self) -> None:
        self.paused = not self.paused
        self.pause._text = "Go on" if self.paused else "Pause"
        self.pause.props["aria-pressed"] = "true" if self.paused else "false"
        self.log.set(paused=self.paused)
        if self.paused:
            text(self.state, "Paused. What happens meanwhile is shown when you go on.")


def _line(visit: Visit, event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": visit.time_of_day(event.at),
        "date": visit.moment(event.at),
        "type": event.type,
        "user": event.user or "",
        "call": event.call or "",
        "text": told(event),
        "look": "bad" if event.type in _BAD else "",
    }


def told(event: Event) -> str:
    """Write what an event carries on one line: names with values, as the log does."""
    return "  ".join(
        f"{name}={_shown(value)}" for name, value in event.data.items() if value not in (None, "")
    )


def _shown(value: Any) -> str:
    shown = str(value)
    return f'"{shown}"' if " " in shown else shown

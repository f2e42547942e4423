"""``/guard``: what calls that leave may cost and have cost, what was held back, and what is usual."""

from __future__ import annotations

from typing import Any

from nicegui.events import GenericEventArguments

from sipwright.usecases.guard import GuardView
from sipwright.usecases.page import MOST, everything
from sipwright.usecases.unusual_calls import UnusualCallView, UsualView
from sipwright.web.pages.elements import button, card, facts, link, tag
from sipwright.web.pages.format import plural, span
from sipwright.web.pages.guard_limits import GuardLimits
from sipwright.web.pages.layout import frame
from sipwright.web.pages.visit import Visit
from sipwright.web.pages.widgets import Table

__all__ = ["show"]

ON_PAGE = 100
_HELD = (
    {"key": "to", "label": "To"},
    {"key": "why", "label": "Why"},
    {"key": "times", "label": "Tries", "end": True},
    {"key": "last", "label": "Last", "whole": True},
    {"key": "state", "label": "State"},
    {"key": "code", "label": "Code"},
    {"key": "act", "label": "Confirm", "unseen": True},
)
_EVERYBODY = (
    {"key": "user", "label": "User"},
    {"key": "open", "label": "Open"},
    {"key": "spent", "label": "Spent today", "end": True},
    {"key": "reserved", "label": "Set aside", "end": True},
    {"key": "money", "label": "A day", "end": True},
    {"key": "minutes", "label": "Minutes today", "end": True},
    {"key": "calls", "label": "Calls today", "end": True},
)
_ABOUT = (
    "Calls that leave by a provider are held to limits, and those unlike all others are held back until somebody whose "
    "they are confirms them. Emergency calls always leave."
)
_STATES = {"held back": "warn", "confirmed": "good", "over": ""}


async def show(visit: Visit) -> None:
    """Make the page: one's own, or a user's for an admin."""
    name = visit.request.path_params.get("name")
    view = await visit.usecases.guard.show(visit.actor, name)
    await _GuardPage(visit, view, is_of_all=name is None and visit.actor.is_admin).build()


class _GuardPage:
    """What concerns one user, in one browser; an admin's own page has everybody on it."""

    def __init__(self, visit: Visit, view: GuardView, *, is_of_all: bool) -> None:
        self.visit = visit
        self.view = view
        self.is_of_all = is_of_all
        self.calls = visit.usecases.unusual_calls

    async def build(self) -> None:
        """Make the page."""
        visit, view = self.visit, self.view
        is_other = view.name != visit.actor.name
        title, back = (view.name, ("Guard", "/guard")) if is_other else ("Guard", None)
        limits = GuardLimits(visit, view)
        with frame(visit, title, _ABOUT, back=back) as head:
            if visit.actor.is_admin:
                limits.build()
                with head:
                    button("Change limits", limits.open, kind="main")
                    button("Begin anew", self._forgive, unseen="with what was used today")
            with card("Held back", flush=True):
                self.room = tag("div")
            await self._load()
            with tag("div", "pair"):
                self._today()
                self._usual(await self.calls.usual(visit.actor, view.name))
            if self.is_of_all:
                await self._everybody()

    async def _load(self) -> None:
        user = None if self.is_of_all else self.view.name
        page = await self.calls.list(self.visit.actor, user=user, limit=ON_PAGE)
        self.room.clear()
        with self.room:
            if page.items:
                Table("Calls that were held back", _HELD, [self._row(call) for call in page.items], testid="unusual",
                      on_act=self._act)  # fmt: skip
                return
            with tag("div", "empty"):
                tag("h3", "", "Nothing is held back")
                tag("p", "", "A call that is unlike all others would wait here for somebody to confirm it.")

    def _row(self, call: UnusualCallView) -> dict[str, Any]:
        action = {"confirmed": ("undo", "Hold back again"), "held back": ("confirm", "Confirm")}.get(
            call.state
        )
        whose = f"{call.place}, from {call.account or call.user}"
        until = self.visit.moment(call.until_at) if call.until_at else None
        return {
            "id": str(call.id),
            "to": {"text": call.number, "under": whose},
            "why": call.why,
            "times": str(call.times),
            "last": self.visit.moment(call.last_at),
            "state": {"text": call.state, "state": _STATES[call.state], "under": until and f"until {until}"},
            "code": {"text": call.code, "code": True} if call.code else "",
            "act": ""
            if action is None
            else {"actions": [{"name": action[0], "label": action[1]}], "of": call.number},
        }

    async def _act(self, event: GenericEventArguments) -> None:
        number, is_confirmed = int(event.args["id"]), event.args["name"] == "confirm"
        work = self.calls.confirm if is_confirmed else self.calls.undo
        if await self.visit.attempt(lambda: work(self.visit.actor, number)):
            self.visit.say("Call again: it leaves now." if is_confirmed else "It is held back again.")
            await self._load()

    def _today(self) -> None:
        view = self.view
        with card("The last 24 hours") as box:
            box.props["data-testid"] = "spending"
            facts([
                ("Spent", _of(view.money, view.money_per_day or self._usual_money())),
                ("Set aside for calls in progress", view.reserved),
                ("Minutes", _of(f"{view.minutes:g}", view.minutes_per_day)),
                ("Calls", str(view.calls)),
                ("Calls at once", _limit(view.calls_at_once)),
                ("Calls an hour", _limit(view.calls_per_hour)),
                ("Where calls may lead", ", ".join(("ordinary numbers", *view.destinations))),
            ])  # fmt: skip

    def _usual_money(self) -> str | None:
        money = self.visit.usecases.ground.settings.guard.money_per_day
        return f"{money:.2f}" if money else None

    def _usual(self, usual: UsualView) -> None:
        with card("What is usual") as box:
            box.props["data-testid"] = "usual"
            if not usual.calls:
                tag("p", "quiet", "Too few calls have left to tell: that takes 20 calls on three days.")
                return
            facts([
                ("Learnt from", f"{plural(usual.calls, 'call')} on {plural(usual.days, 'day')}"),
                ("Hours", _hours(usual.hours)),
                ("Places", ", ".join(usual.places[:12])),
                ("Calls at once", f"{usual.calls_at_once} at most"),
                ("Calls an hour", f"{usual.calls_per_hour} at most"),
                ("Minutes a day", f"{usual.minutes_per_day:g} at most"),
                ("Money a day", f"{usual.money_per_day} at most"),
                ("Longest call", span(usual.longest_call)),
            ])  # fmt: skip

    async def _everybody(self) -> None:
        guard = self.visit.usecases.guard
        found = everything(lambda cursor: guard.list(self.visit.actor, limit=MOST, cursor=cursor))
        with card("Everybody", flush=True):
            rows: list[dict[str, Any]] = []
            async for view in found:
                if len(rows) < ON_PAGE:
                    rows.append(_user_row(view))
            Table("Users", _EVERYBODY, rows, testid="guarded")
        if len(rows) == ON_PAGE:
            link("All users", "/users", "quiet")

    async def _forgive(self) -> None:
        forgive = self.visit.usecases.guard.forgive
        if await self.visit.attempt(lambda: forgive(self.visit.actor, self.view.name)):
            self.visit.go(f"/guard/{self.view.name}")


def _user_row(view: GuardView) -> dict[str, Any]:
    return {
        "id": view.name,
        "user": {"text": view.name, "href": f"/guard/{view.name}"},
        "open": ", ".join(view.destinations) or "ordinary numbers",
        "spent": view.money,
        "reserved": view.reserved,
        "money": view.money_per_day or "default",
        "minutes": f"{view.minutes:g}",
        "calls": str(view.calls),
    }


def _of(used: str, limit: float | str | None) -> str:
    text = f"{limit:g}" if isinstance(limit, float) else limit
    return used if text in (None, "unlimited") else f"{used} of {text}"


def _limit(value: int | None) -> str:
    return "no limit" if value is None else f"{value} at most"


def _hours(hours: tuple[int, ...]) -> str:
    """Write the hours of the day at which somebody calls, as stretches."""
    used = [False, *(calls > 0 for calls in hours), False]
    begins = [hour for hour in range(24) if used[hour + 1] and not used[hour]]
    ends = [hour + 1 for hour in range(24) if used[hour + 1] and not used[hour + 2]]
    return ", ".join(f"{begin} to {end}" for begin, end in zip(begins, ends, strict=True))
